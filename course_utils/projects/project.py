"""The steps of a project, in the order in which its notebook takes them."""

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from fastai.data.core import DataLoaders
from fastai.learner import Learner

from course_utils.data.images.own.report import ImageReport, image_report
from course_utils.diagnostics import Inspection, inspect_training
from course_utils.environment import silence_known_warnings
from course_utils.errors import CourseError
from course_utils.experiments import Experiment, baselines
from course_utils.notebook import prepare
from course_utils.projects.settings import ALL, HEAD, Settings, read_settings
from course_utils.projects.shipping import ship
from course_utils.projects.task import ProjectTask
from course_utils.projects.testing import test_once
from course_utils.tasks import train
from course_utils.training import Full, HeadOnly, Partial, Strategy


def open_project(folder: Path | str = ".") -> "Project":
    """Open the project in a folder.

    Raises
    ------
    CourseError
        `projects.no-project` and `projects.bad-settings`, as `read_settings`.
    """
    silence_known_warnings()
    prepare()
    where = Path(folder).resolve()
    return Project(where, read_settings(where))


@dataclass(frozen=True)
class Project:
    """A project: its folder and what its project.toml says.

    Parameters
    ----------
    folder : Path
        The project's folder.
    settings : Settings
        Its decisions.
    """

    folder: Path
    settings: Settings

    def __str__(self) -> str:
        blank = self.settings.blank
        state = f"still blank in project.toml: {', '.join(blank)}" if blank else "nothing is blank in project.toml"
        return f"{self.settings.name}: {self.settings.question or 'no question yet'} ({state})"

    __repr__ = __str__

    @property
    def results(self) -> Path:
        """The folder of what the project has found."""
        return self.folder / "results"

    @property
    def groups(self) -> Path | None:
        """The csv that says which photos belong together, where there is one."""
        named = self.settings.photos.groups
        return None if named in ("", "none") else self.folder / named

    def check_filled(self) -> None:
        """Refuse to go on while an entry of project.toml is blank (CourseError `projects.blank`)."""
        if blank := self.settings.blank:
            raise CourseError(
                f"Still blank in project.toml: {', '.join(blank)}. Fill them in, save the file, and run the notebook "
                "again from the top: what you can't say now, nobody will find out later.",
                code="projects.blank",
            )

    def look(self) -> ImageReport:
        """Look through the photos: counts, what can't be read, copies, and what is odd."""
        return image_report(self.folder / self.settings.photos.folder, group=str(self.groups) if self.groups else None)

    @cached_property
    def task(self) -> ProjectTask:
        """The photos as a task whose runs are scored on validation photos."""
        self.check_filled()
        return ProjectTask(self.folder, self.settings)

    def loaders(self) -> DataLoaders:
        """Return the training and the validation photos, without the test photos; `about` and `factors` tell of all."""
        dls = copy.copy(self.task.load(self.settings.seed, 1))
        dls.loaders = dls.loaders[:2]
        return dls

    def baselines(self) -> pd.DataFrame:
        """Measure the ladder of baselines on the validation photos."""
        photos, search = self.settings.photos, self.settings.search
        return baselines(self.loaders(), self.task.network, metric=search.metric, flip=photos.mirrored)

    def search(self, jobs: int = 1) -> Experiment:
        """Train from every depth at every rate, then at each depth's best rate from several starts; return all runs.

        Finished runs are kept in the folder `results`: stopped, the search goes on from there.
        """
        search = self.settings.search
        experiment = Experiment(
            self.task,
            [_strategy(depth, search.epochs) for depth in search.depths],
            labels=[self.labels],
            seeds=range(search.starts),
            lrs=search.rates,
            names=search.depths,
            keep=self.results / "search.jsonl",
            jobs=jobs,
        )
        experiment.run()
        for name, rate in experiment.table.groupby("strategy", sort=False).lr.first().items():
            if rate in (min(search.rates), max(search.rates)):
                print(f"The best rate of {name!r} is {rate:g}, at the end of your rates: add one beyond it.")
        return experiment

    @cached_property
    def labels(self) -> int:
        """The average number of training photos in a class."""
        dls = self.loaders()
        return max(1, round(len(dls.train.dataset) / dls.c))

    def choose(self, runs: Experiment) -> Strategy:
        """Return the depth with the best mean validation score, at its best rate; print it."""
        means = runs.table.groupby("strategy").score.mean()
        depth = str(means.idxmax())
        rate = float(runs.table.lr[runs.table.strategy == depth].iloc[0])
        print(f"chosen on validation photos: {depth!r} at {rate:g}, {means[depth]:.1%}")
        return _strategy(depth, self.settings.search.epochs).with_lr(rate)

    def train(self, strategy: Strategy, start: int = 0) -> Learner:
        """Train the network that will be tested and shipped."""
        return train(self.task, strategy, self.labels, start).learn

    def inspect(self, learn: Learner) -> Inspection:
        """Put the course's checklist to the trained network and its photos."""
        return inspect_training(learn, group="group" if self.groups else None)

    def test(self, learn: Learner) -> pd.DataFrame:
        """Test the network and the ladder's rungs on the test photos, and write down that they were used."""
        return test_once(learn, self.task, self.results, self.settings, self.groups is not None)

    def ship(self, learn: Learner, strategy: Strategy, tested: pd.DataFrame) -> Path:
        """Save the calibrated network with its card in `results/network`, and write the project's manifest.

        Parameters
        ----------
        learn : Learner
            The network that was tested.
        strategy : Strategy
            What trained it.
        tested : DataFrame
            What `test` gave.
        """
        return ship(learn, strategy, tested, self.folder, self.settings)


def _strategy(depth: str, epochs: int) -> Strategy:
    if depth == HEAD:
        return HeadOnly(epochs)
    return Full(epochs) if depth == ALL else Partial(epochs, depth=depth)
