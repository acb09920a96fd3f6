# %% [markdown]
# # 09 · How do I choose the settings, and what does the choosing cost?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/09_tuning.ipynb)
#
# A ferry port's camera tells cars from trucks. You have 40 labelled photos to train on and time for 256 training steps.
# Do you trust the default settings, or search for better ones? And can you believe the winner's score?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("09_tuning")

# %% [markdown]
# ## Predict first
#
# These photos stand in for the port's:

# %%
from course_utils import data
from course_utils.plots import plot_images

photos = data.vehicles(n_per_class=20, size=48, split=(50, 250), seed=course.seed).valid.dataset
some = [photos[number] for number in range(0, 100, 9)]
plot_images([image for image, _ in some], [photos.vocab[label] for _, label in some])

# %% [markdown]
# Here are two ways to spend 256 steps. You can train sixteen times for 16 steps, each time with other settings, and keep
# the network that does best on the [*validation set*](../docs/glossary.md#validation-set). Or you can train once for 256
# steps with the default settings.

# %%
from course_utils.quiz import ask, found, predict

predict("09.5")

# %% [markdown]
# ## Two short trainings
#
# A *setting*, or [*hyperparameter*](../docs/glossary.md#hyperparameter), is something that you choose before training,
# such as the learning rate. Let's train twice for 16 steps, once with the settings of `learn.fine_tune(3)` and once
# with others:

# %%
import time

import torch

from course_utils.experiments.objective import SearchedTask, fine_tune, score
from course_utils.tasks import ImageTask
from course_utils.tasks.running import NoValidation

torch.set_num_threads(1)  # later, two processes share this machine

# %% tags=["recorded"]
vehicles = ImageTask("vehicles", name="09_tuning", labels=20, epochs=4, flip=True, size=48, bs=10, split=(50, 250))
task = SearchedTask(vehicles)
TRIALS, EPOCHS = 16, task.epochs


def trained(settings, seed):
    return fine_tune(task, settings, seed, cbs=[NoValidation()])


# %%
began = time.perf_counter()
for settings in ({}, {"lr": 1e-2, "lr_mult": 10}):
    learn = trained(settings, course.seed)
    print(f"{settings or 'default settings'}: {score(learn, 'valid'):.0%} of the validation images are right")
seconds = (time.perf_counter() - began) / 2

# %% [markdown]
# Our `fine_tune` gives each block a learning rate of its own, and re-estimates BatchNorm's averages at the end. The
# scores are of 100 validation images.

# %% [markdown]
# ## Which settings, and in which order?
#
# | setting | what it is | search for it? |
# |---|---|---|
# | `epochs` | length of training | no: it sets the price |
# | `lr` | highest learning rate, the head's | first: it mattered most in lesson 06 |
# | `lr_mult` | how much lower the first block's learning rate is | together with `lr` |
# | `frozen` | blocks that never train | next |
# | `augment` | strength of augmentation | next |
# | `wd` | weight decay | last: little effect there |

# %%
import pandas as pd

from course_utils.display import points, show_result, show_table

print("default:", ", ".join(f"{name} {value:g}" for name, value in task.defaults.items()))
scale = {False: "linear", True: "logarithmic"}
space = {name: [f"{each.low:g}", f"{each.high:g}", scale[each.log]] for name, each in task.space.items()}
show_table(pd.DataFrame(space, index=["from", "to", "scale"]).T)

# %% [markdown]
# Learning rates and weight decay are drawn on a logarithmic scale. What would happen on a linear one?

# %%
ask("09.9")

# %% [markdown]
# ## Random search by hand
#
# [*Random search*](../docs/glossary.md#random-search) draws the settings of each [*trial*](../docs/glossary.md#trial),
# trains with them, and records the score on the validation images. At the end you keep the trial with the best score.
# Here are four trials:

# %%
from random import Random


# %% tags=["recorded"]
def draw(rng):
    rates = {"lr": 10 ** rng.uniform(-3, -1), "lr_mult": 10 ** rng.uniform(0, 2), "wd": 10 ** rng.uniform(-3, -1)}
    return rates | {"frozen": rng.randint(0, 5), "augment": rng.uniform(0, 2)}


def trial(seed, number, *splits):
    settings = draw(Random(f"seed {seed}, trial {number}"))
    learn = trained(settings, seed)
    return settings | {split: score(learn, split) for split in splits}


