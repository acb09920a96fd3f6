"""A figure of the training loss and the validation loss over the epochs of one run."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns

_LOOKS = {"training": ("o", "-"), "validation": ("s", "--")}


def plot_losses(table: pd.DataFrame, *, title: str | None = None, alt: str | None = None) -> None:
    """Show both losses of each epoch, and mark the epoch of the lowest validation loss.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an epoch with the columns epoch, training and validation, as `training.KeepBest` notes them.
    title : str, optional
        Title of the figure.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`), and for a table without epochs (`plots.empty-table`).
    """
    need_columns(table, ["epoch", *_LOOKS], "give one row an epoch with these columns")
    if table.empty:
        raise CourseError("The table has no epochs: train for at least one.", code="plots.empty-table")
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    told = []
    for number, (name, (marker, dash)) in enumerate(_LOOKS.items()):
        losses = table[name]
        axis.plot(table.epoch, losses, color=f"C{number}", marker=marker, markersize=4, linestyle=dash, label=name)
        told.append(f"{name} from {losses.iloc[0]:.2f} to {losses.iloc[-1]:.2f}")
    lowest = table.loc[table.validation.idxmin()]
    at = f"{lowest.validation:.2f} at epoch {lowest.epoch:.0f}"
    axis.axvline(lowest.epoch, color="0.35", linestyle=(0, (1, 2)), linewidth=1.5, label=f"lowest: {at}")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="epoch", ylabel="loss (cross-entropy)")
    axis.set_ylim(bottom=0)
    axis.legend()
    title = title or "Training and validation loss"
    add_title(figure, title)
    last = f"{table.epoch.iloc[-1]:.0f} epochs"
    show(figure, alt or f"{title}. Over {last}: {', '.join(told)}. Lowest validation loss: {at}.")
