"""Figures of sounds: what a network sees of them."""
