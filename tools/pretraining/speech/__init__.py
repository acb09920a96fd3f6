"""Pre-training of the network for speech, and the recordings that the course brings."""
