# %% [markdown]
# # 06 · What does one call do?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/06_inside_fine_tune.ipynb)
#
# `learn.fine_tune(3, 1e-2)` reads like three epochs at one rate. It is neither. You take the call apart, rebuild it until
# the weights are the same to the last bit, and measure which of its arguments matter.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("06_inside_fine_tune")

# %% [markdown]
# ## Predict first
#
# The pre-trained network gets digits, five labels of each, in batches of ten. We call `fine_tune(3, 1e-2)` and write down the
# learning rate of every step.

# %%
from course_utils.quiz import ask

ask("06.1")

# %%
from tempfile import mkdtemp

from fastai.vision.all import accuracy, model_meta, params, set_seed, vision_learner
from torch import nn

from course_utils import data
from course_utils.backbones import resnet18_half

folder, options = mkdtemp(), {"size": 32, "bs": 10, "augment": False, "split": (0.01, 0.2)}
print("parts of the network:", *[name for name, _ in resnet18_half().named_children()])

# %% [markdown]
# We train dozens of times here, so the network ends after stage 2, as in lesson 05. `vision_learner` looks up in `model_meta`
# how to sort the weights into *parameter groups*, each of which gets a rate of its own.

# %%
GROUPS = ["early body", "late body", "head"]


def shorter(pretrained):
    network = resnet18_half("DEFAULT" if pretrained else None)
    return nn.Sequential(*list(network.children())[:6], nn.AdaptiveAvgPool2d(1))


def splitter(network):
    body, head = network
    return [params(part) for part in (body[:5], body[5:], head)]


model_meta[shorter] = {"cut": None, "split": splitter}


# %%
def learner(seed=course.seed):
    digits = data.digits(n_per_class=5, seed=seed, **options)
    set_seed(seed)
    return vision_learner(digits, shorter, metrics=accuracy, path=folder)


learn = learner()
learn.fine_tune(3, 1e-2)

# %% [markdown]
# Two tables: one epoch, then three. (The validation part is tiny; later we judge by a test part.) From here on we
# train often, so `fresh` gives the same learner without tables.

# %%
from fastai.vision.all import Callback, ProgressCallback, noop


def fresh(seed=course.seed):
    learn = learner(seed)
    learn.remove_cb(ProgressCallback)
    learn.logger = noop
    return learn


# %% [markdown]
# A callback runs at fixed points of training. This one notes, after each batch, what each group was told.


# %%
class Record(Callback):
    run_valid = False

    def __init__(self):
        self.rows = []

    def after_batch(self):
        step = len(self.rows) // len(GROUPS)
        for group, told in enumerate(self.opt.hypers):
            self.rows.append({"step": step, "group": GROUPS[group], "frozen": group < self.opt.frozen_idx, **told})


# %%
import pandas as pd

from course_utils.plots import plot_schedules

learn, record = fresh(), Record()
learn.fine_tune(3, 1e-2, cbs=record)
told = pd.DataFrame(record.rows)
plot_schedules(told, title="What fine_tune(3, 1e-2) told the optimiser")

# %%
highest = told[told.step >= 5].groupby("group", sort=False).lr.max()
print("highest rate while everything trains, of the 0.01 in the call:")
print(highest.map("{:.1e}".format).to_string())
assert highest["early body"] < 1e-4 < highest["late body"], "the groups should differ in rate: look at `told`"

# %% [markdown]
# Two schedules, three groups, six curves. The head alone comes near 0.01, in the frozen epoch. At the dotted line the body
# starts to train, and the head's rate drops to begin anew.

# %% [markdown]
# ## The same line twice
#
# To rebuild the call we must be able to tell whether weights are equal. So we first run the same line again.

# %%
ask("06.2")


# %%
def weights(learn):
    return {name: tensor.detach().clone().float() for name, tensor in learn.model.state_dict().items()}


def apart(one, other, of=("weight", "bias")):
    return max((one[name] - other[name]).abs().max().item() for name in one if name.endswith(of))


