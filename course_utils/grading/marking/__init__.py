"""Marking: submissions run in the sandbox, their values are compared here, batch by batch."""
