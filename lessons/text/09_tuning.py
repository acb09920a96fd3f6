# %% [markdown]
# # 09 · How do I choose the settings, and what does the choosing cost?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/09_tuning.ipynb)
#
# Learning rates, depths, epochs: somebody had chosen them in every lesson so far. Now you search for them, pay for the search in
# training steps, and find out how much of its success was luck.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("09_tuning")

# %% [markdown]
# ## Predict first
#
# A search tries settings, each in a training of its own, and keeps the best. The best by what? By right answers on the
# *validation* set: here 109 digits that no training sees. Such a score is skill and luck. How much luck?

# %%
from course_utils.quiz import ask

ask("09.1")

# %%
import numpy as np

chance = np.random.default_rng(course.seed)
scores = chance.binomial(109, 0.9, size=(10_000, 7)) / 109
print(f"any one of them {scores.mean():.1%}, the best of seven {scores.max(axis=1).mean():.1%}")

# %% [markdown]
# Four points from nothing. A *test* set, which chooses nothing, wouldn't show them. Keep this number in mind.

# %% [markdown]
# ## Two settings
#
# Many trainings need a small network: the pre-trained body up to stage 1, a stage less than in lessons 05 to 07, on
# digits of 16 pixels. `split_by_block` makes each block a parameter group. One thread is enough for so few numbers.

# %%
import torch
from fastai.vision.all import accuracy, aug_transforms, set_seed, vision_learner
from torch import nn

from course_utils import data
from course_utils.backbones import resnet18_half
from course_utils.surgery import split_by_block

torch.set_num_threads(1)

# %%
DEFAULT = {"lr": 2e-3, "lr_mult": 100, "frozen": 0, "wd": 0.01, "augment": 1, "epochs": 3}
print("what learn.fine_tune(2) does:", DEFAULT)


# %%
def one_stage(pretrained):
    network = resnet18_half("DEFAULT" if pretrained else None)
    return nn.Sequential(*list(network.children())[:5], nn.AdaptiveAvgPool2d(1))


# %% [markdown]
# Six settings. Two concern the learner: `wd`, the weight decay, and `augment`, the strength of turns, zooms and light.

# %%
def make(seed, wd, augment, **others):
    strength = {"max_rotate": 10 * augment, "max_zoom": 1 + 0.1 * augment, "max_lighting": 0.2 * augment}
    turns = aug_transforms(do_flip=False, max_warp=0, **strength)
    dls = data.digits(20, size=16, bs=20, split=(0.06, 0.3), augment=turns, seed=seed)
    set_seed(seed)
    return vision_learner(dls, one_stage, splitter=split_by_block, wd=wd, metrics=accuracy)


print(make(0, **DEFAULT).dls.about)


# %% [markdown]
# The other four concern the training. It is `fine_tune` as you rebuilt it in lesson 06, with one change: `frozen` blocks
# stay frozen to the end.

# %%
def train(learn, lr, lr_mult, frozen, epochs, **others):
    learn.freeze()
    learn.fit_one_cycle(1, slice(lr), pct_start=0.99)
    learn.freeze_to(frozen)
    learn.fit_one_cycle(epochs - 1, slice(lr / 2 / lr_mult, lr / 2), pct_start=0.3, div=5)


# %%
def run(settings, seed, *callbacks):
    learn = make(seed, **settings)
    with learn.no_bar(), learn.no_logging():
        with learn.added_cbs(callbacks):
            train(learn, **settings)
        return [learn.validate(dl=part)[1] for part in (learn.dls.valid, learn.dls.test)]


quick = DEFAULT | {"lr": 1e-2, "lr_mult": 3}
print(f"one seed, test: defaults {run(DEFAULT, 0)[1]:.1%}, another rate and ratio {run(quick, 0)[1]:.1%}")

# %% [markdown]
# Settings matter, then, at least on one seed. Is there something better still? Nobody knows beforehand.

# %% [markdown]
# ## Random search by hand
#
# What we want to raise, the *objective*, is one line: settings in, validation accuracy out. A search also takes a range
# for each setting, and a random generator. Learning rates and decay are drawn on a logarithmic scale.

