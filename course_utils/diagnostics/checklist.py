"""The checklist itself: every check on one learner, without changing it."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from fastai.learner import Learner

from course_utils.diagnostics import data_checks, training_checks
from course_utils.diagnostics.findings import Finding, Inspection, Unseen
from course_utils.errors import CourseError
from course_utils.training import randomness_kept

Check = Callable[[Learner], Iterable[Finding]]

NEVER_SEEN = (
    "whether the test set chose an epoch, a setting or a threshold: no learner records it, so use it once, at the end",
    "what the body has forgotten: keep some images of its source, and test on them before and after",
)


def inspect_training(
    learn: Learner, *, group: Callable[[Any], Hashable] | None = None, images: int = 4000
) -> Inspection:
    """Look at a learner and its data (training, validation and, if there is one, test set) for what looks wrong.

    Nothing is changed: neither weights nor modes, nor the order of the batches to come. The validation images pass
    the network up to three times, and where BatchNorm was trained, the training images once.

    Parameters
    ----------
    learn : Learner
        A learner, trained or not; checks that need a trained one say so.
    group : callable, optional
        From an item of the data (a path, an index) to what may not stand in two splits, such as its patient; without
        it the column `patient` or `group` of `dls.factors` is used where there is one.
    images : int
        How many are compared in search of duplicates; if there are more, so many evenly spaced.

    Returns
    -------
    Inspection
        Findings, what is in order, and what can't be seen; print it to read the checklist.

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
            try:
                found = list(check(learn))
            except (Unseen, CourseError) as reason:
                unseen.append(f"{name}: {str(reason).rstrip('.')}")
                continue
            findings += found
            if not found:
                sound.append(name)
    return Inspection(tuple(findings), tuple(sound), (*unseen, *NEVER_SEEN))
