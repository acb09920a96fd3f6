"""The page on which a person marks what no program can: answers in words, missing cells, regrade requests."""

import hashlib
import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets

from course_utils.display.widgets import show_control
from course_utils.errors import CourseError
from course_utils.grading.bank.items import FreeText, GradedItem, GradedQuiz
from course_utils.grading.exports.cells import points_text
from course_utils.grading.records import Mark, Outcome
from course_utils.grading.release.handout import whose
from course_utils.grading.returning.feedback import OUTCOMES, clean, in_words, own_item, question_html
from course_utils.grading.returning.originals import Originals
from course_utils.quiz import reading
from course_utils.quiz.answers import read_number

WIDE = {"description_width": "initial"}


@dataclass(frozen=True)
class Entry:
    """One answer to mark. number: stands for the student where names are hidden; request: for a regrade.

    remarks: what was odd about the notebook; source: where it lies
    """

    quiz: GradedQuiz
    student: str
    number: int
    mark: Mark
    request: str = ""
    remarks: tuple[str, ...] = ()
    source: str = ""

    @property
    def item(self) -> GradedItem:
        """The item that it answers."""
        return self.quiz.item(self.mark.item)

    @property
    def key(self) -> tuple[str, str, str]:
        """What the store knows it by."""
        return self.quiz.lesson, self.student, self.mark.item