# %%
target, again = weights(learn), fresh()
again.fine_tune(3, 1e-2)
print("all made anew:", twice := apart(target, weights(again), of=""))
again = fresh()
again.dls = learn.dls  # used before
again.fine_tune(3, 1e-2)
print("on the old dls:", reused := apart(target, weights(again), of=""))
assert twice < 1e-3 < reused, "only new data should repeat the run: restart and run all cells"

# %% [markdown]
# Zero means: not one bit of any tensor differs. This is our measuring device.

# %% [markdown]
# ## Rebuild it
#
# The naive reading first: four epochs at one rate. We print the largest distance of any weight from those of `fine_tune`.

# %%
steps = {}


def compare(name, learn):
    steps[name] = apart(target, weights(learn))
    print(f"{name}: largest difference {steps[name]:.4f}")


# %%
naive = fresh()
naive.unfreeze()
naive.fit_one_cycle(4, 1e-2)
compare("all at once", naive)

# %% [markdown]
# Now two stages: the head on a frozen body, then everything. From here on we add one missing piece at a time.


# %%
def rebuild(first, second):
    learn = fresh()
    learn.freeze()
    learn.fit_one_cycle(1, **first)
    learn.unfreeze()
    learn.fit_one_cycle(3, **second)
    return learn


compare("freeze, unfreeze", rebuild(first={"lr_max": 1e-2}, second={"lr_max": 1e-2}))

# %% [markdown]
# `slice(1e-2)` gives the head this rate and all other groups a tenth. That matters in a frozen body too: BatchNorm trains
# there, as lesson 04 showed. And `pct_start=0.99` makes the rate rise for 99% of the stage.

# %%
compare("+ slice(1e-2)", rebuild({"lr_max": slice(1e-2)}, {"lr_max": 1e-2}))
first = {"lr_max": slice(1e-2), "pct_start": 0.99}
compare("+ pct_start=0.99", rebuild(first, {"lr_max": 1e-2}))

# %% [markdown]
# The second stage: half the rate, and then a slice with two ends, from a hundredth for the early body to all of it for the
# head.

# %%
compare("+ half the rate", rebuild(first, {"lr_max": 1e-2 / 2}))
rates = slice(1e-2 / 2 / 100, 1e-2 / 2)
compare("+ slice with two ends", rebuild(first, {"lr_max": rates}))

# %% [markdown]
# What is left is the shape. The second stage peaks after 30% of its steps (`fit_one_cycle` alone: 25%) and starts at a fifth of
# its peak (alone: a 25th).

# %% tags=["result"]
compare("+ pct_start=0.3", rebuild(first, {"lr_max": rates, "pct_start": 0.3}))
compare("+ div=5", rebuilt := rebuild(first, {"lr_max": rates, "pct_start": 0.3, "div": 5}))
wrong, exact = list(steps.values())[:-1], apart(target, weights(rebuilt), of="")
assert exact < 1e-3 < min(wrong), "only the last version should equal fine_tune: restart and run all cells"
print(f"fine_tune rebuilt: largest difference {exact} in {len(target)} tensors; when naive {wrong[0]:.2f}")

# %% [markdown]
# That is the whole call: two stages, a slice each, four numbers. Statistics of BatchNorm are equal too. One thing happens
# unseen: `freeze` and `unfreeze` also clear the optimiser's averages of earlier gradients.

# %%
ask("06.8")

# %% [markdown]
# ## Groups and slices
#
# How many weights are in which group?

# %%
for name, group in zip(GROUPS, learn.splitter(learn.model), strict=True):
    print(f"{name:10} {len(group):2} tensors, {sum(tensor.numel() for tensor in group):>9,} weights")
learn.opt.set_hyper("lr", slice(1e-2))
print("slice(1e-2)      ", [hyper["lr"] for hyper in learn.opt.hypers])
learn.opt.set_hyper("lr", slice(1e-4, 1e-2))
print("slice(1e-4, 1e-2)", [f"{hyper['lr']:.0e}" for hyper in learn.opt.hypers])

# %% [markdown]
# Ours: stem and stage 1, stage 2, head. In a whole ResNet fastai puts stages 3 and 4 into the late body, and all before them
# into the early one. Between two ends the rates grow by a constant factor. Groups, not layers: stem and stage 1 share a rate.

