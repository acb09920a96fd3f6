"""A figure of how far back in a text a recurrent network learns."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError


def plot_reach(gradients: Mapping[str, Sequence[float]], *, title: str | None = None, alt: str | None = None) -> None:
    """Show the length of the gradient at each word before the predicted one, relative to the last of them.

    Parameters
    ----------
    gradients : mapping of str to sequence of float
        For each network, the gradient's length at the last word, the one before it, and so on.

    Raises
    ------
    CourseError
        For fewer than two words, or a first value that isn't above 0 (`plots.no-gradient`).
    """
    figure = Figure(figsize=(6.8, 3.8), layout="constrained")
    axis = figure.subplots()
    told = []
    for name, found in gradients.items():
        lengths = np.array(found, float)
        if lengths.size < 2 or not lengths[0] > 0:
            raise CourseError(
                f"The gradients of {name} can't be drawn: give those at two words or more, the last word's above 0.",
                code="plots.no-gradient",
            )
        shares = lengths / lengths[0]
        axis.plot(range(1, len(shares) + 1), shares, label=name)
        far = min(20, len(shares))
        told.append(f"{name}: {shares[far - 1]:.1e} of it {far} words back")
    axis.set(yscale="log", xlabel="words back from the one that is predicted", ylabel="gradient (relative)")
    figure.legend(loc="outside lower center", ncols=2)
    title = title or "How far back the gradient reaches"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")