class Review:
    """One answer at a time, item by item, in an order that says nothing of the students.

    What was marked before stays in the row, so that Previous reaches it; it begins at the first that waits.
    """

    def __init__(
        self,
        store,
        quizzes: Sequence[GradedQuiz],
        by: str = "",
        personal: Collection[str] = (),
        figures: Path = reading.FOLDER,
        course_key: bytes | None = None,
        originals: Originals | None = None,
    ):
        self.originals = originals
        self.store, self.by, self.personal, self.figures, self.course_key = store, by, personal, figures, course_key
        self.saved: dict[tuple, tuple[float, str]] = {}
        self.open: set[tuple] = set()
        self.entries = [entry for quiz in quizzes for entry in self._entries(quiz)]
        self.shown = next((n for n, entry in enumerate(self.entries) if entry.key in self.open), 0)
        self.boxes: list[widgets.Checkbox] = []
        self.progress, self.answer, self.said = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.question = widgets.HTMLMath()
        self.rubric = widgets.VBox([])
        # Sent when left: while the kernel is busy, Save would arrive before the last letters do.
        self.points = widgets.Text(
            continuous_update=False, description="Points:", style=WIDE, layout=widgets.Layout(width="260px")
        )
        self.comment = widgets.Textarea(
            continuous_update=False,
            description="Comment:",
            style=WIDE,
            rows=3,
            layout=widgets.Layout(width="100%", max_width="720px"),
        )
        self.names = widgets.Checkbox(description="Show names", indent=False)
        self.names.observe(lambda _: self._head(), "value")
        self.save = _button("Save and next", self._save)
        self.previous = _button("Previous", self._previous)
        self.skip = _button("Skip", self._skip)
        buttons = widgets.HBox([self.save, self.previous, self.skip, self.names])
        marking = (self.rubric, self.points, self.comment, buttons)
        self.box = widgets.VBox([self.progress, self.question, self.answer, *marking, self.said])
        self._show()

    def _entries(self, quiz: GradedQuiz) -> list[Entry]:
        manual = self.store.manual(quiz.lesson)
        waiting = {(student, mark.item) for student, mark in self.store.waiting(quiz.lesson)}
        requests = {(one.student, one.item): one.text for one in self.store.regrade_requests(quiz.lesson)}
        self.open |= {(quiz.lesson, *key) for key in waiting}
        self.saved |= {(quiz.lesson, *key): (one.points, one.comment) for key, one in manual.items()}
        results = sorted(self.store.results(quiz.lesson), key=lambda one: _shuffle(quiz.lesson, one.student))
        found = {
            (result.student, mark.item): Entry(
                quiz,
                result.student,
                number,
                mark,
                requests.get((result.student, mark.item), ""),
                result.remarks,
                result.source,
            )
            for number, result in enumerate(results, 1)
            for mark in result.marks
            if (result.student, mark.item) in waiting or (result.student, mark.item) in manual
        }
        order = {item.id: place for place, item in enumerate(quiz.items)}
        mine = [entry for entry in found.values() if entry.mark.item in order]
        return sorted(mine, key=lambda entry: (order[entry.mark.item], entry.number))

    @property
    def entry(self) -> Entry:
        """The answer that is shown."""
        return self.entries[self.shown]

    def _show(self) -> None:
        """Show the answer that is shown, with what was saved for it."""
        shown = bool(self.entries)
        for widget in (self.points, self.comment, self.save, self.previous, self.skip, self.names):
            widget.disabled = not shown
        self._head()
        if not shown:
            self._say("Nothing waits for a person.")
            return
        entry = self.entry
        points, comment = self.saved.get(entry.key, (None, ""))
        order_of = whose(entry.quiz, self.course_key, entry.student if entry.quiz.lesson in self.personal else None)
        heading = f"<p><strong>{html.escape(entry.item.label)}</strong></p>"
        item = own_item(entry.item, entry.quiz, self.course_key, entry.student)
        assert item is not None, "every entry is of an item of its quiz"
        question = question_html(item, order_of, self.figures)
        self.question.value = f'<div class="jp-RenderedHTMLCommon">{heading}{question}</div>'
        whole_one = self.originals.page(entry.source) if self.originals else ""
        self.answer.value = _answer_html(entry, order_of) + whole_one
        criteria = entry.item.rubric if isinstance(entry.item, FreeText) else []
        self.boxes = [
            widgets.Checkbox(
                description=f"{criterion.text.replace('`', '')} ({criterion.points:g})",
                indent=False,
                style=WIDE,
                layout=widgets.Layout(width="100%"),
            )
            for criterion in criteria
        ]
        for box in self.boxes:
            box.observe(self._add_up, "value")
        self.rubric.children = self.boxes
        self.points.description = f"Points (of {points_text(entry.mark.most)}):"
        self.points.value = points_text(points)
        self.comment.value = comment
        self.previous.disabled = self.shown == 0
        first = self.boxes[0] if self.boxes else self.points
        if focus := getattr(first, "focus", None):  # ipywidgets 8 has it, 7 has not
            focus()

    def _head(self) -> None:
        if not self.entries:
            self.progress.value = ""
            return
        who = clean(self.entry.student) if self.names.value else f"Student {self.entry.number}"
        self.progress.value = (
            f'<p role="status"><strong>{self.shown + 1} of {len(self.entries)}</strong>: {html.escape(who)}, '
            f"{html.escape(self.entry.quiz.title)}; {len(self.open)} wait</p>"
        )

    def _add_up(self, _=None) -> None:
        """Write the ticked criteria's points into the field; with no tick it is empty, for nothing is decided."""
        item = self.entry.item
        assert isinstance(item, FreeText), "only these have boxes to tick"
        ticked = [criterion.points for criterion, box in zip(item.rubric, self.boxes, strict=True) if box.value]
        self.points.value = points_text(sum(ticked)) if ticked else ""

    def _save(self, _=None) -> None:
        entry = self.entry
        if not self.points.value.strip():
            self._say("Not saved: tick what the answer meets, or write its points; 0 when it meets nothing.")
            return
        points, trouble = read_number(self.points.value, "")
        if not trouble and not 0 <= points <= entry.mark.most:
            trouble = f"Points lie between 0 and {points_text(entry.mark.most)}."
        if trouble:
            self._say(f"Not saved: {trouble}")
            return
        try:
            self.store.mark(*entry.key, points, self.comment.value.strip(), self.by)
        except CourseError as error:
            self._say(f"Not saved: {error}")
            return
        self.saved[entry.key] = points, self.comment.value.strip()
        self.open.discard(entry.key)
        told = f"Saved: {points_text(points)} of {points_text(entry.mark.most)} points."
        self._go_on(told if self.open else f"{told} That was the last one.")

    def _skip(self, _=None) -> None:
        self._go_on("Skipped: it still waits.")

    def _previous(self, _=None) -> None:
        self.shown = max(0, self.shown - 1)
        self._say("")
        self._show()

    def _go_on(self, told: str) -> None:
        """On to the next one that waits, from the start again after the last."""
        after = [*range(self.shown + 1, len(self.entries)), *range(self.shown)]
        self.shown = next((n for n in after if self.entries[n].key in self.open), self.shown)
        self._say(told)
        self._show()

    def _say(self, sentence: str) -> None:
        self.told = sentence
        self.said.value = f'<p role="status">{html.escape(sentence)}</p>'

    def _ipython_display_(self) -> None:
        words = f"{len(self.open)} answers wait for a person: run this cell in JupyterLab to mark them."
        show_control(self.box, f"<p>{words}</p>", words)


