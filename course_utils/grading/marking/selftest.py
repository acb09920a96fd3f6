"""Proves a bank before it marks anybody: references get all points, blanks none, known mistakes their feedback."""

from course_utils.errors import CourseError
from course_utils.grading.bank.items import Executed, GradedCode, GradedQuiz, grade_id
from course_utils.grading.bank.sample_answers import mistaken, right
from course_utils.grading.marking.comparing import incomparable
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Cell, Outcome, Submission
from course_utils.grading.release.handout import handed_out
from course_utils.grading.sandbox.values import NoValue, decode

WHO = "self-test"
INSTEAD = "let it be numbers, texts, lists, dicts, arrays, tables, or a dataclass of these"
TODO = {
    ("function", "method", "builtin_function_or_method", "type", "partial"): "call it, and give what comes out",
    ("module",): "give a value from it",
    (
        "TextIOWrapper",
        "BufferedReader",
        "BufferedWriter",
        "BufferedRandom",
        "FileIO",
    ): "read it, and give what it holds",
}


async def faults(marker: Marker) -> list[str]:
    """What is wrong with an assignment's items, each in a sentence that begins with the item's id."""
    quiz, version = marker.quiz, marker.assignment.for_student(WHO)
    cases: list[tuple[str, dict[str, str], dict[str, str]]] = [
        ("the reference", {item.id: right(item, version) for item in quiz.items}, {})
    ]
    blank = handed_out(version)
    cases.append(("the blank", {item.id: blank[grade_id(item, "answer")] for item in quiz.items}, {}))
    for item in quiz.items:
        for number, (source, feedback) in enumerate(mistaken(item, version), 1):
            cases.append((f"mistake {number}", {item.id: source}, {item.id: feedback}))
    found = [fault for item in quiz.compared for fault in await _comparable(item, marker)]
    if found:  # nothing else can be judged before they are mended
        return found
    results = await marker.mark([_submission(quiz, number, answers) for number, (_, answers, _) in enumerate(cases)])
    found += [fault for item in quiz.executed for fault in await _examples(item, marker)]
    for (case, answers, told), result in zip(cases, results, strict=True):
        for mark in result.marks:
            if mark.item not in answers or mark.outcome is Outcome.WAITING:
                continue
            full = case == "the reference"
            if (mark.points == mark.most) != full or mark.points is None:
                found.append(f"{mark.item}: {case} gets {mark.points} of {mark.most:g} points ({mark.outcome}).")
            elif case == "the blank" and mark.outcome is not Outcome.BLANK:
                found.append(f"{mark.item}: the blank counts as {mark.outcome}: it should be told from an answer.")
            elif mark.item in told and told[mark.item] and told[mark.item] not in mark.feedback:
                found.append(f"{mark.item}: {case} is told {' '.join(mark.feedback)!r}, not {told[mark.item]!r}.")
    return found


async def _comparable(item: GradedCode, marker: Marker) -> list[str]:
    """A reference whose results no answer could equal, inputs that can't be sent, or code that fails."""
    try:
        (expected,) = (await marker.expected_results.of(item, [WHO])).values()
    except CourseError as error:
        return [str(error).removeprefix(f"{marker.quiz.lesson}, item ")]
    except NoValue as error:
        return [f"{item.id}: the reference gives what can't be compared ({error}): {INSTEAD}."]
    if item.inputs and (kind := incomparable(decode(expected.inputs))):
        return [f"{item.id}: its inputs hold {named(kind)}, which can't be sent: {INSTEAD}."]
    kind = incomparable(expected.values)
    return [f"{item.id}: the reference gives {named(kind)}, which can't be compared: {_todo(kind)}."] if kind else []


def named(kind: str) -> str:
    """A type's name in a sentence."""
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind!r}"


def _todo(kind: str) -> str:
    """What to give in place of something that can't be compared."""
    return next((todo for kinds, todo in TODO.items() if kind in kinds), INSTEAD)


async def _examples(item: Executed, marker: Marker) -> list[str]:
    """The examples that students see, where the reference doesn't keep them."""
    before = [source for source in (marker.quiz.setup, item.stand_in, item.reference) if source]
    came = await marker.expected_results.pool.do(
        [{"do": "run", "source": source} for source in (*before, *item.examples)]
    )
    ended = [*came.replies[len(before) :], *[{"error": came.end}] * (len(item.examples) + len(before))]
    broken = [(example, reply) for example, reply in zip(item.examples, ended, strict=False) if "done" not in reply]
    return [f"{item.id}: the reference fails the example {example!r} ({reply})." for example, reply in broken]


def _submission(quiz: GradedQuiz, number: int, answers: dict[str, str]) -> Submission:
    texts = {item.id: answers[item.id] for item in quiz.items if item.in_words and item.id in answers}
    cells = tuple(Cell(source, name) for name, source in answers.items() if name not in texts)
    missing = tuple(item.id for item in quiz.items if item.id not in answers)
    return Submission(WHO, quiz.lesson, "self-test", f"{number}", cells, texts, missing)
