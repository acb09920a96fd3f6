"""Figures of networks that are to be shipped."""
