"""How figures, results and controls reach a notebook: small, described in words, readable where no kernel runs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
