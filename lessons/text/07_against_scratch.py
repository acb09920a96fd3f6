# %% [markdown]
# # 07 · When does fine-tuning win, and by how much?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/07_against_scratch.ipynb)
#
# "Fine-tuning is better" is half a sentence. Better than which baseline, with how many labels, at what price? You run
# as fair a comparison as a minute allows, and then look for its limits.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("07_against_scratch")

# %% [markdown]
# ## Predict first
#
# Two networks of one shape learn to read digits. One starts from weights that know photographs, the other from random
# ones: *from scratch*. In the same few steps, with 20 labels of each digit, fine-tuning will be far ahead.

# %%
from course_utils.quiz import ask

ask("07.1")

# %% [markdown]
# ## A baseline that could win
#
# Many comparisons are lost before they begin. `vision_learner` normalises the images of pre-trained networks only.
# Here is one batch, first without and then with the normalisation that the course's data brings for both arms.

# %%
from fastai.vision.all import accuracy, set_seed, vision_learner

from course_utils import data
from course_utils.backbones import resnet18_half


def mean_of_batch(pretrained, normalize):
    dls = data.digits(n_per_class=5, size=24, bs=20, augment=False, normalize=normalize, seed=0)
    vision_learner(dls, resnet18_half, pretrained=pretrained)
    return dls.one_batch()[0].mean().item()


# %%
for normalize, whose in ((False, "fastai's alone"), (True, "the course's")):
    tuned, scratch = mean_of_batch(True, normalize), mean_of_batch(False, normalize)
    print(f"normalisation {whose}: mean {tuned:+.2f} pre-trained, {scratch:+.2f} from scratch")

# %% [markdown]
# In the first line the arms get different numbers for the same images, in the second one the same.

# %%
ask("07.7")

# %% [markdown]
# ## A short network
#
# Five seeds of everything in a minute need a small network: as in lesson 06, we keep the body up to stage 2.
# `vision_learner` cuts it at the last pooling layer, and adds its head.

# %%
from torch import nn


def shorter(pretrained):
    network = resnet18_half("DEFAULT" if pretrained else None)
    return nn.Sequential(*list(network.children())[:6], nn.AdaptiveAvgPool2d(1))


# %% [markdown]
# One run of each arm in plain fastai: the same images, epochs, and rate, five labels of each digit.


# %%
def run(pretrained, epochs=8, rate=1e-2, seed=0):
    dls = data.digits(n_per_class=5, size=24, bs=20, augment=False, split=(0.01, 0.3), seed=seed)
    set_seed(seed)
    learn = vision_learner(dls, shorter, pretrained=pretrained, metrics=accuracy)
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(epochs - 1, rate, lr_mult=3) if pretrained else learn.fit_one_cycle(epochs, rate)
        return learn.validate(dl=dls.test)[1]


# %%
print(f"one run each: fine-tuned {run(True):.1%}, from scratch {run(False):.1%}")

# %% [markdown]
# That is an anecdote: one split, and a rate that nobody chose.

# %%
ask("07.2")

# %% [markdown]
# ## Each arm chooses its rate
#
# `Experiment` does this for a list of strategies. With `lrs`, each strategy tries all of them on a split of its
# own, with 20 labels of each digit here, and the validation part decides.

# %%
from course_utils.experiments import Experiment
from course_utils.tasks import ImageTask
from course_utils.training import FineTune, FromScratch

ARMS = ["fine-tuned", "from scratch", "from scratch, 2× epochs"]
task = ImageTask("digits", size=24, bs=20, augment=False, split=(0.1, 0.2), arch=shorter)
arms = [FineTune(4, lr_mult=3), FromScratch(4)]
trial = Experiment(task, arms, [20], seeds=[0], lrs=[1e-3, 3e-3, 1e-2], names=ARMS[:2], jobs=2)
_ = trial.run()

# %%
tried = trial.tuning.pivot(index="strategy", columns="lr", values="score").loc[ARMS[:2]]
rates = {arm: float(rate) for arm, rate in tried.idxmax(axis=1).items()}
print(tried.map("{:.1%}".format).assign(chosen=rates).to_string())

# %% [markdown]
# The columns are rates, the figures validation accuracies. Of one split: good enough to choose, not to compare. Now
# the duel, at the chosen rates. The third arm is the stronger baseline: the same as the second, for twice the epochs.

# %%
few = task.changed(split=(0.01, 0.2))  # nothing is chosen here: hardly any valid part


def duel(labels, epochs, names):
    fast, slow = rates[ARMS[0]], rates[ARMS[1]]
    arms = [FineTune(epochs, fast, lr_mult=3), FromScratch(epochs, slow), FromScratch(2 * epochs, slow)]
    arms = dict(zip(ARMS, arms, strict=True))
    return Experiment(few, [arms[name] for name in names], [labels], names=names, jobs=2).run()


