"""Figures of payments."""
