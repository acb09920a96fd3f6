"""Honest comparisons: strategies over labels and seeds, as a tidy table, and what freezing costs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
