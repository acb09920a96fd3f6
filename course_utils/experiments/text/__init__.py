"""Experiments on texts: their ladder of baselines."""
