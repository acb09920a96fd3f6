"""What was handed in comes in: layouts, archives, notebooks, and which cell answers which item."""