# %%
from random import Random


def draw(rng):
    rates = {"lr": 10 ** rng.uniform(-3, -1), "lr_mult": 10 ** rng.uniform(0, 2), "wd": 10 ** rng.uniform(-3, -1)}
    return rates | {"frozen": rng.randint(0, 2), "augment": rng.uniform(0, 2), "epochs": rng.randint(2, 4)}


# %% [markdown]
# Seven trials on each of three seeds. Each seed has its own split, starting weights and random generator. We note the test accuracy as well;
# it chooses nothing. `NoValidation` saves the look at the validation set after each epoch.

# %%
from course_utils.tasks.running import NoValidation

TRIALS, SEEDS = 7, range(3)


def trial(seed, number):
    settings = draw(Random(f"seed {seed}, trial {number}"))
    valid, test = run(settings, seed, NoValidation)
    return {"seed": seed, **settings, "valid": valid, "test": test}


# %%
import pandas as pd

from course_utils.experiments import run_parallel

calls = [(seed, number) for seed in SEEDS for number in range(TRIALS)]
pool = pd.DataFrame(run_parallel(trial, calls))
by_hand = pool.loc[pool.groupby("seed").valid.idxmax()]
print(by_hand.round(3).to_string(index=False))

# %% [markdown]
# A row is the best of seven by validation. Compare its last two columns, and then the same two over all trials, where
# nobody has chosen:

# %%
from course_utils.statistics import mean_interval

gaps = 100 * (pool.valid - pool.test)
for whose, gap in {"all trials": gaps.groupby(pool.seed).mean(), "the best of seven": gaps[by_hand.index]}.items():
    print("validation minus test, {}: {:+.1f} ± {:.1f} points".format(whose, *mean_interval(gap)))
print("the trials themselves score", *[f"{score:.0%}" for score in pool.valid.quantile([0, 0.5, 1])])

# %% [markdown]
# What the second line has on top of the first is the *flattery* of a score that has chosen; three seeds can't pin it down.
# The four points above were for equals. These trials differ (worst, middle, best), which leaves less to luck.

# %%
ask("09.2")

# %% [markdown]
# ## Repeats for free
#
# Seven trials hold many searches of four: every choice of four of them. We need not draw these. A trial is the best of
# `k` when the other `k` − 1 come from those ranked below it, so its chance is a ratio of two counts.

# %%
from math import comb


def best_of(k, trials):
    ranked = trials.sort_values("valid")
    chance = [comb(rank, k - 1) / comb(len(ranked), k) for rank in range(len(ranked))]
    return {part: np.dot(chance, ranked[part]) for part in ("valid", "test")}


# %%
from course_utils.plots import plot_learning_curve

rows = []
for seed, trials in pool.groupby("seed"):
    for k in range(1, TRIALS + 1):
        rows += [(k, seed, part, mean) for part, mean in best_of(k, trials).items()]
curve = pd.DataFrame(rows, columns=["trials", "seed", "part", "score"]).assign(metric="accuracy")
plot_learning_curve(curve, x="trials", arm="part", title="The best of so many random trials")

# %% [markdown]
# [Dodge and others](https://arxiv.org/abs/1909.03004) ask every paper for this curve, and
# [Tang and others](https://arxiv.org/abs/2004.13705) for this form of it. It says what a budget buys: where it flattens,
# more trials buy little.

# %% [markdown]
# ## A search that learns
#
# Random search forgets. Optuna's *TPE* compares the settings of good trials with those of bad ones, and draws where the
# good ones are denser. The objective asks for its settings:

# %%
import optuna


def suggest(trial):
    lr = trial.suggest_float("lr", 1e-3, 1e-1, log=True)
    return DEFAULT | {"lr": lr, "lr_mult": trial.suggest_float("lr_mult", 1, 100, log=True)}


# %%
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.enqueue_trial({"lr": 2e-3, "lr_mult": 100})  # what we have already is a good first trial
study.optimize(lambda trial: run(suggest(trial), 0)[0], n_trials=2)
print(study.trials_dataframe()[["number", "params_lr", "params_lr_mult", "value", "state"]].round(3).to_string())

