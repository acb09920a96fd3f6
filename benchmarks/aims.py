"""What the benchmark aims at, and the sentences that say whether it was met."""

from dataclasses import dataclass

import pandas as pd
from comparisons import COMPARISONS
from results_tables import REGIMES, Spread, accuracy_difference, ratios_table, select, spread


@dataclass(frozen=True)
class Aim:
    """A ratio that should be at least so much."""

    what: str
    regime: str
    arm: str
    measure: str
    least: float
    task: str | None = None


AIMS = (
    Aim("an epoch of head training takes stock fastai", "head", "fastai", "epoch", 20),
    Aim("an epoch on a resident batch takes", "full", "limit", "epoch", 0.93),
    Aim("an epoch of all layers takes stock fastai, beside ours from stage 4 on,", "stage 4", "fastai", "epoch", 4),
    Aim("an epoch of all layers takes stock fastai, beside ours from stage 3 on,", "stage 3", "fastai", "epoch", 2),
    Aim("to reach 85% by fine-tuning, stock fastai takes", "full", "fastai", "goal", 1, "photographs"),
    Aim("to reach 85% by fine-tuning, plain PyTorch takes", "full", "torch", "goal", 1, "photographs"),
    Aim(
        "to reach 85%, stock fastai's fine-tuning takes, beside our probe,", "probe", "fastai", "goal", 8, "photographs"
    ),
    Aim(
        "to reach 85%, plain PyTorch's fine-tuning takes, beside our probe,", "probe", "torch", "goal", 8, "photographs"
    ),
)
SAME = 0.5  # points of accuracy, between ours and stock fastai


def aims(runs: pd.DataFrame) -> str:
    """A line for each aim and task: met or missed, and by what."""
    ratios, lines = ratios_table(runs), []
    for task in [name for name in COMPARISONS if name in set(runs.task)]:
        for aim in AIMS:
            here = select(ratios, task=task, regime=aim.regime, arm=aim.arm, measure=aim.measure)
            found = spread(here.ratio)
            if found and aim.task in (None, task):
                met = _met(found, aim.least)
                lines.append(f"- {task}: {aim.what} {found} of ours; aim at least {aim.least:g}×: {met}")
        for regime in ("head", "full"):
            mine = select(runs, task=task, regime=regime)
            found = accuracy_difference(select(mine, arm="fastai"), select(mine, arm="ours"))
            if found:
                points = f"{found[0]:+.1f} ± {found[1]:.1f} points"
                lines.append(
                    f"- {task}: stock fastai's accuracy minus ours, {REGIMES[regime]}: {points}; "
                    f"aim within {SAME}: {_same(*found)}"
                )
    return "\n".join(lines)


def _met(found: Spread, least: float) -> str:
    if found.least >= least:
        return "met"
    return "met in the median" if found.middle >= least else "**missed**"


def _same(mean: float, half: float) -> str:
    if abs(mean) + half <= SAME:
        return "met"
    return "**missed**" if abs(mean) - half > SAME else "not settled, the interval is too wide"
