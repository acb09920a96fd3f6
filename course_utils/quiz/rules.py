"""What `course quiz check` asks of items beyond their form: keys that are told twice, no giveaways, no dead links.

A key is a line that is easily swapped in an edit. So each item's explanation has to agree with it: it speaks of the
right option more than of the others, says the number in bold, holds the accepted words, or names the steps in order.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median

from course_utils.errors import CourseError
from course_utils.quiz.items import (
    AnyItem,
    Code,
    Model,
    Number,
    OneChoice,
    Order,
    Prediction,
    Quiz,
    SeveralChoices,
    ShortText,
    plain,
)
from course_utils.quiz.text import figure_file

FEWEST = 8  # items a lesson
FEWEST_OPTIONS = 4  # of which one is right: with three, a guess is right too often
FEWEST_ACCEPTED = 3  # ways to write a short answer
ABSURD = 0.25  # an option with so small a share of the words of a typical one stands out
MOST_IN_ONE_PLACE = 0.6  # of a lesson's questions may have the right option at one place, or as the longest
FEWEST_WORDS_THERE = 0.2  # of those of an item's answer, in its section; half of all wrong sections have fewer
FEW = 3  # questions of one choice, fewer than which a pattern can't be told from chance
COMMON = """
a an and are as at be been before but by can do does each for from has have here how if in into is it its just more most
no not of on one only or other out so some such than that the their them then there they this to too was what when where
which while who why will with you your
"""
ORDERS = 100  # guesses between a number and so many times as much differ by orders of magnitude
# what takes seconds in a fresh kernel, as code says it; in `expect` the learner's time would run meanwhile
SLOW = re.compile(r"\bdata\.\w+\(|\.fine_tune\(|\.fit\w*\(|\bvision_learner\(|weights=[\"']")
STOPWORDS = frozenset(COMMON.split())
BOLD = re.compile(r"\*\*(.+?)\*\*")
DIGITS = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.I)


def faults(quiz: Quiz, sections: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Find the rules that a quiz breaks.

    Parameters
    ----------
    quiz : Quiz
        A lesson's items.
    sections : mapping of str to str, optional
        What stands below each heading of the lesson: an item's section should be among them and hold its answer.

    Yields
    ------
    tuple of str and str
        The item's id, or "" for the quiz as a whole, and what is wrong.
    """
    if len(quiz.items) < FEWEST:
        yield "", f"{len(quiz.items)} items: a lesson has at least {FEWEST}"
    yield from ((item.id, fault) for item in quiz.items for fault in _of_item(item))
    yield from (("", fault) for fault in _patterns([item for item in quiz.items if isinstance(item, OneChoice)]))
    if sections is not None:
        yield from ((item.id, fault) for item in quiz.items for fault in _away_from_its_answer(item, sections))


def _away_from_its_answer(item: AnyItem, sections: Mapping[str, str]) -> Iterator[str]:
    """Whoever is sent to the section should find the answer there: its words at least, and a reader judges the rest."""
    if item.section not in sections:
        yield f"the lesson has no section {item.section!r}"
        return
    match item:
        case Prediction():  # a guess's section is where it is asked for
            return
        case OneChoice() | SeveralChoices():
            answer = " ".join(option.text for option in item.options if option.right)
        case Order():
            answer = " ".join(step.text for step in item.steps)
        case ShortText():
            answer = item.accept[0]
        case _:
            answer = item.stem
    words = {stem for stem in _stems(f"{answer} {item.explanation}") if not stem[0].isdigit()}
    asking = re.compile(r"^.*\b(ask|predict|check)\(.*$", re.M)  # which names the item, and nothing of its answer
    there = _stems(asking.sub("", sections[item.section]))
    if len(words & there) < FEWEST_WORDS_THERE * len(words):
        yield (
            f"the section {item.section!r} holds {len(words & there)} of the {len(words)} words of its answer and "
            "explanation: name the section that holds the answer, or add it there"
        )


def _of_item(item: AnyItem) -> Iterator[str]:
    if item.figure:
        try:
            figure_file(item, item.figure)
        except CourseError as error:
            yield str(error)
    if not (item.source == "measured" or re.search(r"\]\(https?://", item.source)):
        yield "the source should be a Markdown link, or `measured` when the lesson's own cells show it"
    if len(item.explanation.split()) < 8:
        yield "the explanation has fewer than eight words: say why"
    if isinstance(item, Prediction) and item.within and 0 < ORDERS * item.low <= item.high:
        yield "guesses may differ by orders of magnitude: judge them by `factor` in place of `within`"
    if isinstance(item, (Code, Model)) and (slow := SLOW.search(item.expect or "")):
        yield f"`expect` calls {slow[0]!r} while the learner's time runs: move it to `prepare`"
    yield from _key_told_twice(item)


