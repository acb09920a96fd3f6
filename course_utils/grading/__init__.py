"""Grading: from a private item bank to notebooks, marks, feedback and gradebooks.

The process that holds the keys never imports torch or fastai and never runs a student's code; see `docs/grading.md`.
"""
