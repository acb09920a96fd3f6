"""The course's image networks in other frameworks, with the same weights."""
