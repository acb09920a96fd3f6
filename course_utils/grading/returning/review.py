"""The page in JupyterLab on which a person marks what no program can: one answer after the other."""

import html
from collections.abc import Sequence
from pathlib import Path

import ipywidgets as widgets

from course_utils.display.widgets import show_control
from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.exports.cells import points_text
from course_utils.grading.returning.feedback import clean
from course_utils.grading.returning.originals import Originals
from course_utils.grading.returning.queue import Entry, Queue, open_queue, read_points
from course_utils.quiz import reading

WIDE = {"description_width": "initial"}


class Review:
    """One answer at a time, item by item, in an order that says nothing of the students.

    What was marked before stays in the row, so that Previous reaches it; it begins at the first that waits.
    """

    def __init__(self, queue: Queue):
        self.queue, self.entries = queue, queue.entries
        self.shown = next((n for n, entry in enumerate(self.entries) if entry.key in queue.open), 0)
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

    @property
    def open(self) -> set:
        """The keys of the answers that wait."""
        return self.queue.open

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
        given = self.queue.given.get(entry.key)
        heading = f"<p><strong>{html.escape(entry.item.label)}</strong></p>"
        self.question.value = f'<div class="jp-RenderedHTMLCommon">{heading}{self.queue.question(entry)}</div>'
        originals = self.queue.originals
        self.answer.value = self._answer_html(entry) + (originals.page(entry.source) if originals else "")
        self.boxes = [
            widgets.Checkbox(
                description=f"{criterion.text.replace('`', '')} ({criterion.points:g})",
                indent=False,
                style=WIDE,
                layout=widgets.Layout(width="100%"),
            )
            for criterion in entry.item.criteria
        ]
        for box in self.boxes:
            box.observe(self._add_up, "value")
        self.rubric.children = self.boxes
        self.points.description = f"Points (of {points_text(entry.mark.most)}):"
        self.points.value = points_text(given.points) if given else ""
        self.comment.value = given.comment if given else ""
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
        criteria = self.entry.item.criteria
        ticked = [criterion.points for criterion, box in zip(criteria, self.boxes, strict=True) if box.value]
        self.points.value = points_text(sum(ticked)) if ticked else ""

    def _save(self, _=None) -> None:
        entry = self.entry
        points, trouble = read_points(self.points.value, entry.mark.most)
        if trouble:
            self._say(f"Not saved: {trouble}")
            return
        try:
            self.queue.mark([entry], points, self.comment.value.strip())
        except CourseError as error:
            self._say(f"Not saved: {error}")
            self._find(entry)
            return
        told = f"Saved: {points_text(points)} of {points_text(entry.mark.most)} points."
        self._go_on(told if self.open else f"{told} That was the last one.")

    def _find(self, entry: Entry) -> None:
        """Stay at an answer whose queue was loaded again, since somebody else has marked it."""
        if self.entries is not self.queue.entries:
            self.entries = self.queue.entries
            self.shown = next((n for n, one in enumerate(self.entries) if one.key == entry.key), 0)
            self._show()

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

    def _answer_html(self, entry: Entry) -> str:
        words = self.queue.words(entry)
        shown = f"<pre dir='auto' style='white-space:pre-wrap;overflow-wrap:anywhere'>{html.escape(words)}</pre>"
        parts = [f"<p><strong>Answer</strong></p>{shown}" if words else "<p><strong>No answer</strong></p>"]
        if entry.found:
            parts.append(f"<p>Graded: {html.escape(entry.found)}</p>")
        if entry.remarks:
            parts.append(f"<p>Remarks on the notebook: {_escaped(' '.join(entry.remarks))}</p>")
        if entry.request:
            request = f"<strong>Regrade request</strong>: {_escaped(entry.request)}"
            parts.append(f"<p style='white-space:pre-line'>{request}</p>")
        return "".join(parts)

    def _ipython_display_(self) -> None:
        words = f"{len(self.open)} answers wait for a person: run this cell in JupyterLab to mark them."
        show_control(self.box, f"<p>{words}</p>", words)


def review(
    store,
    assignments: Sequence[Assignment],
    by: str = "",
    figures: Path = reading.FOLDER,
    originals: Originals | None = None,
) -> Review:
    """The page for what waits in these assignments; each mark is saved at once, and opening it again goes on.

    The other arguments are those of `Queue`; with originals, each notebook is one click away.
    """
    return Review(Queue(store, assignments, by, figures, originals))


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
    return Review(open_queue(store, bank, released, key, course_key, by, submissions))


def _escaped(words: str) -> str:
    return html.escape(clean(words))


def _button(words: str, pressed) -> widgets.Button:
    button = widgets.Button(description=words, layout=widgets.Layout(width="auto"))
    button.on_click(pressed)
    return button
