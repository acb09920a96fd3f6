"""Networks that find things in images: the course's one-stage detector, and torchvision's on the same body."""