# %%
ask("06.7")

# %% [markdown]
# ## One cycle by hand
#
# Each stage is a *one-cycle* schedule: half a cosine wave up, half a wave down. Momentum goes the other way.

# %%
from math import cos, pi


def wave(start, end, place):
    return start + (end - start) * (1 - cos(pi * place)) / 2


def cycle(n, start, middle, end, pct_start):
    turn = pct_start * n
    return [wave(start, middle, k / turn) if k < turn else wave(middle, end, (k - turn) / (n - turn)) for k in range(n)]


# %% [markdown]
# The learner's recorder keeps the head's values of the last `fit`: 15 steps, from 1/5 of the peak to 1/100,000 of it.

# %%
import numpy as np

rates, momenta = cycle(15, 1e-3, 5e-3, 5e-8, 0.3), cycle(15, 0.95, 0.85, 0.95, 0.3)
same = [np.allclose(mine, learn.recorder.hps[name]) for mine, name in ((rates, "lr"), (momenta, "mom"))]
assert all(same), "the waves should meet fastai's: compare them step by step"
print("rate and momentum as recorded:", same)
plot_schedules(told, "mom")

# %%
ask("06.3")

# %% [markdown]
# ## Draw before you train
#
# With `cycle` and fastai's `even_mults`, which spaces rates by a constant factor, any call can be drawn without training.


# %%
from fastai.vision.all import even_mults


def schedule(epochs=4, base_lr=1e-2, freeze_epochs=1, lr_mult=100, pct_start=0.3, div=5, n=5):
    table, half = pd.DataFrame(), base_lr / 2
    lower, upper = [base_lr / 10, base_lr / 10, base_lr], even_mults(half / lr_mult, half, 3)
    for group, low, top in zip(GROUPS, lower, upper, strict=True):
        head_only = cycle(n * freeze_epochs, low / 25, low, low / 1e5, 0.99)
        table[group] = head_only + cycle(n * epochs, top / div, top, top / 1e5, pct_start)
    return table


# %%
recorded = told.pivot(index="step", columns="group", values="lr")[GROUPS]
assert np.allclose(schedule(epochs=3), recorded), "the table should meet the recorded one: subtract them"
changes = {"as it is": {}, "base_lr=2e-3": {"base_lr": 2e-3}, "lr_mult=3": {"lr_mult": 3}}
changes |= {"freeze_epochs=3": {"freeze_epochs": 3, "epochs": 2}}
changes |= {"pct_start=0.7": {"pct_start": 0.7}, "div=25": {"div": 25}}


# %%
def panel(**change):
    table = schedule(**change).rename_axis("step").reset_index().melt("step", var_name="group", value_name="lr")
    frozen_steps = 5 * change.get("freeze_epochs", 1)
    return table.assign(frozen=(table.step < frozen_steps) & (table.group != "head"))


plot_schedules(
    {name: panel(**change) for name, change in changes.items()}, title="fine_tune(4, 1e-2), one argument changed"
)

# %% [markdown]
# `base_lr` moves all curves, `lr_mult` lifts the body's. The other three shift the same rates in time. (With
# `freeze_epochs=3` two epochs follow, so that all panels have five in all.)

# %%
ask("06.4")

# %% [markdown]
# ## What each argument buys
#
# The course's `Experiment` trains strategies, each on the same splits. A strategy here is a call of `fine_tune` with its
# arguments.

# %%
from course_utils.training import FineTune


def call(epochs=4, base_lr=1e-2, freeze_epochs=1, **shape):
    return FineTune(epochs + freeze_epochs, base_lr, freeze_epochs=freeze_epochs, **shape)


# %%
from course_utils.experiments import Experiment
from course_utils.statistics import paired_difference
from course_utils.tasks import ImageTask

task = ImageTask("digits", arch=shorter, **options)


def measure(names):
    calls = [call(**changes[name]) for name in names]
    return Experiment(task, calls, labels=[5], seeds=range(4), names=names, jobs=2).run()


# %% [markdown]
# First what sets height and length: the rates, and two epochs more. Then what sets the shape.

