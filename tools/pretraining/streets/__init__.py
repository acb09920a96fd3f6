"""Pre-training of the detector on drawn streets by day."""
