"""What the page shows: items with their counts, answers that are the same as one card, and what was done last."""

import hashlib
import html
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Version
from course_utils.grading.bank.items import LETTERED, GradedCode, GradedItem, GradedModel, VariedNumber
from course_utils.grading.exports.cells import points_text
from course_utils.grading.records import Outcome
from course_utils.grading.returning.feedback import clean
from course_utils.grading.returning.queue import Entry, Key, Queue, read_points
from course_utils.quiz import text
from course_utils.quiz.items import Order

FILTERS = {
    "waiting": "waiting",
    "look": "look at this",
    "requests": "regrade requests",
    "marked": "marked",
    "all": "all",
}
STYLE = re.compile(r""" style=("[^"]*"|'[^']*')""")  # the page's own rules alone hold; in words, quotes are escaped
NAMED = 40  # students that a card lists
COMMENTS = 9  # that are offered again


class Done(NamedTuple):
    """A mark that can be taken back."""

    keys: tuple[Key, ...]
    told: str


class Answers:
    """A queue as the page asks for it; all that it gives is ready for JSON, and no text in it is markup but `html`.

    A card is a set of answers that says the same; it is known by its id, as long as the server runs.
    """

    def __init__(self, queue: Queue):
        self.queue = queue
        self.cards: dict[str, tuple[Key, ...]] = {}
        self.done: list[Done] = []
        self._index()

    def _index(self) -> None:
        self.entries = self.queue.entries
        self.by_key = {entry.key: entry for entry in self.entries}

    def _fresh(self) -> None:
        if self.queue.entries is not self.entries:
            self._index()

    def items(self, shown: str, again: bool = True) -> dict[str, Any]:
        """The items that anybody has to look at, with how many answers the filter shows and how many are marked."""
        if again:
            self.queue.refresh()
        self._fresh()
        total: Counter[tuple[str, str]] = Counter()
        waiting, here = total.copy(), total.copy()
        for entry in self.entries:
            place = entry.quiz.lesson, entry.mark.item
            total[place] += 1
            waiting[place] += entry.key in self.queue.open
            here[place] += self._matches(entry, shown)
        items = [
            {
                "lesson": assignment.name,
                "item": item.id,
                "label": clean(item.label),
                "total": total[place],
                "waiting": waiting[place],
                "shown": here[place],
            }
            for assignment in self.queue.assignments
            for item in assignment.quiz.items
            if total[place := (assignment.name, item.id)]
        ]
        gone = {item: count for item, count in sorted(self.queue.gone.items()) if count}
        return {"items": items, "gone": gone, "undo": bool(self.done)}

    def _matches(self, entry: Entry, shown: str) -> bool:
        waits = entry.key in self.queue.open
        if shown == "waiting":
            return waits
        if shown == "look":
            return waits and entry.mark.outcome in (Outcome.LOOK, Outcome.MISSING)
        if shown == "requests":
            return waits and bool(entry.request)
        return shown == "all" or not waits

    def of_item(self, lesson: str, item: str, shown: str, grouped: bool) -> dict[str, Any]:
        """An item's question, rubric and solution, the ids of its cards in their order, and comments to use again."""
        self._fresh()
        quiz = next((one.quiz for one in self.queue.assignments if one.name == lesson), None)
        found = next((one for one in quiz.items if one.id == item), None) if quiz else None
        if quiz is None or found is None:
            raise CourseError(f"{item} isn't in the item bank: reload the page.", code="grading.no-item")
        every = [entry for entry in self.entries if entry.key[::2] == (lesson, item)]
        groups: dict[object, list[Key]] = {}
        for entry in every:
            if self._matches(entry, shown):
                groups.setdefault(self._same(entry) if grouped else entry.key, []).append(entry.key)
        ids = []
        for keys in groups.values():
            ids.append(_name(keys))
            self.cards[ids[-1]] = tuple(keys)
        comments = Counter(
            given.comment for entry in every if (given := self.queue.given.get(entry.key)) and given.comment
        )
        differs = bool(every) and self.queue.differs(every[0])
        return {
            "label": clean(found.label),
            "title": clean(quiz.title),
            "most": float(found.points),
            "question": {"html": "" if differs or not every else self._question(every[0])},
            "solution": {"html": "" if differs or not every else self._solution(every[0])},
            "rubric": [{"text": clean(one.text.replace("`", "")), "points": one.points} for one in found.criteria],
            "cards": ids,
            "comments": [comment for comment, _ in comments.most_common(COMMENTS)],
        }

    def _same(self, entry: Entry) -> object:
        """Answers are the same when a person who marks one has nothing else to look at in the other."""
        empty = not entry.mark.answer.strip() and entry.mark.outcome is not Outcome.WAITING
        said = self._said(entry)
        if empty or said is None or entry.request or isinstance(entry.item, VariedNumber):
            return entry.key  # what counts stands elsewhere in the notebook, or is the student's own
        given = self.queue.given.get(entry.key)
        state = (entry.key in self.queue.open, (given.points, given.comment) if given else None)
        return said, entry.mark.outcome, entry.found, entry.remarks, state

    def _said(self, entry: Entry) -> str | None:
        """What an answer says, whatever letters its student saw; None where that can't be told."""
        lines = self.queue.words(entry).splitlines()
        if isinstance(entry.item, LETTERED) and self.queue.differs(entry):
            if not all(" — " in line for line in lines):
                return None
            lines = [line.partition(" — ")[2] for line in lines]
            lines = lines if isinstance(entry.item, Order) else sorted(lines)
        return "\n".join(line.rstrip() for line in lines).strip("\n")  # spaces at the ends of lines say nothing

    def card(self, name: str, names: bool) -> dict[str, Any]:
        """A card as it stands now. names: say whose answers they are."""
        entries = self._of(name)
        first = entries[0]
        given = [self.queue.given.get(entry.key) for entry in entries]
        points = {one.points if one else None for one in given}
        last = next((one for one in given if one), None)
        same = len(points) == 1 and last
        return {
            "id": name,
            "version": self._version(entries),
            "count": len(entries),
            "students": [
                {
                    "name": clean(entry.student) if names else f"Student {entry.number}",
                    "notebook": _name([entry.key]) if self.queue.originals else "",
                }
                for entry in entries[:NAMED]
            ],
            "answer": self.queue.words(first),
            "code": first.item.executed,
            "found": first.found,
            "remarks": [clean(remark) for remark in first.remarks],
            "request": clean(first.request),
            "waits": any(entry.key in self.queue.open for entry in entries),
            "most": first.mark.most,
            "points": points_text(last.points) if same and last else "",
            "comment": last.comment if same and last else "",
            "by": clean(last.by) if same and last else "",
            "question": {"html": self._question(first) if self.queue.differs(first) else ""},
            "solution": {"html": self._solution(first) if self.queue.differs(first) else ""},
        }

    def _question(self, entry: Entry) -> str:
        return STYLE.sub("", self.queue.question(entry))

    def _solution(self, entry: Entry) -> str:
        item = self.queue.own_item(entry)
        return STYLE.sub("", _right(item, entry.version) + text.explanation_html(item))

    def _of(self, name: str) -> list[Entry]:
        self._fresh()
        entries = [self.by_key[key] for key in self.cards.get(name, ()) if key in self.by_key]
        if not entries:
            raise CourseError("This answer is no longer in the review: reload the page.", code="grading.no-card")
        return entries

    def entry(self, name: str) -> Entry:
        """One answer by the name that a card gives it."""
        self._fresh()
        if name not in self.cards:
            self.cards |= {_name([key]): (key,) for key in self.by_key}
        return self._of(name)[0]

    def _version(self, entries: Sequence[Entry]) -> str:
        return _digest(
            [(*entry.key, self.queue.seen[entry.key].digest, self.queue.seen[entry.key].act) for entry in entries]
        )

    def mark(self, name: str, version: str, typed: str, comment: str) -> str:
        """Mark a card as the person saw it, and what was done in a sentence; CourseError when it can't be."""
        entries = self._of(name)
        points, trouble = read_points(typed, entries[0].mark.most)
        if trouble:
            raise CourseError(f"Not saved: {trouble}", code="grading.no-points")
        if self._version(entries) != version:
            raise CourseError(
                f"Not saved: {entries[0].mark.item} has changed since you saw it. Look again.", code="grading.overtaken"
            )
        try:
            self.queue.mark(entries, points, comment.strip())
        except CourseError as error:
            error.args = (f"Not saved: {error}",)  # its code stays
            raise
        about = f"{len(entries)} equal answers" if len(entries) > 1 else f"Student {entries[0].number}"
        told = f"{points_text(points)} of {points_text(entries[0].mark.most)} points for {about}"
        self.done.append(Done(tuple(entry.key for entry in entries), told))
        return f"Saved: {told}."

    def undo(self) -> dict[str, Any]:
        """Take back the last mark that was given here: where it was, and what was done in a sentence."""
        if not self.done:
            raise CourseError("There is nothing to undo.", code="grading.no-mark")
        done = self.done.pop()
        self._fresh()
        entries = [self.by_key[key] for key in done.keys if key in self.by_key]
        try:
            self.queue.undo(entries)
        except CourseError as error:
            error.args = (f"Not undone: {error}",)  # its code stays
            raise
        self._fresh()
        name = _name(list(done.keys))
        self.cards[name] = done.keys
        lesson, _, item = done.keys[0]
        return {"lesson": lesson, "item": item, "card": name, "said": f"Taken back: {done.told}."}


def _right(item: GradedItem, version: Version) -> str:
    if isinstance(item, (GradedCode, GradedModel)):
        return f"<pre><code>{html.escape(item.reference or '')}</code></pre>"
    if item.in_words or isinstance(item, VariedNumber):
        return ""
    return f"<p><strong>{text.inline(text.right_answer(item, version.order_key))}</strong></p>"


def _name(keys: Sequence[Key]) -> str:
    return _digest(sorted(keys))


def _digest(what: object) -> str:
    return hashlib.sha256(repr(what).encode("utf-8", "replace")).hexdigest()[:24]
