"""The helper package that the lessons import; heavy libraries load only when a module that needs them does."""

from importlib.metadata import version

__version__ = version("fine-tuning-course")
