"""Encoders of texts, and the classifier that the course makes of them."""