# %%
changes["epochs=6"] = {"epochs": 6}
runs = measure(["as it is", "base_lr=2e-3", "lr_mult=3", "epochs=6"])

# %%
runs = pd.concat([runs, measure(["freeze_epochs=3", "pct_start=0.7", "div=25"])])
points = 100 * runs.pivot(index="seed", columns="strategy", values="score")
effects = {name: paired_difference(points[name], points["as it is"]) for name in changes if name != "as it is"}
print("as it is:", f"{points['as it is'].mean():.0f}% in 25 steps; differences in points, 95% intervals:")
for name, (mean, half) in effects.items():
    print(f"{name:16} {mean:+5.1f} ± {half:4.1f}  ({'clear' if abs(mean) > half else 'zero is in the interval'})")
assert effects["base_lr=2e-3"][0] < 0 < effects["epochs=6"][0], "rates and steps should count: look at `points`"

# %%
from matplotlib import pyplot as plt

from course_utils.plots import show

figure, axis = plt.subplots()
middles, halves = zip(*effects.values(), strict=True)
axis.errorbar(middles, list(effects), xerr=halves, fmt="o")
axis.axvline(0, color="0.4", linestyle=":")
axis.set(xlabel="points of accuracy against fine_tune(4, 1e-2)", title="One argument changed")
show(figure, "Differences: " + ", ".join(f"{name} {m:+.0f} ± {h:.0f}" for name, (m, h) in effects.items()))

# %% [markdown]
# Height and length come first: a fifth of the rate costs most, a body that moves and more steps gain. What moves the same
# rates in time has an interval around zero. Four splits can't tell such small effects from luck, nor rule them out.
#
# In price they differ: `epochs=6` takes 35 steps for 25.

# %% [markdown]
# ## The learning-rate finder
#
# `lr_find` trains for up to 100 steps, the rate growing from 1e-7 towards 10, and stops when the loss explodes. Then it picks
# a rate on the slope. Four splits:

# %%
from course_utils.quiz import found, predict

predict("06.6")


# %%
def find(seed):
    learn = fresh(seed)
    picked = learn.lr_find(show_plot=False)
    return picked.valley, learn.recorder.lrs, learn.recorder.losses


searches = [find(seed) for seed in range(4)]

# %%
valleys = [valley for valley, _, _ in searches]
figure, axis = plt.subplots()
for valley, rates, losses in searches:
    axis.semilogx(rates, losses)
    axis.plot(valley, np.interp(valley, rates, losses), "ko")
axis.set(xlabel="learning rate", ylabel="smoothed loss", title="Four splits, and what the finder picks")
show(figure, f"Loss over the rate for four splits; the finder picks {min(valleys):.1e} to {max(valleys):.1e}.")

# %%
print("picked:", ", ".join(f"{valley:.1e}" for valley in valleys))
print(f"highest over lowest: {max(valleys) / min(valleys):.1f}")
assert 1e-4 < min(valleys) < max(valleys) < 1e-1, "the finder should pick rates on the slope: look at the curves"
found("06.6", max(valleys) / min(valleys))

# %% [markdown]
# One network, four splits, several-fold different picks, all below the 0.01 that did better above than 0.002. The finder sees
# a frozen body and one batch a step; it doesn't know how many steps will follow. Take its order of magnitude, then compare.

# %%
ask("06.5")

# %%
plain, learn = fresh(), fresh()
plain.fine_tune(1, 1e-2)
before = weights(learn)
learn.lr_find(num_it=20, show_plot=False, suggest_funcs=None)
print("weights moved by the finder:", moved := apart(before, weights(learn), of=""))
learn.fine_tune(1, 1e-2)
print("after training, against no finder:", disturbed := apart(weights(plain), weights(learn), of=""))

# %%
learn = fresh()
learn.lr_find(num_it=20, show_plot=False, suggest_funcs=None)
learn.dls = fresh().dls  # new data, and the seed set anew
learn.fine_tune(1, 1e-2)
print("with order and seed put back:", mended := apart(weights(plain), weights(learn), of=""))
assert moved == 0 and mended < 1e-3 < disturbed, "only the random numbers should differ: restart and run all cells"

