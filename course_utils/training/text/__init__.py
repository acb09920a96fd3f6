"""What is particular to training networks on texts."""