# %% [markdown]
# Two of the settings and two trials, the second of them random: TPE begins so.

# %% [markdown]
# ## Stop what is hopeless
#
# Some trainings show early that they won't win. *Pruning* ends them there. This callback tells Optuna the accuracy after
# each epoch, and asks whether to go on:

# %%
from itertools import count

from fastai.callback.core import Callback


# %%
class Prune(Callback):
    order = 65  # after the recorder has noted the accuracy

    def __init__(self, trial):
        self.trial, self.epochs = trial, count(1)

    def after_epoch(self):
        self.trial.report(self.recorder.values[-1][-1], step=next(self.epochs))
        if self.trial.should_prune():
            raise optuna.TrialPruned("below the median of the earlier trials")


# %% [markdown]
# We try it on two settings that we know. `MedianPruner` compares a trial with the earlier ones after as many epochs,
# here from the second on.

# %%
study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1))
for rates in ({"lr": 1e-2, "lr_mult": 3}, {"lr": 2e-3, "lr_mult": 100}):
    study.enqueue_trial(rates)
study.optimize(lambda trial: run(suggest(trial), 0, Prune(trial))[0], n_trials=2)
for each in study.trials:
    print(each.params, each.state.name, [f"{value:.0%}" for value in each.intermediate_values.values()])

# %%
ask("09.3")

# %% [markdown]
# ## Stopped in the middle
#
# The course's `tune` searches over all six settings with such a callback: five random trials, then TPE. It keeps the
# study in a file. Here are its ranges; and then we interrupt it.

# %%
import tempfile
from pathlib import Path

from course_utils.experiments import tune
from course_utils.experiments.objective import Objective, find_task

task, folder = find_task("09"), Path(tempfile.mkdtemp())
assert task.defaults == DEFAULT, "the course's task should be the lesson's"
print(*[f"{name}: {each.low} to {each.high}" for name, each in task.space.items()], sep="\n")


# %%
def stop_at_two(state):
    if state.finished == 2:
        raise KeyboardInterrupt  # as if you had pressed Stop


try:
    tune(Objective(task, 0), task.space, TRIALS, storage=folder / "seed 0", progress=stop_at_two)
