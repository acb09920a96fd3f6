"""Figures of texts: where sentences lie, and which of their words decide."""
