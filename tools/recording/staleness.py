"""Which records no longer belong to the code, the data or the weights."""

from pathlib import Path

from course_utils.experiments import records
from tools.lessons.files import choose
from tools.recording.digests import belongs_to
from tools.recording.experiments import experiments_of


def find(names: list[str] | None = None, lessons: Path = Path("lessons"), folder: Path = records.FOLDER) -> list[str]:
    """Return a sentence for each record of these lessons that is missing, stale or left over.

    A record made on other images than this machine has is compared in code and weights alone.
    """
    found, known = [], set()
    chosen = choose(lessons, names)
    for experiment in (one for lesson in chosen for one in experiments_of(lesson)):
        known.add(experiment.name)
        again = f"run `python -m tools record {experiment.name[:2]} --only {experiment.function}`"
        if experiment.name not in records.names(folder):
            found.append(f"{experiment.name} has no recorded runs: {again}.")
            continue
        now, then = belongs_to(experiment), records.recorded(experiment.name, folder).made_with
        parts = ["code", "weights"] + ["data"] * (now["images"] == then["images"])
        if changed := [part for part in parts if now[part] != then[part]]:
            found.append(f"The recorded runs {experiment.name} are of other {' and '.join(changed)}: {again}.")
    numbers = {lesson.name.partition("_")[0] for lesson in chosen}
    left = [name for name in records.names(folder) if name[:2] in numbers and name not in known]
    return found + [f"The recorded runs {name} belong to no experiment: delete their files." for name in left]
