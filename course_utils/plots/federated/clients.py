"""Who has what: how many examples of each class each client holds."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError

LARGEST = 22.0  # points across: the disc of the largest count, with room between rows


def plot_clients(counts: pd.DataFrame, *, title: str | None = None, alt: str | None = None) -> None:
    """Show how many examples of each class each client has, as discs whose area is the number.

    Parameters
    ----------
    counts : DataFrame
        A row for each client and a column for each class, as `data.clients.label_counts` gives it.
    title, alt : str, optional
        Title of the figure and alternative text; derived from the counts if left out.

    Raises
    ------
    CourseError
        For what is no table of counts, or one without clients, classes or examples (`plots.no-counts`).
    """
    figure, axis = clients_figure(counts)
    columns, rows = np.meshgrid(range(counts.shape[1]), range(counts.shape[0]))
    areas = disc_widths(counts, LARGEST) ** 2
    axis.scatter(columns.ravel(), rows.ravel(), s=areas.ravel(), color="#0072B2", zorder=3)
    title = title or f"{counts.to_numpy().sum():,} examples of {len(counts)} clients"
    add_title(figure, title)
    show(figure, alt or f"{title}. {said(counts)}")


def clients_figure(counts: pd.DataFrame) -> tuple[Figure, Axes]:
    """Draw the empty grid: a row for each client, with its number of examples, and a column for each class."""
    values = np.asarray(counts)
    good = isinstance(counts, pd.DataFrame) and values.dtype.kind in "iuf" and values.size
    if not good or not values.min() >= 0 or not values.sum():
        shape = f"table of {values.shape[0]} clients and {values.shape[1]} classes" if values.ndim == 2 else "value"
        raise CourseError(
            f"This {shape} holds no counts of examples, or counts below 0: give what label_counts returns.",
            code="plots.no-counts",
        )
    figure = Figure(figsize=(2.6 + 0.62 * values.shape[1], 1.2 + 0.3 * values.shape[0]), layout="constrained")
    axis = figure.subplots()
    classes = list(map(str, counts.columns))
    axis.set_xticks(range(values.shape[1]), classes, rotation=30 if max(map(len, classes)) > 3 else 0)
    axis.set_yticks(range(values.shape[0]), [f"{name}" for name in counts.index])
    axis.set(
        xlim=(-0.6, values.shape[1] - 0.4), ylim=(values.shape[0] - 0.4, -0.6), ylabel=counts.index.name or "client"
    )
    axis.grid(True, color="0.9")
    return figure, axis


def disc_widths(counts: pd.DataFrame, largest: float, most: int | None = None) -> np.ndarray:
    """Return how wide each disc is, so that areas are as the counts; `most` is the count of the largest disc."""
    values = counts.to_numpy()
    return largest * np.sqrt(values / (most or values.max()))


def said(counts: pd.DataFrame) -> str:
    """Say what each client has, the most frequent class first."""
    told = []
    for name, row in counts.iterrows():
        own = row[row > 0].sort_values(ascending=False, kind="stable")
        told_of = [f"{n} {label if isinstance(label, str) else f'of {label}'}" for label, n in own.items()]
        told.append(f"{counts.index.name or 'client'} {name}: {', '.join(told_of)}")
    return f"{'; '.join(told)}."
