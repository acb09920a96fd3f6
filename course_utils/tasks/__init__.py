"""What there is to learn: a task makes learners and scores them, whatever the kind of data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
