"""A report on a class for those who teach it: states, points, each item's difficulty and faults, similar answers."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import EXECUTED, FreeText, GradedItem, GradedQuiz, VariedNumber
from course_utils.grading.exports.cells import make_folder, write_whole
from course_utils.grading.records import Mark, Outcome, Result, State
from course_utils.grading.returning.feedback import clean, in_words
from course_utils.grading.returning.similarity import Pair, similar
from course_utils.quiz.items import plain

ENOUGH = 10  # students: a correlation of fewer says nothing
WRONG_SHOWN = 5
WIDEST = 100  # characters of a wrong answer
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ quiz.title }}: report</title>
<style>
body {font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 1rem auto; padding: 0 1rem; color: #111}
table {border-collapse: collapse; margin: 1rem 0} caption {text-align: left; font-weight: bold}
th, td {border: 1px solid #767676; padding: .2rem .6rem; text-align: left}
td {overflow-wrap: anywhere} td.n {text-align: right; white-space: nowrap} img {max-width: 100%}
</style>
</head>
<body>
<main>
<h1>{{ quiz.title }}</h1>
<p>{{ n }} submissions of {{ quiz.lesson }}; {{ known }} have all their points. Those without are in no mean below.
{% for tier, count in tiers %}{{ count }} ran in isolation "{{ tier }}".
{% endfor %}</p>
<table>
<caption>How submissions ended</caption>
<thead><tr><th scope="col">State</th><th scope="col">Submissions</th></tr></thead>
<tbody>
{% for state, count in states %}<tr><th scope="row">{{ state }}</th><td class="n">{{ count }}</td></tr>
{% endfor %}</tbody>
</table>
{% if odd %}<h2>Remarks</h2>
<table>
<caption>What was odd, or waits for a look</caption>
<thead><tr><th scope="col">Student</th><th scope="col">State</th><th scope="col">Remarks</th></tr></thead>
<tbody>
{% for who, state, what in odd %}<tr><td><bdi>{{ who }}</bdi></td><td>{{ state }}</td><td>{{ what }}</td></tr>
{% endfor %}</tbody>
</table>{% endif %}
<h2>Points</h2>
{% if picture %}<figure><img alt="{{ alt }}" src="data:image/png;base64,{{ picture }}"></figure>
{% else %}<p>No submission has all its points yet.</p>{% endif %}
<h2>Items</h2>
<p>Mean share: of the item's points, 1 is easy. Item-rest correlation: Pearson's, between an item's points and the sum
of the other items' (Crocker and Algina 1986, ch. 14); about 0.2 or more separates well; below 0, those who know more
get it wrong more often. It needs {{ enough }} complete submissions.</p>
<table>
<caption>Items</caption>
<thead><tr><th scope="col">Item</th><th scope="col">n</th><th scope="col">Mean share</th>
<th scope="col">Item-rest correlation</th><th scope="col">Left empty</th><th scope="col">Raised an error</th>
<th scope="col">Timeout or crash</th><th scope="col">No points yet</th><th scope="col">Look at</th></tr></thead>
<tbody>
{% for one in items %}<tr><th scope="row">{{ one.label }}</th><td class="n">{{ one.n }}</td>
<td class="n">{{ "–" if one.mean is none else "%.2f" | format(one.mean) }}</td>
<td class="n">{{ "–" if one.rest is none else "%.2f" | format(one.rest) }}</td>
<td class="n">{{ "%.0f%%" | format(100 * one.blank) }}</td><td class="n">{{ "%.0f%%" | format(100 * one.raised) }}</td>
<td class="n">{{ "%.0f%%" | format(100 * one.stopped) }}</td><td class="n">{{ one.open }}</td>
<td>{{ one.flags | join(" ") }}</td></tr>
{% endfor %}</tbody>
</table>
<h2>Frequent wrong answers</h2>
{% for one in items if one.wrong %}<table>
<caption>{{ one.label }}: {{ one.counted }}</caption>
<thead><tr><th scope="col">What</th><th scope="col">Students</th></tr></thead>
<tbody>
{% for what, count in one.wrong %}<tr><td>{{ what }}</td><td class="n">{{ count }}</td></tr>
{% endfor %}</tbody>
</table>
{% else %}<p>None.</p>
{% endfor %}
<h2>Similar code</h2>
<p>Names, numbers, texts and comments are ignored, and so is what was handed out or what many share. A pair is a reason
to read both answers, and no proof: short tasks have few solutions.</p>
{% for label, pairs in similar if pairs %}<table>
<caption>{{ label }}</caption>
<thead><tr><th scope="col">Student</th><th scope="col">Student</th><th scope="col">Shared</th></tr></thead>
<tbody>
{% for pair in pairs %}<tr><td><bdi>{{ pair.first }}</bdi></td><td><bdi>{{ pair.second }}</bdi></td>
<td class="n">{{ "%.0f%%" | format(100 * pair.share) }} ({{ pair.shared }} pieces)</td></tr>
{% endfor %}</tbody>
</table>
{% else %}<p>No pair stands out.</p>
{% endfor %}
</main>
</body>
</html>
"""


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
    totals = [result.points for result in results if result.points is not None]
    most = sum(item.points for item in quiz.items)
    picture, alt = _histogram(totals, most) if totals else ("", "")
    page = _template().render(
        quiz=quiz,
        n=len(results),
        known=len(totals),
        states=Counter(str(result.state) for result in results).most_common(),
        tiers=Counter(result.tier for result in results if result.state is not State.UNREADABLE).most_common(),
        odd=[(clean(one.student), str(one.state), clean(_odd(one))) for one in results if _odd(one)],
        picture=picture,
        alt=alt,
        enough=ENOUGH,
        items=statistics(results, assignment),
        similar=alike(results, quiz),
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


def alike(results: Sequence[Result], quiz: GradedQuiz, most: int = 200) -> list[tuple[str, list[Pair]]]:
    """(item's label, its similar pairs), of the items that are answered in code; names are cleaned for showing."""
    found = []
    for item in quiz.executed:
        answers = {
            result.student: mark.answer
            for result in results
            for mark in result.marks
            if mark.item == item.id and mark.outcome is not Outcome.BLANK
        }
        pairs = similar(answers, item.starter, most=most)
        named = [pair._replace(first=clean(pair.first), second=clean(pair.second)) for pair in pairs]
        found.append((item.label, named))
    return found


def _statistics(item: GradedItem, marks: Sequence[tuple[Mark, Result]], assignment: Assignment) -> ItemStatistics:
    all_of_them = max(1, len(marks))
    ended = Counter(mark.outcome for mark, _ in marks)
    points = [mark.points / mark.most for mark, _ in marks if mark.points is not None and mark.most]
    complete = [
        (mark.points, result.points - mark.points)
        for mark, result in marks
        if mark.points is not None and result.points is not None
    ]
    rest = _correlation(complete)
    mean = sum(points) / len(points) if points else None
    stopped = (ended[Outcome.TIMEOUT] + ended[Outcome.CRASHED]) / all_of_them
    raised, blank = ended[Outcome.RAISED] / all_of_them, ended[Outcome.BLANK] / all_of_them
    differs = isinstance(item, (*EXECUTED, VariedNumber))  # from student to student
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
        [] if isinstance(item, FreeText) else _wrong(item, marks, assignment),
        "what was found in wrong ones" if differs else "wrong answers",
        [flag for applies, flag in checks if applies],
    )


def _wrong(item: GradedItem, marks: Sequence[tuple[Mark, Result]], assignment: Assignment) -> list[tuple[str, int]]:
    """The most frequent wrong answers, in one form each; of those that are never the same twice, their feedback."""
    differs = isinstance(item, (*EXECUTED, VariedNumber))  # from student to student
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


@cache
def _template():
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(TEMPLATE)
