"""Figures of letters, in episodes."""
