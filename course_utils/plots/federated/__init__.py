"""Figures about training in many places."""
