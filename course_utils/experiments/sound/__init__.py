"""Experiments on sounds: the ladder of baselines."""