# %%
pd.DataFrame([trial(course.seed, number, "valid") for number in range(4)]).round(4)

# %% [markdown]
# Each trial costs 16 steps, so you know in advance what a search will cost. In the last row you search for half of the
# steps, then train once, for the other half, with the best settings that you found.

# %%
per_epoch, half = len(learn.dls.train), TRIALS // 2
plans = {"default, short": [EPOCHS], "default, long": [TRIALS * EPOCHS], "search": TRIALS * [EPOCHS]}
plans["half search, half long"] = half * [EPOCHS] + [half * EPOCHS]
costs = pd.DataFrame({"trainings": {way: len(epochs) for way, epochs in plans.items()}})
costs["steps"] = [per_epoch * sum(epochs) for epochs in plans.values()]
costs.assign(seconds=(costs.steps * seconds / (per_epoch * EPOCHS)).round(1))

# %% [markdown]
# The seconds are for this machine. With a large network, they could be hours or days.

# %% [markdown]
# ## How lucky is the winner?
#
# A search picks the highest of many scores. Each score is partly luck, because 100 images are a small sample. Suppose
# that all settings were equally good. How much higher would the highest score be, by luck alone?

# %%
ask("09.1")

# %% [markdown]
# You can find out without any network, by drawing at random how many of its own 100 images each of sixteen equally good
# networks gets right:

# %%
import numpy as np

chance = np.random.default_rng(course.seed)
scores = chance.binomial(100, 0.7, size=(10_000, 16)) / 100
print(f"any one of them {scores.mean():.1%}, the best of sixteen {scores.max(axis=1).mean():.1%}")

# %% [markdown]
# A score that was used to choose is *optimistic*. On new images, this winner would be right only as often as the
# others. (The trials of a real search share their images, and so some of their luck; then the effect is smaller.) So
# you need a [*test set*](../docs/glossary.md#test-set) that plays no part in any choice.

# %%
ask("09.2")


# %% [markdown]
# ## What does a budget buy?
#
# Real trials aren't all equally good, so choosing among them may help. To see how much, we recorded sixteen random
# trials for each of ten seeds. For each seed we drew new training, validation and test photos, and nothing was chosen
# by the test scores.

# %% tags=["recorded:trials"]
def trials(seed):
    rows = []
    for number in range(TRIALS):
        result = trial(seed, number, "valid", "test")
        rows.append({"strategy": "random search", "trial": number, "score": result.pop("test"), **result})
    return rows


# %%
from course_utils.experiments import recorded

pool = recorded("09/trials").table.rename(columns={"score": "test"})
print(recorded("09/trials").caption())
print(
    "validation accuracy of all trials: worst {:.0%}, middle {:.0%}, best {:.0%}".format(
        *pool.valid.quantile([0, 0.5, 1])
    )
)

# %% [markdown]
# What would a shorter search have found? Any five of the sixteen trials could have been a search of five. You needn't
# try them all: a trial wins if the other four all rank below it. So count the choices in which it wins, and divide by
# the number of all choices:

# %%
from math import comb


def best_of(k, trials):
    ranked = trials.sort_values(["valid", "trial"], ascending=[True, False])  # of equal scores, the first one wins
    probability = [comb(rank, k - 1) / comb(len(ranked), k) for rank in range(len(ranked))]
    return {split: np.dot(probability, ranked[split]) for split in ("valid", "test")}


# %%
from course_utils.plots import plot_learning_curve

rows = []
for seed, own in pool.groupby("seed"):
    for k in range(1, TRIALS + 1):
        rows += [(k, seed, split.replace("valid", "validation"), mean) for split, mean in best_of(k, own).items()]
curve = pd.DataFrame(rows, columns=["trials", "seed", "images", "score"]).assign(metric="accuracy")
plot_learning_curve(curve, x="trials", arm="images", title="More trials mostly raise the validation score")

# %% [markdown]
# [Dodge and others](https://arxiv.org/abs/1909.03004) ask authors to report such curves, and [Tang and
# others](https://arxiv.org/abs/2004.13705) propose this way to compute them. The upper line is the score that the
# search sees, and the lower one is what you get.

# %%
from course_utils.statistics import mean_interval

chosen = pool.loc[pool.groupby("seed").valid.idxmax()].set_index("seed")
gaps = {"all trials": (pool.valid - pool.test).groupby(pool.seed).mean(), "the chosen one": chosen.valid - chosen.test}
for which, gap in gaps.items():
    mean, half = mean_interval(100 * gap)
    print(f"validation minus test accuracy, {which}: {mean:+.1f} ± {half:.1f} points")

