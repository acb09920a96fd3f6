"""What is another for each student: seeds from the course's own key, and varied numbers with their values drawn."""

import hashlib
import hmac
import json
import math
import re
import secrets
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.bank.items import GradedNumber, GradedQuiz, VariedNumber
from course_utils.grading.bank.locks import write_private
from course_utils.quiz.items import Item, WrongNumber

PUBLIC = hashlib.sha256(b"the public course key of example pools").digest()  # known to everybody
DRAWS = 100  # tries until a known mistake leads to another number than the right one


def seed(course_key: bytes, student: str, item: str) -> int:
    """The seed of numpy's default_rng for all that an item generates for a student; nobody guesses it without the key.

    HMAC-SHA256 over the JSON of the pair: two pairs never give the same text.
    """
    return int.from_bytes(hmac.digest(course_key, json.dumps([student, item]).encode(), "sha256"), "big")


def varied(item: VariedNumber, course_key: bytes, student: str) -> GradedNumber:
    """The item as an ordinary number: stem and explanation filled in, the answer and the mistakes computed.

    Runs the author's own code, which is trusted; `rng`, `np` and `math` are at hand. A mistake that is no finite
    number, or counts as right, is left out; when none is left the values are drawn again from the same generator.
    CourseError when the code stops, or DRAWS draws leave no mistake.
    """
    import numpy as np

    rng = np.random.default_rng(seed(course_key, student, item.id))
    code = compile(item.variant, f"<variant of {item.id}>", "exec")
    for _ in range(DRAWS):
        space: dict[str, Any] = {"rng": rng, "np": np, "math": math}
        try:
            exec(code, space)
            answer = float(space["answer"])
            given = [(float(eval(mistake.answer, space)), mistake.feedback) for mistake in item.mistakes]
        except (Exception, SystemExit) as error:
            raise CourseError(
                f"The variant of {item.id} stops for the student {student!r} with {type(error).__name__}: {error}: "
                "its code and its mistakes should give a number for every draw; mend them in the item bank.",
                code="grading.variant-stops",
            ) from error
        if not math.isfinite(answer):
            raise CourseError(
                f"The variant of {item.id} gives {answer} for {student!r}: draw so that it is finite.",
                code="grading.variant-number",
            )
        mistakes = [wrong for value, said in given if (wrong := _wrong(item, answer, value, said))]
        if mistakes or not item.mistakes:
            shared = item.model_dump(include=set(Item.model_fields))
            shared |= {text: _filled(shared[text], item.names, space) for text in ("stem", "explanation")}
            return GradedNumber(
                kind="number", answer=answer, tolerance=item.tolerance, unit=item.unit, mistakes=mistakes, **shared
            )
    raise CourseError(
        f"All mistakes of {item.id} give the right answer, draw after draw: name one that gives another number.",
        code="grading.variant-mistakes",
    )


def new_course_key(file: Path) -> Path:
    """Write a new course key, 32 random bytes as hex, that its owner alone may read. CourseError when one is there."""
    write_private(file, f"{secrets.token_hex(32)}\n".encode())
    return file


def read_course_key(file: Path | None, quiz: GradedQuiz, releasing: bool = False) -> bytes:
    """The course key in a file. CourseError when it is none; no file gives the public one, for an example alone.

    releasing: nothing is out yet, so that a key may be made
    """
    if file is None and quiz.bank == "example":
        return PUBLIC
    if file is None and releasing:
        raise CourseError(
            f"{quiz.lesson} is graded and needs the course's key: make one once with `course quiz keygen FOLDER "
            "--course`, keep it, and name it with --course-key.",
            code="grading.no-key",
        )
    if file is None:
        raise CourseError(
            f"{quiz.lesson} is graded and needs the course's key, the one that it was released with: name its file "
            "with --course-key, or in COURSE_KEY. No other key gives the letters and numbers that students saw.",
            code="grading.no-key",
        )
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(
            f"The course key {file} can't be read ({error}): name the file that keygen made.",
            code="grading.no-course-key",
        ) from None
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise CourseError(
            f"{file} holds no course key, 64 hex digits: name the file that keygen made.", code="grading.no-course-key"
        )
    return bytes.fromhex(text)


def _wrong(item: VariedNumber, answer: float, value: float, said: str) -> WrongNumber | None:
    """The mistake, with the item's own tolerance where that stays clear of the right answer; None when it is right."""
    distance = abs(value - answer)
    if not math.isfinite(value) or distance <= item.tolerance + 1e-9 * abs(answer):  # as a Number is judged
        return None
    return WrongNumber(answer=value, tolerance=item.tolerance if distance > 2 * item.tolerance else 0.0, feedback=said)


def _filled(text: str, names: list[str], space: dict[str, Any]) -> str:
    """The names in braces replaced, those of the stem alone: other braces are LaTeX's."""
    return re.sub(r"\{([a-z_]\w*)\}", lambda found: _shown(space[found[1]]) if found[1] in names else found[0], text)


def _shown(value: Any) -> str:
    """A value in full, so that what is shown is what was computed with; numpy's as Python's."""
    return str(value.tolist() if hasattr(value, "tolist") else value)