# %% [markdown]
# So users who [saw other results](https://github.com/fastai/fastai/issues/3013) after `lr_find` saw other random numbers,
# at least in this version. A comparison with and without the finder needs several seeds.

# %% [markdown]
# ## An argument it refuses
#
# Other arguments pass through to both stages: `wd`, `moms`, `cbs`. One can't.

# %%
learn = fresh()
learn.unfreeze()
try:
    learn.fine_tune(1, lr_max=1e-2)
except TypeError as error:
    print("refused:", error)
print("frozen groups now:", learn.opt.frozen_idx)

# %% [markdown]
# `fine_tune` sets `lr_max` itself, in each stage: say `base_lr`. The call had frozen the body before it failed, and it stays
# so.

# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.A — rates of the groups
#
# Write `group_rates(chosen, n)`: the rates of `n` groups when `chosen` is a number, `slice(x)` or `slice(a, b)`. A slice has
# `start` and `stop`; in `slice(x)` the start is `None`. Don't use `even_mults`.


# %% tags=["solution"]
def group_rates(chosen, n):
    ### BEGIN SOLUTION
    if not isinstance(chosen, slice):
        return [chosen] * n
    if chosen.start is None:
        return [chosen.stop / 10] * (n - 1) + [chosen.stop]
    factor = (chosen.stop / chosen.start) ** (1 / (n - 1))
    return [chosen.start * factor**k for k in range(n)]
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("06.A", group_rates)

# %% [markdown] tags=["exercise"]
# ### Exercise 06.B — two frozen epochs
#
# Rebuild `fresh().fine_tune(1, 4e-3, freeze_epochs=2, lr_mult=10)` from `freeze`, `fit_one_cycle` and `unfreeze`. Bind
# `mine` to your learner, made by `fresh()`, when it is trained.

# %% tags=["solution"]
### BEGIN SOLUTION
mine = fresh()
mine.freeze()
mine.fit_one_cycle(2, slice(4e-3), pct_start=0.99)
mine.unfreeze()
mine.fit_one_cycle(1, slice(2e-3 / 10, 2e-3), pct_start=0.3, div=5)
### END SOLUTION

# %% tags=["check"]
check("06.B", mine, fresh=fresh, weights=weights, apart=apart)

# %% [markdown]
# ## What would break this
#
# - **Other networks.** The number of groups is the splitter's choice: with one group `freeze` freezes nothing, with two
#   `slice(a, b)` has no middle.
# - **More steps.** Here there are 25. Rates that are too low to get anywhere in 25 steps may be right for 4,000.
# - **A trained learner.** Its loss is so low that `lr_find` may stop within a few steps, with an `IndexError`.
# - **A GPU.** Some of its sums come in no fixed order: expect nearly equal weights there, not equal bits.
# - **Another version.** The five numbers are fastai's defaults of today; the recorded table shows yours.

# %% [markdown]
# ## Recap
#
# - `fine_tune(n, r)`: one frozen epoch up to `r`, then `n` epochs of all groups up to half of `r`.
# - `slice(x)`: the last group `x`, all others a tenth; `slice(a, b)`: a constant factor from group to group.
# - The early body gets `r / 200`: to move it, lower `lr_mult`.
# - Rates and epochs counted most here; for shape (`pct_start`, `div`) and `freeze_epochs` the interval holds zero.
# - The finder puts weights and optimiser back, but not the random numbers; its pick varies from split to split.

# %% [markdown]
# ## Quiz

# %%
ask("06.9")

# %%
ask("06.10")

# %%
ask("06.11")

# %%
from course_utils.quiz import summary

summary("06")

# %% [markdown]
# ## Further reading
#
# - [Smith and Topin 2017](https://arxiv.org/abs/1708.07120): the one-cycle schedule.
# - [Smith 2015](https://arxiv.org/abs/1506.01186): the range test behind `lr_find`.
# - [Howard and Ruder 2018](https://arxiv.org/abs/1801.06146): discriminative rates, gradual unfreezing.
# - [fastai's schedules](https://docs.fast.ai/callback.schedule.html): `fine_tune` in its source.