def review(
    store,
    quizzes: GradedQuiz | Sequence[GradedQuiz],
    by: str = "",
    personal: Collection[str] = (),
    figures: Path = reading.FOLDER,
    course_key: bytes | None = None,
    originals: Originals | None = None,
) -> Review:
    """The page for what waits in these quizzes; each mark is saved at once, and opening it again goes on.

    by: who marks, for the store's history
    personal: the quizzes, "04_frozen", that were released to a roster
    figures: the folder of the items' pictures, which is the item bank's
    course_key: tells the order that options were shown in, and fills in the numbers that vary; an example has its own
    originals: the notebooks as they were handed in, one click away
    """
    quizzes = [quizzes] if isinstance(quizzes, GradedQuiz) else list(quizzes)
    return Review(store, quizzes, by, personal, figures, course_key, originals)


def open_review(
    store: str,
    bank: str,
    released: str = "released",
    key: str | None = None,
    course_key: str | None = None,
    by: str = "",
    submissions: str | None = None,
) -> Review:
    """The page for all that waits in a store, from the paths of its parts, as `course quiz review` writes them."""
    from course_utils.grading.bank.reading import open_bank
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.gradebook.store import Store
    from course_utils.grading.release.manifest import is_personal

    kept = Store(Path(store))
    seen = {result.assignment for result in kept.results()}
    quizzes = [quiz for quiz in open_bank(Path(bank), key=Path(key) if key else None) if quiz.lesson in seen]
    if not quizzes:
        raise CourseError(f"{store} holds no submission of the assignments in {bank}: grade first.")
    secret = read_course_key(Path(course_key) if course_key else None, quizzes[0])
    personal = [quiz.lesson for quiz in quizzes if is_personal(quiz, Path(released), secret)]
    originals = Originals(Path(submissions)) if submissions else None
    return review(kept, quizzes, by, personal, Path(bank), secret, originals)


def _answer_html(entry: Entry, order_of: str) -> str:
    words = in_words(entry.item, entry.mark.answer, order_of)
    shown = f"<pre dir='auto' style='white-space:pre-wrap;overflow-wrap:anywhere'>{_escaped(words)}</pre>"
    parts = [f"<p><strong>Answer</strong></p>{shown}" if words else "<p><strong>No answer</strong></p>"]
    if entry.mark.outcome is not Outcome.WAITING:
        found = f"{points_text(entry.mark.points) or 'no'} of {points_text(entry.mark.most)} points"
        feedback = " ".join(entry.mark.feedback)
        parts.append(f"<p>Graded: {OUTCOMES[entry.mark.outcome]}, {found}. {_escaped(feedback)}</p>")
    if entry.remarks:
        parts.append(f"<p>Remarks on the notebook: {_escaped(' '.join(entry.remarks))}</p>")
    if entry.request:
        parts.append(f"<p style='white-space:pre-line'><strong>Regrade request</strong>: {_escaped(entry.request)}</p>")
    return "".join(parts)


def _escaped(words: str) -> str:
    return html.escape(clean(words))


def _shuffle(lesson: str, student: str) -> str:
    return hashlib.sha256(f"{lesson} {student}".encode("utf-8", "replace")).hexdigest()


def _button(words: str, pressed) -> widgets.Button:
    button = widgets.Button(description=words, layout=widgets.Layout(width="auto"))
    button.on_click(pressed)
    return button