# %%
for images, own in curve.groupby("images", sort=False):
    by_trials = own.pivot(index="seed", columns="trials", values="score")
    mean, half = mean_interval(100 * (by_trials[TRIALS] - by_trials[1]))
    print(f"sixteen trials minus one, {images} accuracy: {mean:+.1f} ± {half:.1f} points")

# %% [markdown]
# The score of the chosen trial is several points too high. For all trials together, which chose nothing, we could not
# see a difference of more than three and a half points. From one trial to sixteen, the upper line rises by about eight
# points; for the lower, more than four are unlikely. So much of the rise was luck.

# %%
ask("09.4")

# %% [markdown]
# ## A search that learns
#
# Random search doesn't learn from the trials that it has already run. [*TPE*](../docs/glossary.md#tpe) prefers settings
# that are more common among the best trials so far than among the others. Here it is with the library
# [Optuna](https://optuna.org): you ask it for settings, train with them, and tell it the score.

# %%
import optuna

from course_utils.experiments.objective import Objective

optuna.logging.set_verbosity(optuna.logging.WARNING)


# %% tags=["recorded"]
def settings_of(known):
    return {name: known[name] for name in task.space}


def as_finished(known):
    return optuna.create_trial(params=settings_of(known), distributions=task.space, value=known["valid"])


# %% tags=["recorded"]
def tpe(seed, known, number):
    sampler = optuna.samplers.TPESampler(n_startup_trials=len(known), seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([as_finished(each) for each in known])
    while len(study.trials) < number:
        asked = study.ask(task.space)
        study.tell(asked, score(trained(asked.params, seed), "valid"))
    return study


# %% [markdown]
# At first TPE has nothing to compare, so we give it some `known` random trials: five of them, in our recorded searches.
# There it chose the other eleven trials itself. In a search of seven, it would choose only two.

# %% [markdown]
# ## Stop hopeless trials
#
# Some trials look bad early. [*Pruning*](../docs/glossary.md#pruning) stops them and saves their steps. Our `Objective`
# trains with the settings of a trial, reports the validation accuracy after each epoch, and asks whether to go on. We
# try it on one good and one bad choice of learning rates:

# %%
watched = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1))
for settings in ({"lr": 1e-2, "lr_mult": 10}, {"lr": 0.1, "lr_mult": 1}):
    watched.enqueue_trial(settings_of(task.defaults | settings))
    asked = watched.ask(task.space)
    try:
        watched.tell(asked, Objective(task, course.seed)(asked))
    except optuna.TrialPruned:
        watched.tell(asked, state=optuna.trial.TrialState.PRUNED)

# %%
for one in watched.trials:
    after = [f"{value:.0%}" for value in one.intermediate_values.values()]
    print(f"learning rate {one.params['lr']:g}: {one.state.name.lower()}; after each epoch {', '.join(after)}")

# %% [markdown]
# The *median pruner* stops a trial if its best score so far is below the median of the earlier trials' scores after the
# same number of epochs. Here it judges from the second epoch on. Stopped trials cost fewer steps, but a good trial can
# be stopped by mistake.

# %%
ask("09.3")

# %% [markdown]
# So compare trials at equal points of equal schedules. While the learning rate is still high, an accuracy says little
# about the end.

# %% [markdown]
# ## Stopped in the middle
#
# Real searches run for hours, and computers get switched off. So keep the *study*, Optuna's name for a search and its
# trials, in a file. The course's `tune` does that; it is TPE with pruning. Let's interrupt it after two trials, as if
# you had pressed Stop:

# %%
import tempfile
from pathlib import Path

from course_utils.experiments import tune

file = Path(tempfile.mkdtemp()) / "study.db"


# %%
def stop_at_two(state):
    if state.finished == 2:
        raise KeyboardInterrupt


try:
    tune(Objective(task, course.seed), task.space, 8, storage=file, progress=stop_at_two)
except KeyboardInterrupt:
    print(f"stopped; the file has {file.stat().st_size // 1000} kB")

# %% [markdown]
# The same call picks up where the search stopped, now with two worker processes that share the study:

# %%
from course_utils.experiments.search import trials_table
from course_utils.plots import plot_history

