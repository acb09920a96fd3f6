"""The version, read from the installed distribution only when somebody asks for it."""

from importlib.metadata import version

__version__ = version("fine-tuning-course")
