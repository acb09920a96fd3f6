"""The checklist itself: every check on one learner, without changing it."""

from collections.abc import Callable, Hashable
from typing import Any

from fastai.learner import Learner

from course_utils.diagnostics import data_checks, training_checks
from course_utils.diagnostics.findings import Finding, Inspection, Unseen
from course_utils.errors import CourseError
from course_utils.training.caching import randomness_kept

NEVER_SEEN = (
    "whether the test part chose an epoch, a setting or a threshold: no learner records it, so use it once, at the end",
    "what the body has forgotten: keep some images of its source, and test on them before and after",
)


def inspect_training(
    learn: Learner, *, group: Callable[[Any], Hashable] | None = None, images: int = 4000
) -> Inspection:
    """Look at a learner and its data, train, valid and test if there is one, and name what looks wrong.

    group: from an item of the data (a path, a place) to what may not stand on two sides, such as its patient; without
        it the column `patient` of `dls.factors` is used where there is one
    images: how many are compared in search of duplicates; of more, so many evenly spaced
    Nothing is changed: neither weights nor modes, nor the order of the batches to come. The validation images pass
    the network once, if a metric asks for it. Raises CourseError for `images` below 2.
    """
    if images < 2:
        raise CourseError(f"images is {images}: give at least 2 to compare.")
    checks = {
        "class ratio": data_checks.rare_class,
        "classes in each part": data_checks.missing_class,
        "metrics": training_checks.metrics,
        "patients": lambda learn: data_checks.shared_groups(learn, group),
        "duplicates": lambda learn: data_checks.duplicates(learn, images),
        "normalisation": data_checks.normalisation,
        "losses": training_checks.losses,
        "frozen blocks": training_checks.frozen,
        "batches": training_checks.batches,
        "mode": training_checks.mode,
    }
    findings: list[Finding] = []
    sound, unseen = [], []
    with randomness_kept():
        for name, check in checks.items():
            try:
                found = list(check(learn))
            except (Unseen, CourseError) as reason:
                unseen.append(f"{name}: {str(reason).rstrip('.')}")
                continue
            findings += found
            sound += [] if found else [name]
    return Inspection(tuple(findings), tuple(sound), (*unseen, *NEVER_SEEN))
