"""Tasks on tables: which payments to check first, and what to recommend."""
