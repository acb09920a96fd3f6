"""A figure of words and what each of them adds to a decision."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError

MOST_WORDS = 30


def plot_attributions(
    texts: Mapping[str, Sequence[tuple[str, float]]],
    *,
    towards: str = "the class",
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show the words of each text in their order, each with a bar for what it adds to the score of a class.

    Parameters
    ----------
    texts : mapping
        Caption → pairs of a word and its attribution; above 0 it speaks for the class.
    towards : str
        The class.

    Raises
    ------
    CourseError
        Without a word, or with more than 30 in a text (`plots.no-words`).
    """
    if not texts or not all(0 < len(words) <= MOST_WORDS for words in texts.values()):
        raise CourseError(
            f"Attributions are shown for texts of 1 to {MOST_WORDS} words each: give fewer or shorter ones.",
            code="plots.no-words",
        )
    longest = max(map(len, texts.values()))
    figure = Figure(figsize=(min(3.4 * len(texts), 10.2), 1.3 + 0.27 * longest), layout="constrained")
    panels = figure.subplots(1, len(texts), sharex=True, squeeze=False)[0]
    told = []
    for axis, (caption, words) in zip(panels, texts.items(), strict=True):
        sizes = [size for _, size in words]
        axis.barh(range(len(words)), sizes, color=["C0" if size > 0 else "C1" for size in sizes])
        axis.set_yticks(range(len(words)), [word for word, _ in words])
        axis.set_ylim(longest - 0.5, -0.5)  # the first word on top, and bars of one width in all panels
        axis.axvline(0, color="0.4", linewidth=0.8)
        axis.grid(False, axis="y")
        axis.set_title(caption, fontsize="small")
        strongest = sorted(words, key=lambda pair: -abs(pair[1]))[:3]
        told.append(f"{caption}: {', '.join(f'{word} {size:+.2f}' for word, size in strongest)}")
    figure.supxlabel(f"← against {towards}     for {towards} →", fontsize="medium")
    title = title or f"What each word adds to the score of {towards}"
    add_title(figure, title)
    show(figure, alt or f"{title}. The strongest words of each text. {'; '.join(told)}.")
