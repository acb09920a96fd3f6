"""Sounds of the course: one module for each data set, your own recordings, and loaders of spectrograms."""
