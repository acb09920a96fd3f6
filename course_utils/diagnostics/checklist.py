"""The checklist itself: every check on one learner, without changing it."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from fastai.learner import Learner

from course_utils.diagnostics import data_checks, training_checks
from course_utils.diagnostics.findings import Finding, Inspection, Unseen
from course_utils.errors import CourseError
from course_utils.training import randomness_kept

Check = Callable[[Learner], Iterable[Finding]]

MOST_TOLD = 120  # characters of an error's own message
NEVER_SEEN = (
    "whether the test set chose an epoch, a setting or a threshold: no learner records it, so use it once, at the end",
    "what the body has forgotten: keep some images of its source, and test on them before and after",
)


def inspect_training(
    learn: Learner, *, group: Callable[[Any], Hashable] | str | None = None, images: int = 4000
) -> Inspection:
    """Look at a learner and its data (training, validation and, if there is one, test set) for what looks wrong.

    Nothing is changed: neither weights nor modes, nor the order of the batches to come. The validation images pass
    the network up to three times, and where BatchNorm was trained, the training images once. Images are compared as
    thumbnails, and never more than some hundred megabytes of them are in memory.

    Parameters
    ----------
    learn : Learner
        A learner, trained or not; checks that need a trained one say so.
    group : callable or str, optional
        From an item of the data (a path, an index, a row of a DataFrame) to what may not stand in two splits, such as
        its patient; or the name of a column of the DataFrame, or of `dls.factors`, that says so. Without it the column
        `patient` or `group` is used where there is one.
    images : int
        How many are compared in search of duplicates; if there are more, so many evenly spaced.

    Returns
    -------
    Inspection
        Findings, what is in order, and what can't be seen; print it to read the checklist. A check that fails on this
        learner or its data is among the latter, with its error, and the others are made all the same.

    Raises
    ------
    CourseError
        For `images` below 2 ("diagnostics.too-few-images").
    """
    if images < 2:
        raise CourseError(f"images is {images}: give at least 2 to compare.", code="diagnostics.too-few-images")
    checks: dict[str, Check] = {
        "class ratio": data_checks.check_class_ratio,
        "classes in each split": data_checks.check_classes,
        "metrics": training_checks.check_metrics,
        "patients": lambda learn: data_checks.check_groups(learn, group),
        "duplicates": lambda learn: data_checks.check_duplicates(learn, images),
        "normalisation": data_checks.check_normalisation,
        "losses": training_checks.check_losses,
        "frozen blocks": training_checks.check_frozen_blocks,
        "running statistics": training_checks.check_running_statistics,
        "batches": training_checks.check_batches,
        "mode": training_checks.check_mode,
    }
    findings: list[Finding] = []
    sound: list[str] = []
    unseen: list[str] = []
    with randomness_kept():
        for name, check in checks.items():
            found, reason = _found(check, learn)
            findings += found
            if reason:
                unseen.append(f"{name}: {reason}")
            elif not found:
                sound.append(name)
    return Inspection(tuple(findings), tuple(sound), (*unseen, *NEVER_SEEN))


def _found(check: Check, learn: Learner) -> tuple[list[Finding], str]:
    """What a check finds, up to where it can't go on, and why it can't; a fault of one check ends no other."""
    found: list[Finding] = []
    try:
        for each in check(learn):
            found.append(each)
    except (Unseen, CourseError) as reason:
        return found, str(reason).rstrip(".")
    except Exception as problem:
        told = " ".join(str(problem).split())[:MOST_TOLD].rstrip(".")
        return found, f"the check ended with {type(problem).__name__}" + (f" ({told})" if told else "")
    return found, ""
