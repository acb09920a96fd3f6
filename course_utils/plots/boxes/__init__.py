"""Figures of images with boxes."""