def _key_told_twice(item: AnyItem) -> Iterator[str]:
    match item:
        case OneChoice():
            yield from _favoured(item)
            yield from _standing_out(item)
        case SeveralChoices():
            for option in item.options:
                opening = "True:" if option.right else "False:"
                if not option.feedback.startswith(opening):
                    yield f"the feedback on {option.text!r} should begin with {opening!r}, as the key says"
        case Number():
            told = [float(number) for bold in BOLD.findall(item.explanation) for number in DIGITS.findall(bold)]
            if len(told) != 1 or abs(told[0] - item.answer) > max(item.tolerance, 1e-9):
                yield f"the explanation should say the answer in bold, **{item.answer:g}**, and no other number so"
        case ShortText():
            if not any(plain(text) in plain(item.explanation) for text in item.accept):
                yield f"the explanation holds none of the accepted answers ({', '.join(item.accept)})"
            if len(item.accept) < FEWEST_ACCEPTED:
                yield f"{len(item.accept)} accepted answers: a learner may write it in at least {FEWEST_ACCEPTED} ways"
        case Order():
            found = [_start(step.cue, item.explanation) for step in item.steps]
            if -1 in found:
                yield f"the explanation lacks the cue {item.steps[found.index(-1)].cue!r}"
            elif found != sorted(set(found)):
                yield "the explanation names the steps' cues in another order than the key"
        case Prediction() | Code() | Model():  # a cell finds it, or solution and mistakes are run by the tests
            pass


def _start(cue: str, text: str) -> int:
    """Where a cue stands in a text as the beginning of a word; -1 when it doesn't."""
    found = re.search(rf"\b{re.escape(cue)}", text, re.I)
    return found.start() if found else -1


def _favoured(item: OneChoice) -> Iterator[str]:
    """The explanation must share more of its words with the right option than with any other."""
    words = [_stems(option.text) for option in item.options]
    common = Counter(stem for option in words for stem in option)
    own = [{stem for stem in option if common[stem] == 1} for option in words]
    told = _stems(item.explanation)
    shares = [len(option & told) / len(option) if option else 0.0 for option in own]
    (right,) = item.key
    rival = max((share, index) for index, share in enumerate(shares) if index != right)
    if shares[right] <= rival[0]:
        yield (
            f"the explanation speaks of {item.options[rival[1]].text!r} as much as of {item.options[right].text!r}, "
            "which is marked right: say in the option's own words why it is"
        )


def _standing_out(item: OneChoice) -> Iterator[str]:
    """Enough options, and none so short beside the others that nobody would choose it, or everybody."""
    if len(item.options) < FEWEST_OPTIONS:
        yield f"{len(item.options)} options: offer at least {FEWEST_OPTIONS}, each from a common misconception"
    words = [len(option.text.split()) for option in item.options]
    for option, count in zip(item.options, words, strict=True):
        if count < ABSURD * median(words):
            yield f"the option {option.text!r} is far shorter than the others: say what speaks for it, or against it"


def _stems(text: str) -> set[str]:
    """The content words of a text, cut to five letters so that 'freezes' and 'freezing' are one."""
    return {word[:5] for word in re.findall(r"[a-z_]+|\d+(?:\.\d+)?", text.casefold()) if word not in STOPWORDS}


def _patterns(items: list[OneChoice]) -> Iterator[str]:
    """Giveaways over a whole quiz: the right option as written always at one place, or always the longest."""
    if len(items) < FEW:
        return
    place, often = Counter(min(item.key) for item in items).most_common(1)[0]
    if often > MOST_IN_ONE_PLACE * len(items):
        yield f"the right option is number {place + 1} in {often} of {len(items)} questions: move some"
    longest = sum(len(item.options[min(item.key)].text) == max(len(o.text) for o in item.options) for item in items)
    if longest > MOST_IN_ONE_PLACE * len(items):
        yield f"the right option is the longest in {longest} of {len(items)} questions: shorten some of them"