except KeyboardInterrupt:
    print("stopped; the file has", (folder / "seed 0").stat().st_size // 1000, "kB")

# %% [markdown]
# The same call goes on, now with two worker processes that share the study. As soon as four trials are finished, we kill
# one of the workers, as a full memory would.

# %%
import multiprocessing

killed = []


def kill_one(state):
    if state.finished >= 4 and not killed:
        killed.append(multiprocessing.active_children()[0])
        killed[0].kill()


# %%
study = tune(Objective(task, 0), task.space, TRIALS, storage=folder / "seed 0", workers=2, progress=kill_one)
states = [each.state.name for each in study.trials]
print({state: states.count(state) for state in sorted(set(states))})
assert len(states) - states.count("FAIL") == TRIALS, "exactly the missing trials should have run: look at the states"

# %% [markdown]
# Exactly seven have finished, complete or pruned. A trial that dies with its worker stays on record as failed, doesn't
# count, and is tried again.

# %% [markdown]
# In a shell, `course tune 09 --trials 40 --workers 2` is the same search, with progress and time left. Several machines
# share a study through a database server, with this command on each:
#
# ```
# course tune 09 --trials 40 --workers 2 --storage postgresql+psycopg://NAME:PASSWORD@SERVER/studies
# ```
#
# It needs `pip install "psycopg[binary]"`. On one machine a file, or `sqlite:///studies.db`, does as well.

# %% [markdown]
# ## On the same budget
#
# Two more searches, so that there are three seeds again.

# %%
from course_utils.experiments.search import trials_table


def search(seed):
    study = tune(Objective(task, seed), task.space, TRIALS, storage=folder / f"seed {seed}", seed=seed)
    return trials_table(study), study.best_params


searched = dict(zip(SEEDS, run_parallel(search, [(seed,) for seed in SEEDS]), strict=True))

# %%
from course_utils.plots import plot_history, plot_importance, plot_parallel

plot_history({f"seed {seed}": table for seed, (table, _) in searched.items()}, title="Seven trials of TPE on each seed")

# %% [markdown]
# Trials 0 to 4 are random, the rest TPE's own choice. Are these better? Five scores, and one good one among them, are not
# much to learn from.

# %%
everything = pd.concat([table for table, _ in searched.values()], ignore_index=True)
plot_parallel(everything, list(task.space), logarithmic=["lr", "lr_mult", "wd"], title="Complete trials of all seeds")

# %% [markdown]
# Follow the dark lines. Where they run through one place of an axis, that setting may matter. Where they cross anywhere,
# it doesn't, or so few trials can't tell.

# %%
ask("09.4")

# %% [markdown]
# Guess before you look. The budget of a seed is the epochs that its search has used. Random search gets as many, read from the curve above. So do
# the default settings, in one long training.

# %%
from course_utils.quiz import found, predict

predict("09.5")


# %%
def tested(arm, seed):
    table, chosen = searched[seed]
    longer = DEFAULT | {"epochs": int(table.reports.sum())}
    settings = {"longer": longer, "TPE": chosen, "defaults": DEFAULT}[arm]
    return [arm, seed, *run(settings, seed, NoValidation)]


calls = [(arm, seed) for arm in ("longer", "TPE", "defaults") for seed in SEEDS]
tests = pd.DataFrame(run_parallel(tested, calls), columns=["arm", "seed", "valid", "test"])

# %%
arms, promised = (100 * tests.pivot(index="seed", columns="arm", values=part) for part in ("test", "valid"))
for seed, trials in pool.groupby("seed"):
    affordable = min(TRIALS, round(searched[seed][0].reports.sum() / trials.epochs.mean()))
    arms.loc[seed, "random"] = 100 * best_of(affordable, trials)["test"]
for arm in ("defaults", "longer", "random", "TPE"):
    print("{}: test {:.1f} ± {:.1f}%".format(arm, *mean_interval(arms[arm])))

# %% tags=["result"]
from course_utils.statistics import paired_difference

gain = {arm: paired_difference(arms.TPE, arms[arm]) for arm in ("defaults", "longer", "random")}
flattery = paired_difference(promised.TPE, arms.TPE)
said = ", ".join(f"over {arm} {mean:+.1f} ± {half:.1f}" for arm, (mean, half) in gain.items())
assert gain["defaults"][0] > 5, "in so few steps the default settings should be far behind: look at the figures"
print("TPE's gain in points {}; its validation score flattered by {:+.1f} ± {:.1f}".format(said, *flattery))

# %%
found("09.5", gain["defaults"][0])


# %% [markdown]
# Over the defaults, in equally short trainings, the gain is large: learning rates decide. Over random search it shows only if its
# interval stays above zero. Where the gain over `longer` is negative, one long training would have been the better buy.

# %% [markdown]
# ## Which settings mattered?
#
# Optuna's *importance* asks how much of the variance of the scores a setting explains (fANOVA). Random trials suit it best, so
# we hand it those from above, a study for each seed.

# %%
def importance(trials):
    study = optuna.create_study(direction="maximize")
    for row in trials.to_dict("records"):
        params = {name: row[name] for name in task.space}
        study.add_trial(optuna.create_trial(params=params, distributions=task.space, value=row["valid"]))
    return optuna.importance.get_param_importances(study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0))


plot_importance(pd.DataFrame([importance(trials) for _, trials in pool.groupby("seed")]))


# %% [markdown]
# A dot is a seed, a bar their mean. Where the dots of a setting lie far apart, seven trials are too few to speak of it.

# %% [markdown]
# ## Cheaper, and other
#
# fastai's `lr_find` raises the learning rate over some steps and reads the training loss: one setting, no validation set.

