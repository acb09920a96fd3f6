"""The one look at the test photos: the network beside the ladder, with intervals, and a log of every look."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from fastai.learner import Learner
from safetensors.torch import save

from course_utils.errors import CourseError
from course_utils.experiments import all_rungs
from course_utils.projects.settings import Settings
from course_utils.projects.task import ProjectTask
from course_utils.statistics import mean_interval, paired_difference
from course_utils.tasks import train

LOG = "tests.csv"
NETWORK = "this network"


def test_once(learn: Learner, task: ProjectTask, results: Path, settings: Settings, grouped: bool) -> pd.DataFrame:
    """Test a network and the rungs of the ladder on the same test photos.

    Parameters
    ----------
    learn : Learner
        Trained on the project's photos.
    task : ProjectTask
        The project's.
    results : Path
        Where tests.csv keeps a row for each network that was tested.
    settings : Settings
        The project's.
    grouped : bool
        Whether photos belong to groups: a group then counts as one observation, and not each of its photos.

    Returns
    -------
    pandas.DataFrame
        For each rung and the network: accuracy on the test photos and half of its 95% interval, and by how much the
        network is ahead, with half of that interval; shares.

    Raises
    ------
    CourseError
        `projects.too-few-tests` for fewer than two test photos, or two groups of them.
    """
    test = learn.dls.loaders[2]
    groups = learn.dls.factors.group[list(test.items)] if grouped else pd.Series(range(len(test.items)))
    if groups.nunique() < 2:
        raise CourseError(
            "An interval needs at least two test photos, or two groups of them: collect more.",
            code="projects.too-few-tests",
        )
    right = {}
    for rung in all_rungs(flip=settings.photos.mirrored):
        right[rung.name] = _right(train(task, rung, 1, settings.seed).learn)
    right[NETWORK] = _right(learn)
    _log(learn, results, float(right[NETWORK].mean()), len(test.items))
    of_group = {name: pd.Series(each).groupby(np.asarray(groups)).mean().tolist() for name, each in right.items()}
    rows = []
    for name, shares in of_group.items():
        score, half = mean_interval(shares)
        ahead, ahead_half = paired_difference(of_group[NETWORK], shares) if name != NETWORK else (np.nan, np.nan)
        rows.append({"method": name, "accuracy": score, "±": half, "network ahead by": ahead, "± ": ahead_half})
    return pd.DataFrame(rows)


def _right(learn: Learner) -> np.ndarray:
    """1 for each test photo that gets the right answer, else 0."""
    with learn.no_bar(), learn.no_logging():
        scores, truth = learn.get_preds(dl=learn.dls.loaders[2])
    return (scores.argmax(1) == truth).numpy().astype(float)


def _log(learn: Learner, results: Path, score: float, photos: int) -> None:
    """Write down that these photos tested this network, and say how many they have tested by now."""
    network = hashlib.sha256(save({k: v.contiguous() for k, v in learn.model.state_dict().items()})).hexdigest()[:16]
    file = results / LOG
    log = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["when", "network", "photos", "accuracy"])
    if network not in set(log.network):
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        log.loc[len(log)] = [when, network, photos, score]
        results.mkdir(parents=True, exist_ok=True)
        log.to_csv(file, index=False)
    if len(log) > 1:
        print(
            f"These photos have tested {len(log)} networks ({LOG}): the best of several looks better than it is, so "
            "the card says how many there were."
        )
