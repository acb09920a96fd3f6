"""A report on a class for those who teach it: states, points, each item's difficulty and faults, similar answers."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedItem, VariedNumber
from course_utils.grading.exports.cells import lateness, make_folder, write_whole
from course_utils.grading.records import Mark, Outcome, Result, State
from course_utils.grading.release.handout import handed_out
from course_utils.grading.returning.feedback import clean, in_words
from course_utils.grading.returning.pages import rendered
from course_utils.grading.returning.similarity import Pair, similar
from course_utils.quiz.items import plain

ENOUGH = 10  # students: a correlation of fewer says nothing
WRONG_SHOWN = 5
WIDEST = 100  # characters of a wrong answer


class ItemStatistics(NamedTuple):
    """What a class made of one item.

    n: submissions with points for it; open: those without; mean: of points as a share of the most, None without n
    rest: item-rest correlation, None for fewer than ENOUGH complete submissions, or where one side never varies
    blank, raised, stopped: shares of all submissions; wrong: (what, how many students), the most frequent first
    """

    item: str
    label: str
    n: int
    open: int
    mean: float | None
    rest: float | None
    blank: float
    raised: float
    stopped: float
    wrong: list[tuple[str, int]]
    counted: str
    flags: list[str]


def report(results: Sequence[Result], assignment: Assignment, out: Path) -> Path:
    """Write the report as one static page, `out` itself or out/NN_slug_report.html in a folder; where it is."""
    quiz = assignment.quiz
    path = out if out.suffix == ".html" else out / f"{quiz.lesson}_report.html"
    results = [result for result in results if result.assignment == quiz.lesson]
    totals = [result.raw for result in results if result.raw is not None]  # what was known, whenever it came
    most = sum(item.points for item in quiz.items)
    picture, alt = _histogram(totals, most) if totals else ("", "")
    page = rendered(
        "report.html.j2",
        quiz=quiz,
        n=len(results),
        known=len(totals),
        states=Counter(str(result.state) for result in results).most_common(),
        tiers=Counter(result.tier for result in results if result.state is not State.UNREADABLE).most_common(),
        odd=[(clean(one.student), str(one.state), clean(_odd(one))) for one in results if _odd(one)],
        late=[
            (clean(one.student), lateness(one), one.timing.source) for one in results if one.timing and lateness(one)
        ],
        picture=picture,
        alt=alt,
        enough=ENOUGH,
        items=statistics(results, assignment),
        similar=alike(results, assignment),
    )
    make_folder(path.parent)
    write_whole(path, page)
    return path


def _odd(result: Result) -> str:
    """Remarks on a submission, and what its items that wait for a look are told."""
    looks = [f"{mark.item}: {' '.join(mark.feedback)}" for mark in result.marks if mark.outcome is Outcome.LOOK]
    return " ".join((*result.remarks, *looks))


def statistics(results: Sequence[Result], assignment: Assignment) -> list[ItemStatistics]:
    """Each item's statistics, in the quiz's order."""
    quiz = assignment.quiz
    marks: dict[str, list[tuple[Mark, Result]]] = {item.id: [] for item in quiz.items}
    for result in results:
        for mark in result.marks:
            if mark.item in marks:
                marks[mark.item].append((mark, result))
    return [_statistics(item, marks[item.id], assignment) for item in quiz.items]


def alike(results: Sequence[Result], assignment: Assignment, most: int = 200) -> list[tuple[str, list[Pair]]]:
    """(item's label, its similar pairs), of the items that are answered in code; names are cleaned for showing.

    An answer is its cell and the cells of the student's own that it uses; what was handed out counts for nobody.
    """
    found = []
    handed = list(handed_out(assignment.for_student("")).values())
    for item in assignment.quiz.executed:
        answers = {
            result.student: mark.answer
            for result in results
            for mark in result.marks
            if mark.item == item.id and mark.outcome is not Outcome.BLANK
        }
        pairs = similar(answers, handed, most=most)
        named = [pair._replace(first=clean(pair.first), second=clean(pair.second)) for pair in pairs]
        found.append((item.label, named))
    return found


def _statistics(item: GradedItem, marks: Sequence[tuple[Mark, Result]], assignment: Assignment) -> ItemStatistics:
    all_of_them = max(1, len(marks))
    ended = Counter(mark.outcome for mark, _ in marks)
    points = [mark.points / mark.most for mark, _ in marks if mark.points is not None and mark.most]
    complete = [
        (mark.points, result.raw - mark.points)
        for mark, result in marks
        if mark.points is not None and result.raw is not None
    ]
    rest = _correlation(complete)
    mean = sum(points) / len(points) if points else None
    differs = item.executed or isinstance(item, VariedNumber)  # what is right, from student to student
    stopped = (ended[Outcome.TIMEOUT] + ended[Outcome.CRASHED]) / all_of_them
    raised, blank = ended[Outcome.RAISED] / all_of_them, ended[Outcome.BLANK] / all_of_them
    checks = (
        (rest is not None and rest < 0, "Negative correlation: look at its key."),
        (mean is not None and len(points) >= ENOUGH and mean < 0.2, "Few points: is it clear what is asked?"),
        (blank > 0.3, "Often left empty."),
        (raised > 0.3, "Often an error: try the examples."),
        (stopped > 0.1, "Often stopped: look at its limit."),
    )
    return ItemStatistics(
        item.id,
        item.label,
        len(points),
        len(marks) - len(points),
        mean,
        rest,
        blank,
        raised,
        stopped,
        [] if item.in_words else _wrong(item, marks, assignment, differs),
        "what was found in wrong ones" if differs else "wrong answers",
        [flag for applies, flag in checks if applies],
    )


def _wrong(
    item: GradedItem, marks: Sequence[tuple[Mark, Result]], assignment: Assignment, differs: bool
) -> list[tuple[str, int]]:
    """The most frequent wrong answers, in one form each; where what is right differs, their feedback."""
    counted: Counter[str] = Counter()
    for mark, result in marks:
        if mark.outcome in (Outcome.WRONG, Outcome.RAISED):
            if differs:
                counted.update(mark.feedback[:1])
            else:
                words = in_words(item, mark.answer[:1000], assignment.for_student(result.student))
                if words != mark.answer:  # letters differ from student to student, and what they stand for doesn't
                    words = "; ".join(
                        line.partition(" — ")[2] if assignment.personal else line for line in words.splitlines()
                    )
                counted[words if words != mark.answer else plain(words)] += 1
    return [(clean(what)[:WIDEST] or "(nothing)", count) for what, count in counted.most_common(WRONG_SHOWN)]


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    import numpy as np

    if len(pairs) < ENOUGH:
        return None
    both = np.array(pairs).T
    if (np.ptp(both, axis=1) < 1e-9).any():
        return None
    return float(np.corrcoef(both)[0, 1])


def _histogram(totals: Sequence[float], most: float) -> tuple[str, str]:
    """(the PNG in base64, its words) of how points are distributed."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    step = max(1, int(np.ceil(max(most, *totals) / 25)))  # whole points, or some bars stand for more values than others
    axes.hist(totals, bins=list(np.arange(-0.5, max(most, *totals) + step, step)), color="#0072B2", edgecolor="white")
    axes.set(xlabel=f"points (of {most:g})", ylabel="submissions")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    low, middle, high = np.percentile(totals, [25, 50, 75])
    alt = (
        f"Histogram of the points of {len(totals)} submissions: median {middle:.3g} of {most:g}, the middle half "
        f"between {low:.3g} and {high:.3g}, lowest {min(totals):.3g}, highest {max(totals):.3g}."
    )
    return base64.b64encode(buffer.getvalue()).decode(), alt
