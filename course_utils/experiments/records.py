"""Recorded runs: what a lesson's own experiment gave over many more seeds than fit into a lesson.

    recorded("01/compare").difference("fine-tuned", "from scratch")

Authors make them with `python -m tools record`; they lie in `course_utils/records` as small tables. The first line of
each holds the digests of the code, the data and the weights that it was made with.
"""

import html
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils.display.results import table_html
from course_utils.errors import CourseError
from course_utils.statistics import mean_interval, paired_difference
from course_utils.tasks.metrics import find_metric

FOLDER = Path(str(files("course_utils") / "records"))
# Of the ladder, from the simplest up. Whatever is fine-tuned comes after it.
RUNGS = (
    *("majority class", "TF-IDF", "TF-IDF of characters", "logistic regression on pixels", "SVM on pixels"),
    *("frozen encoder", "linear probe at the best depth", "multi-depth probe", "from scratch"),
)
COMMENT = "# "  # what begins the first line of a record
MEASURED = ["seed", "metric", "score", "seconds"]  # every other column is a factor: the strategy, the number of labels


@dataclass(frozen=True)
class RecordedRuns:
    """The recorded runs of one experiment; a notebook shows them as a table of means.

    Attributes
    ----------
    name : str
        Lesson and experiment, "01/compare".
    table : pandas.DataFrame
        One row a run: strategy, further factors, seed, metric, score, and seconds of all strategies with that seed.
    made_with : mapping
        Digests of code, data and weights, versions, machine and date.
    """

    name: str
    table: pd.DataFrame
    made_with: Mapping[str, Any]

    @property
    def seeds(self) -> int:
        """How many seeds each strategy has."""
        return int(self.table.seed.nunique())

    def scores(self, strategy: str, **factors: Any) -> pd.Series:
        """Return the scores of one strategy, in the order of the seeds.

        Parameters
        ----------
        strategy : str
            A value of the column `strategy`.
        **factors
            Values of further columns, such as `labels=20`, or `metric="loss"` where several were measured.

        Raises
        ------
        CourseError
            `experiments.not-recorded` where no run, or more than one a seed, is left.
        """
        wanted = {"strategy": strategy} | factors
        found = self.table
        for column, value in wanted.items():
            found = found[found[column] == value] if column in found else found[:0]
        if found.empty or found.seed.duplicated().any():
            choices = self.summary().drop(columns=["runs", "mean", "half_width"]).to_dict("records")
            said = "; ".join(", ".join(f"{name}={value!r}" for name, value in choice.items()) for choice in choices)
            raise CourseError(
                f"{self.name} has no single row a seed for {wanted}: choose one of {said}.",
                code="experiments.not-recorded",
            )
        return found.sort_values("seed").set_index("seed").score

    def difference(self, a: str, b: str, **factors: Any) -> tuple[float, float]:
        """Return the mean of `a` minus `b`, paired by seed, and the half-width of its 95% interval."""
        return paired_difference(self.scores(a, **factors).tolist(), self.scores(b, **factors).tolist())

    def summary(self) -> pd.DataFrame:
        """Return one row for each strategy and its factors: number of runs, mean, half-width of the 95% interval.

        Where the runs measure several metrics, `metric` is a factor too.
        """
        factors = [column for column in self.table if column not in MEASURED]
        if self.table.metric.nunique() > 1:
            factors.append("metric")
        rows = []
        for values, runs in self.table.groupby(factors, sort=False, dropna=False):
            mean, half_width = mean_interval(runs.score.tolist())
            own = dict(zip(factors, values, strict=True))
            rows.append(own | {"runs": len(runs), "mean": mean, "half_width": half_width})
        return pd.DataFrame(rows)

    def said(self) -> pd.DataFrame:
        """Return the summary as people read it: the mean with its interval in one column, named by the metric.

        Of several metrics, each row says its own, and the column is called "Mean". The ladder's rungs come first, from
        the simplest up.
        """
        summary = self.summary().sort_values("strategy", key=_ranked, kind="stable", ignore_index=True)
        first = find_metric(self.table.metric.iloc[0])
        metrics = [find_metric(name) for name in summary.get("metric", [first.name] * len(summary))]
        means = zip(metrics, summary.pop("mean"), summary.pop("half_width"), strict=True)
        title = "Mean" if "metric" in summary else first.title
        return summary.assign(**{title: [metric.say(mean, half) for metric, mean, half in means]})

    def caption(self) -> str:
        """Return when, where and for how long the runs were made."""
        minutes = self.table.drop_duplicates("seed").seconds.sum() / 60
        made = self.made_with
        return (
            f"Recorded runs {self.name}: {self.seeds} seeds, mean with its 95% interval. {made['date']}, "
            f"{made['machine']}, {minutes:.0f} minutes; {made['images']}."
        )

    def __str__(self) -> str:
        return f"{self.caption()}\n{self.said().to_string(index=False, na_rep='–')}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = table_html(self.said().astype(object).fillna("–"), index=False)
        return f"<figure><figcaption>{html.escape(self.caption())}</figcaption>{rows}</figure>"


def _ranked(strategies: pd.Series) -> pd.Series:
    return strategies.map(lambda one: RUNGS.index(one) if one in RUNGS else len(RUNGS))


def recorded(name: str, folder: Path | None = None) -> RecordedRuns:
    """Read the recorded runs of an experiment.

    Parameters
    ----------
    name : str
        Lesson and experiment, such as "01/compare".
    folder : Path, optional
        Where the records lie, if not in the course.

    Raises
    ------
    CourseError
        `experiments.no-record` where there is none of that name, `experiments.damaged-record` where it can't be read.
    """
    file = (folder or FOLDER) / f"{name}.csv"
    there = names(folder)
    if name not in there:
        raise CourseError(
            f"There are no recorded runs {name!r}: choose one of {', '.join(there) or 'none so far'}.",
            code="experiments.no-record",
        )
    try:
        made_with, rows = file.read_text(encoding="utf-8").split("\n", 1)
        table = pd.read_csv(io.StringIO(rows))
        if missing := sorted({"strategy", *MEASURED} - set(table.columns)):
            raise ValueError(f"it lacks the column {', '.join(missing)}")
        return RecordedRuns(name, table, json.loads(made_with.removeprefix(COMMENT)))
    except (OSError, ValueError) as problem:
        raise CourseError(
            f"The recorded runs {name} can't be read ({problem}): restore the file from the course's repository.",
            code="experiments.damaged-record",
        ) from problem


def names(folder: Path | None = None) -> list[str]:
    """List the recorded experiments, in order."""
    top = folder or FOLDER
    return sorted(f"{file.parent.name}/{file.stem}" for file in top.glob("*/*.csv"))
