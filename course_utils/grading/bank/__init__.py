"""The item bank: files of graded items, plain or locked, and what is another for each student."""