study = tune(Objective(task, course.seed), task.space, 8, storage=file, workers=2)
plot_history(trials_table(study), title="Eight trials, with a break after two")

# %% [markdown]
# Trials 0 to 4 are random; TPE chose the others. If a worker dies, its trial doesn't count and is run again. In a
# shell, this command does the same, and shows progress and the time left:
#
# ```
# course tune 09 --trials 40 --workers 2
# ```
#
# With `--storage` and the address of a database, several machines share one study.

# %%
ask("09.10")


# %% [markdown]
# ## On the same budget
#
# Now compare. The short default training takes 16 steps, and everything else exactly 256. We left pruning out, because
# a pruned search has no fixed number of trials and took too long to record.

# %% tags=["recorded"]
def best(known):
    return settings_of(max(known, key=lambda each: each["valid"]))


def choose(seed, known):
    whole = TRIALS * EPOCHS
    chosen = {"default, short": {}, "default, long": {"epochs": whole}}
    chosen |= {"random search": best(known), "TPE": tpe(seed, known[:5], TRIALS).best_params}
    return chosen | {"half search, half long": best(known[: TRIALS // 2]) | {"epochs": whole // 2}}


# %% [markdown]
# The random trials are those from above, and TPE starts from the first five of them. *Half search, half long* takes the
# best of the first eight, and trains once with its settings for the other half of the steps.

# %% tags=["recorded:budgets"]
def budgets(seed):
    table = recorded("09/trials").table
    known = table[table.seed == seed].sort_values("trial").to_dict("records")
    rows = []
    for way, settings in choose(seed, known).items():
        learn = trained(settings, seed)
        rows += [{"strategy": way, "images": split, "score": score(learn, split)} for split in ("valid", "test")]
    return rows


# %%
ways = recorded("09/budgets")
ways

# %%
from course_utils.plots import plot_differences

others = ("default, short", "random search", "TPE", "half search, half long")
gains = {way: ways.difference(way, "default, long", images="test") for way in others}
plot_differences(gains, against="one long default training", title="Many short trainings lose to a long one")

# %%
found("09.5", 100 * gains["random search"][0])

# %% [markdown]
# On the test images, one long training with default settings is ahead of everything else. *Half search, half long*
# trains for half as many steps, with settings that were the best after 16; these runs don't tell which costs it more.
# What did the searches gain over the short default training?

# %%
pairs = [("random search", "default, short", "valid"), ("random search", "default, short", "test")]
pairs += [("TPE", "default, short", "test"), ("TPE", "random search", "test")]
pairs += [("half search, half long", "random search", "test")]
leads = [points(*ways.difference(way, other, images=images)) for way, other, images in pairs]
names = [f"{way} minus {other}" for way, other, _ in pairs]
show_table(pd.DataFrame({"compared": names, "images": [images for *_, images in pairs], "points": leads}))

# %% [markdown]
# On the validation images random search looks like a clear success. On the test images we can't see whether it helped:
# the interval runs from a loss of about one point to a gain of about three. TPE did gain over the short default
# training. Whether it is better than random search, these runs don't decide.

# %% tags=["result"]
optimism = mean_interval(100 * gaps["the chosen one"])
both = optimism[0] > optimism[1] and sum(gains["random search"]) < 0
said = "; ".join(f"{way} {points(*gain)}" for way, gain in gains.items())
optimistic = "a search's score is optimistic by {:.1f} ± {:.1f} points".format(*optimism)
show_result(f"{optimistic}; against one long training: {said}", expected=both)

# %%
ask("09.6")

# %% [markdown]
# ## What to do with a budget
#
# 1. Train with the default settings, and train longer for as long as the validation score rises.
# 2. If you have steps left, search. Begin with the learning rate, and make each trial as long as your final training.
# 3. Compare the result with the default settings on equally many steps, and use the test set once.

# %%
ask("09.8")

# %% [markdown]
# ## The rungs below
#
# Are cheaper methods just as good? Here are three more rungs on the same photos, where guessing gets half right.
# Training from scratch gets 256 steps, too, with the best of four learning rates on other seeds (no output shows this).

# %%
from course_utils.experiments import Experiment
from course_utils.experiments.ladder import PixelSVM
from course_utils.training import FromScratch, MultiDepthProbe


# %% tags=["recorded:ladder"]
def ladder(seed):
    methods = [PixelSVM(flip=True), MultiDepthProbe(flip=True), FromScratch(TRIALS * EPOCHS, 3e-3)]
    return Experiment(vehicles, methods, labels=[vehicles.labels], seeds=[seed]).run()


# %%
recorded("09/ladder")

# %%
from course_utils.statistics import paired_difference

probe = recorded("09/ladder").scores("multi-depth probe")
names = ("default, short", "random search", "TPE", "half search, half long", "default, long")
leads = [points(*paired_difference(ways.scores(way, images="test"), probe)) for way in names]
show_table(pd.DataFrame({"way": names, "minus probe, in points": leads}))


# %% [markdown]
# A [probe](../docs/glossary.md#linear-probe) trains no layer of the backbone and has no learning rate, yet it is ahead
# of what random search found. Of these five, only the long training is clearly better than the probe. So measure the
# cheap rungs before you search.

# %% [markdown]
# ## Which settings mattered?
#
# A single small study can hardly tell you: its trials are few, and all settings change at once. But we have 160
# recorded random trials. Sort them by one setting, cut them into thirds, and compare the top third with the lowest
# within each seed:

# %%
def top_minus_lowest(name):
    third = pd.qcut(pool[name], 3, labels=["lowest", "middle", "top"])
    means = pool.groupby(["seed", third], observed=True).valid.mean().unstack()
    return paired_difference(means.top, means.lowest)


effects = {name: top_minus_lowest(name) for name in task.space}
plot_differences(effects, against="its lowest third", title="Top third of each setting (validation accuracy)")


# %% [markdown]
# Only the interval for `frozen` excludes zero; among five, one may do so by luck. The others could hide
# effects of two to seven points. Don't trust the
# [importances](https://optuna.readthedocs.io/en/stable/reference/importance.html) of one small study.

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** try a longer training first: ours beat sixteen short ones.
# - **Do** measure a probe: ours beat random search.
# - **Don't** report the score that you chose by: ours was too high.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 09.A — luck among many
#
# Write `luck(networks, images, share)`: `networks` equally good networks are each right for `share` of all images, and
# each is tried on `images` of them. By how many percentage points is the best score above `share`, on average? Then try
# a hundred networks on 1,000 images.

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
# Go on with the study in `file` until it has nine finished trials, by the same call of `tune`. Bind `more` to what it
# returns.

# %% tags=["solution"]
### BEGIN SOLUTION
more = tune(Objective(task, course.seed), task.space, 9, storage=file)
### END SOLUTION

# %% tags=["check"]
check("09.B", more, study=study)

# %% [markdown]
# ## What would break this
#
# - **Longer trials.** Ours stop after 16 steps, which leaves a long training much to gain. After a longer training,
#   settings may matter more.
# - **Worse defaults.** fastai's worked well here. Elsewhere, a search may be worth more.
# - **More validation images.** With a hundred times as many, luck moves a score a tenth as far.
# - **The labels themselves.** We validate on 100 photos and train on 40. Training on some of the 100 may bring more than
#   any search; we haven't tried it.
# - **One split in a study.** Its trials share one split and seed. The best settings may suit only these.

# %% [markdown]
# ## Recap
#
# - Count the price of a search in training steps, and compare it with what else these steps could buy.
# - Compare any search with one long training with default settings first, and then with random search.
# - The best score of a search is optimistic: only test images that played no part in a choice tell you what you get.
# - TPE needs some random trials before it can choose; pruning stops trials that look bad early.
# - Keep the study in a file, so that it survives a stop and several workers can share it.

# %% [markdown]
# ## Quiz

# %%
ask("09.7")

# %%
from course_utils.quiz import summary

summary("09")

# %% [markdown]
# ## Further reading
#
# - [Bergstra and Bengio 2012](https://jmlr.org/papers/v13/bergstra12a.html): why random search beats a grid.
# - [Akiba et al. 2019](https://arxiv.org/abs/1907.10902): Optuna, its searches and its pruning.
# - [Dodge et al. 2019](https://arxiv.org/abs/1909.03004): report what a budget buys, not only the best.
# - [Bouthillier et al. 2021](https://arxiv.org/abs/2103.03098): what varies between runs, and how to compare.
# - [Deep Learning Tuning Playbook](https://github.com/google-research/tuning_playbook): which settings to search first.
# - [Hyperopt](https://hyperopt.github.io/hyperopt/) and [Ray Tune](https://docs.ray.io/en/latest/tune/index.html):
#   libraries with similar searches.
