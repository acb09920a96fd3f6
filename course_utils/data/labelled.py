"""DataLoaders with a test set: of any examples, and of those that each have one of several classes."""

from typing import Any

from fastai.data.core import DataLoaders
from fastai.metrics import accuracy


class SplitLoaders(DataLoaders):
    """fastai's DataLoaders with a third split, `test`, that was used for no choice.

    Attributes
    ----------
    vocab : list of str
        The names of the classes.
    about : str
        One line that says what the examples are.
    """

    vocab: list[str]
    about: str = ""

    @property
    def test(self) -> Any:
        """The loader of the held-out test set."""
        return self.loaders[2]

    @property
    def c(self) -> int:
        """How many classes there are."""
        return len(self.vocab)


class LabelledLoaders(SplitLoaders):
    """Loaders of examples that each have one class."""

    @property
    def metric(self) -> Any:
        """What to watch, for `metrics=`."""
        return accuracy
