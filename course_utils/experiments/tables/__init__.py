"""The ladder of baselines for tables."""