# %%
def with_finder(seed):
    learn = make(seed, **DEFAULT)
    with learn.no_bar(), learn.no_logging():
        rate = learn.lr_find(num_it=60, show_plot=False).valley
    return rate, len(learn.recorder.losses), 100 * run(DEFAULT | {"lr": rate}, seed, NoValidation)[1]


# %%
rates, steps, finder = zip(*run_parallel(with_finder, [(seed,) for seed in SEEDS]), strict=True)
print("lr_find: {:.1f} ± {:.1f}% at rates".format(*mean_interval(finder)), *[f"{rate:.1g}" for rate in rates])
spent = np.mean([10 * table.reports.sum() for table, _ in searched.values()])
print(f"its search took {np.mean(steps):.0f} steps, TPE's {spent:.0f}")

# %% [markdown]
# [Hyperopt](https://hyperopt.github.io/hyperopt/) has a TPE, too. `benchmarks/tuners.py` spent 360 steps on each way, eight
# times ([its runs](../benchmarks/results/tuners.csv)). Test accuracy: random search 81.1 ± 3.7%, Optuna 81.2 ± 5.4, with
# pruning 76.4 ± 8.8, Hyperopt 81.6 ± 3.5.

# %% [markdown]
# ## What to do with a budget
#
# [The same runs](../benchmarks/results/tuners.csv) know better. One long default training: 92.7 ± 0.7%. Half the steps for
# a search, half for one long training with its choice: 95.1 ± 0.7%. Search where it is cheap; spend where it counts.

# %%
ask("09.6")


# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 09.A — luck among many
#
# Write `luck(networks, images, share)`: `networks` equally good networks are each right for `share` of all images and
# are tried on `images` of them. By how many points is the best of them above `share`, on average? Then try a hundred
# networks on 1,000 digits.

# %% tags=["solution"]
def luck(networks, images, share):
    ### BEGIN SOLUTION
    scores = chance.binomial(images, share, size=(10_000, networks)) / images
    return 100 * (scores.max(axis=1).mean() - share)
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("09.A", luck)

# %% [markdown] tags=["exercise"]
# ### Exercise 09.B — one trial more
#
# Go on with the study of seed 0 until it has eight finished trials, by the same call of `tune`. Bind `more` to what it
# returns.

# %% tags=["solution"]
### BEGIN SOLUTION
more = tune(Objective(task, 0), task.space, 8, storage=folder / "seed 0")
### END SOLUTION

# %% tags=["check"]
check("09.B", more, searched=searched)

# %% [markdown]
# ## What would break this
#
# - **Three seeds, seven trials.** The intervals are wide. `benchmarks/tuners.py` has more of both.
# - **Our task.** It was picked after trials on these seeds, to fit a minute. With 24 pixels, up to five epochs and ten
#   trials, search and one long training tied.
# - **The range of epochs.** No trial was allowed more than four, which made the long training strong. Once a training is
#   long enough, only settings are left to improve.
# - **The labels.** 109 validation digits chose for 200 training digits. They could have been trained on instead.
# - **One start in a study.** All its trials share a split and a start, so the best also suits these.

# %% [markdown]
# ## Recap
#
# - Write the objective in one line, and give every setting a range, logarithmic for learning rates.
# - A score that has chosen flatters: little among trials that differ much, most among many that are alike.
# - Random search and one long default training are the baselines: on the same steps, over repeats.
# - Keep the study in a file: it survives a stop, goes on where it was, and can be shared.
# - Report the test accuracy of the chosen settings, once, with the budget that found them.

# %% [markdown]
# ## Quiz

# %%
ask("09.7")

# %%
ask("09.8")

# %%
ask("09.9")

# %%
from course_utils.quiz import summary

summary("09")

# %% [markdown]
# ## Further reading
#
# - [Bergstra and Bengio 2012](https://jmlr.org/papers/v13/bergstra12a.html): why random search beats a grid.
# - [Akiba et al. 2019](https://arxiv.org/abs/1907.10902): Optuna, its searches and its pruning.
# - [Dodge et al. 2019](https://arxiv.org/abs/1909.03004): report what a budget buys, not only the best.
