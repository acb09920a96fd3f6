"""Images with boxes: drawn streets, blood cells, a learner's own; their loaders and what moves boxes with images."""
