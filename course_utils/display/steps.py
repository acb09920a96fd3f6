"""How far a long cell or command is: "3 of 5 runs" with a bar, gone when it has ended."""

import html
import time
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar

from IPython import get_ipython
from IPython.display import DisplayHandle, display
from tqdm.std import tqdm

Item = TypeVar("Item")


class Steps:
    """A bar that is told how many steps are done; one step alone is too few to be shown.

        with Steps(5, "runs") as steps:
            steps.tell(3, "best 91.2%")

    Parameters
    ----------
    total : int
        How many steps there will be.
    what : str
        What a step is, in the plural.

    Notes
    -----
    HTML that is updated in place rather than tqdm's widget: a saved notebook holds no dead widget the next day. What
    was stopped says how far it came.
    """

    def __init__(self, total: int, what: str):
        self.total, self.what, self.done, self.first = total, what, 0, 0
        self.place: DisplayHandle | tqdm | None = None

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        return self

    def tell(self, done: int, note: str = "") -> None:
        """Show that so many steps are done, and a note behind it."""
        if self.total < 2 or self.done == self.total:
            return
        if self.place is None:
            self.first = done  # a search may go on from where an earlier one was stopped
            self.place = self._begin()
        self.done = done
        if isinstance(self.place, tqdm):
            self.place.set_postfix_str(note, refresh=False)
            self.place.update(done - self.place.n)
            self.place.refresh()
        else:
            said = ", ".join(part for part in (self.said, note, self._left()) if part)
            bar = f'<progress max="{self.total}" value="{done}" aria-label="{html.escape(self.what)}"></progress>'
            self.place.update({"text/html": f"<div>{bar} {html.escape(said)}</div>", "text/plain": said}, raw=True)

    @property
    def said(self) -> str:
        """How many are done."""
        return f"{self.done} of {self.total} {self.what}"

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if isinstance(self.place, tqdm):
            self.place.close()
        elif self.place is not None:
            stopped = kind is not None and issubclass(kind, KeyboardInterrupt)
            said = f"{self.said} were done." if stopped else ""
            self.place.update({"text/html": html.escape(said), "text/plain": said}, raw=True)

    def _begin(self) -> Any:
        if getattr(get_ipython(), "kernel", None):
            return display({"text/html": "", "text/plain": ""}, raw=True, display_id=True)
        look = "{desc}{n_fmt} of {total_fmt} " + self.what + " |{bar:30}| {elapsed}<{remaining}{postfix}"
        # None: no bar where nobody looks, such as in a log.
        return tqdm(total=self.total, initial=self.first, leave=False, disable=None, bar_format=look)

    def _left(self) -> str:
        """How long the rest will take at the pace so far."""
        new, rest = self.done - self.first, self.total - self.done
        return time_left((time.monotonic() - self.began) / new * rest) if new and rest > 0 else ""


def time_left(seconds: float) -> str:
    """Say how long the rest will take."""
    return f"about {seconds:.0f} s left" if seconds < 100 else f"about {seconds / 60:.0f} min left"


def steps(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield the items, and show how many of them have been used."""
    with Steps(total, what) as shown:
        shown.tell(0)
        for done, item in enumerate(items, 1):
            yield item
            shown.tell(done)
