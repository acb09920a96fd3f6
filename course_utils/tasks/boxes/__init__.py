"""Tasks of detection: learners, average precision, and which found boxes are right."""
