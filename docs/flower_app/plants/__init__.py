"""Federated fine-tuning on Flower, with the course's local training."""
