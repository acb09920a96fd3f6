"""Turns assignments that were written for another grader into item banks; what can't become an item is listed."""
