"""Which settings a trial gets: one of Optuna's samplers, made anew for each trial from the seed and its number."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

STARTUP = 5  # random trials before TPE and the pruner begin to judge
SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=STARTUP),
    "random": lambda seed: RandomSampler(seed=seed),
}


class SeededSampler(BaseSampler):
    """A sampler whose random numbers depend on the seed and on the trial's number alone.

    Optuna's own sampler takes one seed: a worker, or a search that goes on, that was given the same seed would draw
    the same random settings again. A trial's number is taken only once, in whichever process and on whichever machine.

    Parameters
    ----------
    kind : str
        "tpe" or "random".
    seed : int
        At least 0.
    """

    def __init__(self, kind: str, seed: int):
        self.kind, self.seed = kind, seed
        self.sampler = SAMPLERS[kind](seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial."""
        drawn = np.random.SeedSequence([self.seed, trial.number]).generate_state(1)[0]
        self.sampler = SAMPLERS[self.kind](int(drawn))
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Leave it to the trial's sampler."""
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Leave it to the trial's sampler."""
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Leave it to the trial's sampler."""
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Leave it to the trial's sampler."""
        self.sampler.after_trial(study, trial, state, values)


def suggest(trial: Trial, name: str, each: BaseDistribution) -> None:
    """Draw one setting of a trial, by the method that suits its distribution."""
    if isinstance(each, FloatDistribution):
        trial.suggest_float(name, each.low, each.high, step=each.step, log=each.log)
    elif isinstance(each, IntDistribution):
        trial.suggest_int(name, each.low, each.high, step=each.step, log=each.log)
    elif isinstance(each, CategoricalDistribution):
        trial.suggest_categorical(name, each.choices)
