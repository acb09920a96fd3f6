"""Controls that answer in the page.

Classify an image or a sentence of one's own, walk through depths, weigh what to freeze and how, choose a threshold or
a number of alarms.
They build under ipywidgets 7.7 (Colab) and 8. Where no kernel runs, as on GitHub, their output stands as plain HTML.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