# %% [markdown]
# Five seeds. Each is one split for all three arms, so that differences are *paired*.

# %%
equal_steps = duel(20, 4, ARMS[:2])

# %%
import pandas as pd

table20 = pd.concat([equal_steps, duel(20, 4, ARMS[2:])])

# %%
from course_utils.statistics import paired_difference


def compare(table, one, other):
    one, other = (table[table.strategy == name].score.to_list() for name in (one, other))
    return tuple(100 * value for value in paired_difference(one, other))


for baseline in ARMS[1:]:
    gain, half = compare(table20, ARMS[0], baseline)
    print(f"20 labels, fine-tuned over {baseline}: {gain:+.1f} ± {half:.1f} points")

# %% [markdown]
# Read both lines. The first compares equal steps, the second gives the baseline what it lacks. How much of the gain
# is left? In so few steps BatchNorm's statistics lag too (lesson 04), and random weights move further: part of the
# first line is theirs.

# %%
ask("07.3")

# %% [markdown]
# Five labels of each digit in as many steps: fewer images, more epochs. The chosen rates stay.

# %%
table5 = duel(5, 20, [ARMS[0], ARMS[2]])

# %% [markdown]
# ## The curves
#
# All runs in one figure: a point is the mean of five seeds, a band its 95% interval.

# %%
from course_utils.quiz import found, predict

predict("07.5")

# %%
from course_utils.plots import plot_learning_curve

runs = pd.concat([table5, table20])
plot_learning_curve(runs[runs.strategy != ARMS[1]], title="Accuracy on digits by labels")

# %% [markdown]
# Read the figure *across*, too: start at fine-tuning's first point, and go right until the baseline is as high. How
# far you go is how many labels were saved. By hand, on the mean curve, with a logarithmic axis as in the figure:

# %%
import numpy as np

means = runs.groupby(["strategy", "labels"]).score.mean()
curve, target = means[ARMS[2]], means[ARMS[0], 5]
needed = np.exp(np.interp(target, curve, np.log(curve.index)))
print(f"fine-tuning reaches {target:.1%} with 5 labels, the longer training from scratch with about {needed:.0f}")
found("07.5", needed)

# %% [markdown]
# `label_saving` reads the curve of each seed, and so gives an interval. It says "at least" where some seed's baseline
# never gets there with the labels that we measured, and "at most" where it is there from the first point on.

# %%
from course_utils.experiments.label_efficiency import label_saving

saving = label_saving(runs, ARMS[0], ARMS[2], labels=5)
print(f"{ARMS[2]}: {saving} as many labels as fine-tuning with 5")

# %% tags=["result"]
tables = {5: table5, 20: table20}
gains = {labels: compare(table, ARMS[0], ARMS[2]) for labels, table in tables.items()}
assert compare(table20, *ARMS[:2])[0] > 0, "in equal steps fine-tuning should be ahead: look at the runs one by one"
said = ", ".join(f"{gain:+.1f} ± {half:.1f} with {labels}" for labels, (gain, half) in gains.items())
print(f"gain over scratch with twice the epochs, in points by labels: {said}")

# %% [markdown]
# Where an interval holds zero, we could not tell the arms apart; where it lies below zero, the baseline has won. With
# 20 labels the lead in equal steps was one of *time*: do not report it as one of accuracy. With five, what is left is
# close to what five seeds can see.

# %% [markdown]
# ## The price
#
# Accuracy is one column of the bill. Here are the others, for 20 labels of each digit: means of five runs, made two
# at a time, so that seconds are longer than for one alone.

# %%
ask("07.11")

# %%
columns = ["score", "seconds", "steps", "trainable"]
price = runs[runs.labels == 20].groupby("strategy", sort=False)[columns].mean()
price["ms a step"] = 1000 * price.seconds / price.steps
print(price.round({"score": 3, "seconds": 2, "ms a step": 0}).to_string())

# %% [markdown]
# A step costs about the same in all arms: the weights that train in the end are the same. What fine-tuning saves is
# steps. Energy is no column: these machines have no meter that we can read, and seconds times a guessed wattage would
# only be the seconds again.

# %% [markdown]
# Someone paid for the start. How long was that?

# %%
from course_utils.backbones import training_record

once, each = 60 * training_record()["minutes"], price.seconds[ARMS[2]]
print(f"pre-training: {once / 60:.0f} minutes, as long as {once / each:,.0f} of the longer runs from scratch")

# %% [markdown]
# For a single small task, pre-training doesn't pay. Reuse does: the bill is paid once, for all who start from these
# weights.

# %% [markdown]
# ## Where fine-tuning loses
#
# A good start doesn't excuse bad settings. We now let fine-tuning be the careless arm: fastai's default rate and
# `lr_mult`, against the tuned training from scratch, in as many steps.

