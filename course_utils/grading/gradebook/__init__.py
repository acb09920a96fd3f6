"""The gradebook: one SQLite file of marks, of what people added to them, and of all that was."""
