"""The checklist itself: every check on one learner, without changing it."""

from collections.abc import Callable, Hashable
from typing import Any

from fastai.learner import Learner

from course_utils.caching import randomness_kept
from course_utils.errors import CourseError
from course_utils.inspection import of_data, of_training
from course_utils.inspection.findings import Finding, Inspection, Unseen

NEVER_SEEN = (
    "whether the test part chose an epoch, a setting or a threshold: no learner records it, so use it once, at the end",
    "what the body has forgotten: keep some pictures of its source, and test on them before and after",
)


def inspect_training(
    learn: Learner, *, group: Callable[[Any], Hashable] | None = None, pictures: int = 4000
) -> Inspection:
    """Look at a learner and its data, train, valid and test if there is one, and name what looks wrong.

    group: from an item of the data (a path, a place) to what may not stand on two sides, such as its patient; without
        it the column `patient` of `dls.factors` is used where there is one
    pictures: how many are compared in search of duplicates; of more, so many evenly spaced
    Nothing is changed: neither weights nor modes, nor the order of the batches to come. The validation pictures pass
    the network once, if a metric asks for it. Raises CourseError for `pictures` below 2.
    """
    if pictures < 2:
        raise CourseError(f"pictures is {pictures}: give at least 2 to compare.")
    checks = {
        "class ratio": of_data.rare_class,
        "classes in each part": of_data.missing_class,
        "metrics": of_training.metrics,
        "patients": lambda learn: of_data.shared_groups(learn, group),
        "duplicates": lambda learn: of_data.duplicates(learn, pictures),
        "normalisation": of_data.normalisation,
        "losses": of_training.losses,
        "frozen blocks": of_training.frozen,
        "batches": of_training.batches,
        "mode": of_training.mode,
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
