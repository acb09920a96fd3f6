"""What is refused, reported or left out once images are decoded: unreadable files, contradictions, near-duplicates."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import torch

from course_utils.data.images.near_duplicates import twins_across
from course_utils.data.images.own.decoding import refuse_unreadable
from course_utils.data.images.own.examples import Examples, number
from course_utils.data.splits import Split
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

LEAVE_OUT = ("unreadable", "contradictions", "near-duplicates")


def check_leave_out(leave_out: str | Collection[str]) -> set[str]:
    """Return what is to be left out, or raise CourseError `data.bad-option` for what isn't in LEAVE_OUT."""
    asked = (
        {leave_out} if isinstance(leave_out, (str, bytes)) or not isinstance(leave_out, Iterable) else set(leave_out)
    )
    if asked - set(LEAVE_OUT):
        raise CourseError(
            f"leave_out is {leave_out!r}: choose one or more of {', '.join(map(repr, LEAVE_OUT))}.",
            code="data.bad-option",
        )
    return asked


def clean(
    examples: Examples, decoded: torch.Tensor | None, unreadable: dict[int, str], leave_out: set[str]
) -> tuple[Examples, torch.Tensor | None]:
    """Refuse, or leave out where that was asked for, what can't be read and what contradicts itself.

    Parameters
    ----------
    examples : Examples
        The images.
    decoded : (n, 3, size, size) uint8, optional
        Their pixels, without which contradictions aren't looked for.
    unreadable : dict
        What is wrong with each file that can't be read, by its index.
    leave_out : set of str
        Which of LEAVE_OUT.

    Raises
    ------
    CourseError
        `data.unreadable-image` and `data.contradicting-labels`.
    """
    if "unreadable" not in leave_out:
        refuse_unreadable(unreadable, examples.files)
    examples, decoded = _without(examples, decoded, unreadable, "can't be read")
    if decoded is None:
        return examples, decoded
    copies = _contradictions(decoded, examples)
    if copies and "contradictions" not in leave_out:
        told = first_few(" and ".join(examples.files[index] for index in same) for same in copies)
        raise CourseError(
            f"{number(len(copies), 'image')} {'is' if len(copies) == 1 else 'are'} there more than once with different "
            f"labels ({told}): delete the wrong copies, or leave out all with leave_out='contradictions'.",
            code="data.contradicting-labels",
        )
    return _without(examples, decoded, [index for same in copies for index in same], "have copies with other labels")


def without_near_duplicates(
    split: Split, decoded: torch.Tensor, examples: Examples, leave_out: set[str]
) -> tuple[Split, tuple[str, ...]]:
    """Report the images that nearly equal one of another set; leave them out of train and valid when asked to."""
    twins = twins_across(decoded, (split.test, split.valid, split.train)).tolist()
    if not twins:
        return split, ()
    one, other = twins[0]
    told = (
        f"{number(len(twins), 'image')} of train or valid nearly {'equals' if len(twins) == 1 else 'equal'} one of "
        f"another set, such as {examples.files[one]} and {examples.files[other]}"
    )
    if "near-duplicates" not in leave_out:
        return split, (
            f"{told}: this makes scores too high, so keep what belongs together in one set with group=, or leave them "
            "out with leave_out='near-duplicates'.",
        )
    out = {index for index, _ in twins}
    train, valid = ([index for index in part if index not in out] for part in (split.train, split.valid))
    return Split(train, valid, split.test, near_duplicates=len(out)), (f"Left out: {told}.",)


def _without(
    examples: Examples, decoded: torch.Tensor | None, rows: Iterable[int], why: str
) -> tuple[Examples, torch.Tensor | None]:
    """Leave out some images, and note why."""
    out = sorted(rows)
    if not out:
        return examples, decoded
    kept = sorted(set(range(len(examples.files))) - set(out))

    def take(values: Any) -> Any:
        return None if values is None else tuple(values[index] for index in kept)

    note = f"{number(len(out), 'image')} left out that {why}: {first_few(examples.files[index] for index in out)}."
    left = replace(
        examples,
        files=take(examples.files),
        labels=take(examples.labels),
        groups=take(examples.groups),
        sets=take(examples.sets),
        notes=(*examples.notes, note),
    )
    return left, None if decoded is None else decoded[kept]


def _contradictions(decoded: torch.Tensor, examples: Examples) -> list[list[int]]:
    """Return the indices of each image that is there in files of equal bytes with different labels."""
    alike: dict[bytes, list[int]] = {}
    for index, image in enumerate(decoded.numpy()):
        alike.setdefault(image.tobytes(), []).append(index)
    found = []
    for indices in alike.values():
        if len({frozenset(examples.labels[index]) for index in indices}) > 1:  # at this size; now in full
            files: dict[bytes, list[int]] = {}
            for index in indices:
                files.setdefault(examples.paths[index].read_bytes(), []).append(index)
            found += [same for same in files.values() if len({frozenset(examples.labels[i]) for i in same}) > 1]
    return found
