"""Pre-trained weights as data files: manifest.json names each, with its digest, licence and card."""