# %%
ask("07.4")

# %%
careless = FineTune(4, lr=2e-3, lr_mult=100)  # what learn.fine_tune(3) does
default = Experiment(few, [careless], [20], names=["fine-tuned, defaults"], jobs=2).run()

# %%
both = pd.concat([default, table20])
lost = {other: compare(both, "fine-tuned, defaults", other) for other in ARMS[:2]}
for other, (change, half) in lost.items():
    print(f"fine-tuned with fastai's defaults over {other} at its chosen rate: {change:+.1f} ± {half:.1f} points")
assert lost[ARMS[0]][0] < -5, "in so few steps the default rate should be too low: look at both tables"

# %% [markdown]
# So "fine-tuning loses" may be a report about a rate.
#
# Another way to lose is *negative transfer*: the target lacks what the source taught.
# `benchmarks/negative_transfer.py` shuffles the fields of every digit, so that edges are gone; it takes a few
# minutes.

# %% [markdown]
# ## What a scratch builder must choose
#
# | choice | fine-tuning | from scratch |
# |---|---|---|
# | number, types and order of layers | come with the weights | yours |
# | nodes (channels) in each | come with the weights | yours |
# | regularisation | yours | yours |
# | learning rate | yours | yours |
#
# Three values for each choice, one choice after the other or all combinations. The cost:

# %%
ask("07.6")

# %%
for name, choices in {"fine-tuning": 2, "from scratch": 6}.items():
    seconds = price.seconds[ARMS[0] if name == "fine-tuning" else ARMS[2]]
    for how, count in {"one after the other": 1 + 2 * choices, "all combinations": 3**choices}.items():
        print(f"{name}, {how}: {count} runs, {count * seconds:,.0f} s")

# %% [markdown]
# These seconds are for our toy runs; the ratio is what carries over. A scratch builder can start from a published
# architecture too, and then has the same two choices left.

# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 07.A — the unfair duel
#
# `tried` holds the validation accuracies from which the rates were chosen: a row an arm, a column a rate. Write
# `rate_cost(tried, arm)`: what a careless rate costs an arm, its best accuracy less its worst, in points. Compare "from
# scratch" with the gain above.


# %% tags=["solution"]
def rate_cost(tried, arm):
    ### BEGIN SOLUTION
    return 100 * (tried.loc[arm].max() - tried.loc[arm].min())
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("07.A", rate_cost, tried=tried)

# %% [markdown] tags=["exercise"]
# ### Exercise 07.B — does training longer help?
#
# Write `longer(table)` for tables like `table20`, with their rows in any order: the gain of "from scratch, 2× epochs" over "from
# scratch", paired by seed. Return two numbers, mean and half-width, in points.


# %% tags=["solution"]
def longer(table):
    ### BEGIN SOLUTION
    by_arm = table.pivot(index="seed", columns="strategy", values="score")
    mean, half = paired_difference(by_arm[ARMS[2]], by_arm[ARMS[1]])
    return 100 * mean, 100 * half
    ### END SOLUTION


# %% tags=["check"]
check("07.B", longer, table20=table20)

# %% [markdown]
# ## What would break this
#
# - **A larger network.** Ours was cut short to fit a minute. A deeper one is harder to train from scratch.
# - **Other rates at other sizes.** They were chosen at 20 labels and for the shorter training, then used for all.
# - **Five seeds.** An interval over five runs is wide. It covers splits and starts, not other data sets.
# - **Fewer steps.** In trials with fewer, the longer training from scratch was ahead at 20 labels. This setting was picked
#   because it gives both arms time.
# - **Accuracy alone.** [Hendrycks et al. 2019](https://arxiv.org/abs/1901.09960) find that pre-training helps calibration and
#   robustness even where accuracy ties.

# %% [markdown]
# ## Recap
#
# - A fair baseline gets the same images, normalised the same way, and chooses its rate on the same budget.
# - Then give it more epochs: what is left of the lead is what the start is worth.
# - The lead can be read in steps, in points and in labels: say which, with an interval.
# - A step costs the same; fine-tuning saves steps, and all the choices that came with the weights.
# - A careless rate can cost more than the start brings: tune both arms, or believe neither.

# %% [markdown]
# ## Quiz

# %%
ask("07.8")

# %%
ask("07.9")

# %%
ask("07.10")

# %%
from course_utils.quiz import summary

summary("07")

# %% [markdown]
# ## Further reading
#
# - [He et al. 2018](https://arxiv.org/abs/1811.08883): from scratch catches up, given data and time.
# - [Kornblith et al. 2019](https://arxiv.org/abs/1805.08974): which networks transfer, and where little is gained.
# - [Raghu et al. 2019](https://arxiv.org/abs/1902.07208): medical images, where pre-training brings less than one expects.
