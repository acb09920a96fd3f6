# %% [markdown]
# # 06 · What does one call do?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/06_inside_fine_tune.ipynb)
#
# A toll station charges trucks more than cars, and a camera has to tell them apart. Your colleague has left you one
# line: `learn.fine_tune(3, 1e-2)`. It looks like three epochs at one learning rate. It's neither. You will rebuild it,
# exactly, and find out which of its numbers deserve your time.

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("06_inside_fine_tune")

# %% [markdown]
# ## Predict first
#
# The pre-trained network of lesson 01 gets images like these, with labels for 20 cars and 20 trucks. We call
# `fine_tune(3, 1e-2)` and write down the learning rate of every step.

# %%
from fastai.vision.all import ProgressCallback, accuracy, noop, set_seed, vision_learner

from course_utils import backbones, data
from course_utils.plots import plot_images

some = data.vehicles("cars or trucks", 20, size=48).test.dataset
photos, kinds = zip(*[some[number] for number in range(0, len(some), 45)], strict=True)
plot_images(photos, [some.vocab[kind] for kind in kinds])

# %%
from course_utils.quiz import ask

ask("06.1")

# %% [markdown]
# `fresh` makes a new learner that prints nothing and doesn't validate between epochs. Its seed decides everything that
# is random: the images, the new head, the order of the batches. `measure` gives its accuracy, with BatchNorm's averages
# brought up to date first, as in lesson 04.

# %%
from course_utils.tasks.running import NoValidation
from course_utils.training import reestimate_batchnorm


# %% tags=["recorded"]
def fresh(seed=0, labels=20, bs=8, **settings):
    dls = data.vehicles("cars or trucks", labels, size=48, bs=bs, seed=seed)
    set_seed(seed)
    learn = vision_learner(dls, backbones.default(), metrics=accuracy, cbs=NoValidation(), **settings)
    learn.remove_cb(ProgressCallback)
    learn.logger = noop
    return learn


# %% tags=["recorded"]
def measure(learn, dl):
    reestimate_batchnorm(learn)
    learn.remove_cb(NoValidation)
    return learn.validate(dl=getattr(learn.dls, dl))[1]


# %% [markdown]
# ## What the optimiser is told
#
# The [*optimiser*](../docs/glossary.md#optimiser) turns gradients into updates of the weights. A
# [*callback*](../docs/glossary.md#callback) is code that runs at fixed points of training. This one notes what the
# optimiser is told at each step, for each *parameter group*: weights that share a learning rate.

# %%
from course_utils.plots import plot_schedules
from course_utils.training import RecordSchedule

learn, record = fresh(), RecordSchedule(["early body", "late body", "head"])
learn.fine_tune(3, 1e-2, cbs=record)
print(f"right on the test images: {measure(learn, 'test'):.1%}")
plot_schedules(record.table, title="What fine_tune(3, 1e-2) told the optimiser")

# %% [markdown]
# The line hides two stages and three groups. Each stage is a [*one-cycle*](../docs/glossary.md#one-cycle) schedule: the
# learning rate rises along half a cosine wave and falls along another. At the dotted line the body is unfrozen, and each
# group gets a peak of its own:

# %%
told = record.table
told[told.step >= 5].groupby("group", sort=False).lr.max().map("{:.1e}".format).to_frame()

# %%
ask("06.3")


# %% [markdown]
# ## Rebuild it
#
# How do you know that a copy is exact? Compare the trained weights. First, does the call agree with itself?

# %%
def apart(one, other):
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


again = fresh()
again.fine_tune(3, 1e-2)
print("largest difference between two calls:", apart(learn, again))

# %% [markdown]
# Not one bit differs, so any distance from now on is a mistake in our copy. We start with a simple guess that has as
# many epochs, four at one learning rate:

# %%
naive = fresh()
naive.unfreeze()
naive.fit_one_cycle(4, 1e-2)
print(f"four epochs at one learning rate: {apart(learn, naive):.4f}")

# %% [markdown]
# The first stage trains the head with `slice(1e-2)`: 0.01 for the head, a tenth of that for all other groups. (This
# matters even in a frozen body, since its BatchNorm layers train.) The second stage takes half of 0.01 and a slice with
# two ends: all of it for the head, a hundredth for the early body.

# %%
copy = fresh()
copy.freeze()
copy.fit_one_cycle(1, slice(1e-2), pct_start=0.99)
copy.unfreeze()
copy.fit_one_cycle(3, slice(1e-2 / 2 / 100, 1e-2 / 2), pct_start=0.3, div=5)

# %% tags=["result"]
from course_utils.display import points, show_result, show_table

of_copy, of_naive = apart(learn, copy), apart(learn, naive)
said = f"largest difference of any weight {of_copy}; naive {of_naive:.4f}"
show_result(f"fine_tune in four lines: {said}", expected=of_copy < 1e-3 < of_naive)

# %% [markdown]
# That is the whole call. `pct_start` is the share of the steps in which the learning rate rises, and `div=5` makes
# it start at a fifth of its peak.

# %%
ask("06.8")

# %% [markdown]
# ## Groups and slices
#
# Which weights are in which group, and what do the three ways of writing a learning rate mean?

# %%
for name, group in zip(record.groups, learn.splitter(learn.model), strict=True):
    print(f"{name:10} {len(group):2} tensors, {sum(tensor.numel() for tensor in group):>9,} weights")
for lr in (1e-2, slice(1e-2), slice(1e-4, 1e-2)):
    learn.opt.set_hyper("lr", lr)
    print(lr, "gives", [f"{group['lr']:.0e}" for group in learn.opt.hypers])

# %% [markdown]
# Between the two ends of a slice the learning rate grows by a constant factor from group to group. These are
# [*discriminative learning rates*](../docs/glossary.md#discriminative-learning-rates).

# %%
ask("06.7")

# %% [markdown]
# ## Too low, right, too high
#
# Why does `fine_tune` give the body so much less than the head?

# %%
ask("06.2")

# %% [markdown]
# For ten seeds, with 40 labels per class, we trained everything for four epochs and changed the learning rate of one
# part, body or head. Meanwhile the head stayed at 0.003, or the body, pre-trained, at 0.0003. These are validation
# accuracies, with BatchNorm re-estimated:

# %% tags=["recorded"]
TRIED = [("pre-trained body", lr) for lr in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)]
TRIED += [("random body", lr) for lr in (1e-3, 1e-2, 1e-1)]
TRIED += [("new head", lr) for lr in (1e-4, 1e-3, 1e-2, 1e-1)]


# %% tags=["recorded:rates"]
def rates(seed):
    rows = []
    for part, lr in TRIED:
        learn = fresh(seed, labels=40, bs=16, pretrained=part != "random body")
        learn.unfreeze()
        learn.fit_one_cycle(4, [3e-4, 3e-4, lr] if part == "new head" else [lr, lr, 3e-3])
        rows.append({"strategy": part, "learning rate": lr, "score": measure(learn, "valid")})
    return rows


# %%
from course_utils.experiments import recorded
from course_utils.plots import plot_learning_curve

runs = recorded("06/rates")
plot_learning_curve(runs.table, "learning rate", title="A high learning rate hurts the pre-trained body")

# %%
from course_utils.statistics import paired_difference

for part in ("pre-trained body", "random body", "new head"):
    low, high = (runs.scores(part, **{"learning rate": lr}) for lr in (1e-3, 1e-2))
    print(f"{part}, from 0.001 to 0.01: {points(*paired_difference(high, low))} percentage points")

# %% [markdown]
# At 0.01 the pre-trained body is far worse. For the random body we could not see a loss of more than about five points,
# but it starts little above chance. The new head does badly at 0.0001, and well from 0.001 up. So the body needs caution
# and the head doesn't.

# %% [markdown]
# Why? A pre-trained weight is near a good value, and Adam moves each weight by up to roughly the learning rate at
# each step, even if its gradient is small. How far does the body get in 20 steps?

# %%
from course_utils.surgery import drift, snapshot

for lr in (1e-4, 1e-3, 1e-2):
    learn = fresh()
    learn.unfreeze()
    before = snapshot(learn)
    learn.fit_one_cycle(4, [lr, lr, 3e-3])
    moved = drift(before, learn).query("kind == 'weight' and layer.str.startswith('0.')").change
    print(f"body at {lr:g}: the weights of a typical layer have moved by {moved.median():.0%} of their length")

# %% [markdown]
# ## Adam, or SGD with momentum?
#
# fastai uses Adam unless you say otherwise. SGD subtracts the gradient times the learning rate from each weight; Adam first divides
# each weight's gradient by its usual size. Both can follow an average of past gradients, called
# [*momentum*](../docs/glossary.md#momentum); in fastai, `SGD` has none unless you ask. Each gets the same search over
# four values of `base_lr`.

# %%
ask("06.5")

# %%
from functools import partial

from fastai.vision.all import SGD, Adam

# %% tags=["recorded"]
OPTIMISERS = {"Adam": Adam, "SGD with momentum": partial(SGD, mom=0.9)}


def trained(seed, name, lr):
    learn = fresh(seed, labels=40, bs=16, opt_func=OPTIMISERS[name], wd=0.01)
    learn.fine_tune(3, lr)
    return learn


# %% tags=["recorded"]
def search(seed, name):
    tried = {lr: trained(seed, name, lr) for lr in (2e-3, 1e-2, 5e-2, 2.5e-1)}
    valid = {lr: measure(learn, "valid") for lr, learn in tried.items()}
    best = max(valid, key=valid.get)
    scores = [("valid", lr, valid[lr]) for lr in valid] + [("test", best, measure(tried[best], "test"))]
    return [{"strategy": name, "images": dl, "learning rate": lr, "score": score} for dl, lr, score in scores]


# %% tags=["recorded:optimisers"]
def optimisers(seed):
    return search(seed, "Adam") + search(seed, "SGD with momentum")


# %%
runs = recorded("06/optimisers")
tried = runs.table[runs.table.images == "valid"]
plot_learning_curve(tried, "learning rate", title="Each optimiser has learning rates of its own")

# %% [markdown]
# For each seed and optimiser, only the learning rate with the best validation accuracy goes on to the test set:

# %%
for name in OPTIMISERS:
    print(f"{name}: {runs.scores(name, images='test').mean():.1%}")
gain = runs.difference("Adam", "SGD with momentum", images="test")
print(f"Adam minus SGD: {points(*gain)} percentage points")

# %% [markdown]
# At 0.002 SGD is far behind, and needs a learning rate several times higher. (The grid is coarse; 6 of 20 choices
# lie at its edge.) Once each has its own, we could not see a difference: the interval reaches from about one point in
# favour of SGD to four in favour of Adam.

# %% [markdown]
# ## Which arguments are worth your time?
#
# One argument changed at a time. Two of them work against overfitting: [*dropout*](../docs/glossary.md#dropout)
# sets a random share of the head's activations to zero in training, and [*weight decay*](../docs/glossary.md#weight-decay)
# shrinks most weights a little at each step.

# %% tags=["recorded"]
CALLS = [{}, {"base_lr": 2e-3}, {"lr_mult": 10}, {"epochs": 6}, {"pct_start": 0.7}]
SETTINGS = [{"ps": 0.0}, {"wd": 1.0}]  # of vision_learner: ps is the dropout, wd the weight decay


# %% tags=["recorded:arguments"]
def arguments(seed):
    scores = {}
    for settings, call in [({}, call) for call in CALLS] + [(settings, {}) for settings in SETTINGS]:
        learn = fresh(seed, labels=40, bs=16, **settings)
        learn.fine_tune(**({"epochs": 3, "base_lr": 1e-2} | call))
        name = ", ".join(f"{key}={value:g}" for key, value in (settings | call).items())
        scores[name or "as it is"] = measure(learn, "test")
    return scores


# %%
from course_utils.plots import plot_differences

runs = recorded("06/arguments")
names = [name for name in runs.table.strategy.unique() if name != "as it is"]
effects = {name: runs.difference(name, "as it is") for name in names}
plot_differences(effects, against="fine_tune(3, 1e-2)", title="One argument changed (test accuracy)")

# %% [markdown]
# In these twenty seeds two intervals exclude zero: a lower `base_lr` loses one or two points, and six epochs gain about
# two, with 35 steps in place of 20. (Of six intervals, one may miss the truth by luck.) For weight decay, more than a
# quarter of a point is unlikely, and for the others more than about two points.

# %%
ask("06.4")

# %% [markdown]
# Why does weight decay matter so little here? At each step it multiplies a weight by 1 − learning rate × `wd`. Over
# the steps in which a group trains, that leaves:

# %%
unfrozen = told[~told.frozen]
rows = []
for wd in (0.01, 1.0):
    left = (1 - unfrozen.lr * wd).groupby(unfrozen.group, sort=False).prod()
    rows.append({"wd": f"{wd:g}"} | left.map("{:.2%}".format).to_dict())
show_table(rows)

# %%
ask("06.6")

# %% [markdown]
# Before you tune any of this, ask what fine-tuning gains you at all. Here are four rungs of lesson 01's ladder for these photos, where chance is one half. Fine-tuning and training from scratch both take 20 steps at up to 0.01, the value that did best above:

# %%
from course_utils.experiments import Experiment
from course_utils.experiments.ladder import PixelSVM
from course_utils.tasks import ImageTask
from course_utils.training import FineTune, FromScratch, MultiDepthProbe


# %% tags=["recorded:ladder"]
def ladder(seed):
    task = ImageTask("vehicles", size=48, bs=16, flip=True)
    methods = [PixelSVM(flip=True), MultiDepthProbe(flip=True), FromScratch(4, 1e-2), FineTune(4, 1e-2)]
    return Experiment(task, methods, labels=[40], seeds=[seed]).run()


# %%
ladder_runs = recorded("06/ladder")
ladder_runs

# %%
for other in ("SVM on pixels", "from scratch", "multi-depth probe"):
    print(f"fine_tune minus {other}: {points(*ladder_runs.difference('fine_tune', other))} points")


# %% [markdown]
# Fine-tuning is far above the SVM, and above training from scratch for the same four epochs (lesson 07 gives that more).
# But the multi-depth probe trains nothing in the body, and we could not see fine-tuning gain more than about one
# point over it. With 40 labels per class, the probe may be all you need.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.A — learning rates of the groups
#
# Write `group_rates(chosen, n)`: the learning rates of `n` groups when `chosen` is a number, `slice(x)` or
# `slice(a, b)`. A slice has a `start` and a `stop`; in `slice(x)`, the start is `None`.

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
# Rebuild `fresh().fine_tune(1, 4e-3, freeze_epochs=2, lr_mult=10)` from `freeze`, `fit_one_cycle` and `unfreeze`. Call
# your trained learner `mine`, and begin with `fresh()`.

# %% tags=["solution"]
### BEGIN SOLUTION
mine = fresh()
mine.freeze()
mine.fit_one_cycle(2, slice(4e-3), pct_start=0.99)
mine.unfreeze()
mine.fit_one_cycle(1, slice(2e-3 / 10, 2e-3), pct_start=0.3, div=5)
### END SOLUTION

# %% tags=["check"]
check("06.B", mine, fresh=fresh, apart=apart)

# %% [markdown]
# ## What would break this
#
# - **More steps.** Here there are 20. A learning rate that is too low for 20 steps may be right for 4,000, and weight
#   decay and dropout have time to act.
# - **Other networks.** Their splitters may make other groups; print them before you write a slice.
# - **A used `dls`.** It has its own random generator for the order of images. Make a new one to repeat a run.
# - **A GPU.** It may add numbers in another order each time, so weights are only nearly equal.
# - **Another version of fastai.** Its defaults may differ; the schedules' figure shows yours.

# %% [markdown]
# ## Recap
#
# - `fine_tune(n, r)` is one epoch of the head up to `r`, then `n` epochs of everything up to half of `r`.
# - `slice(x)` gives the last group `x` and all others a tenth; `slice(a, b)` goes from a to b by a constant factor.
# - A pre-trained body needs a low learning rate: large steps carry its weights far from values that were good.
# - A learning rate belongs to its optimiser: choose it again when you change from Adam to SGD.
# - In a training as short as this one, choose the learning rate first, and then the number of epochs.

# %% [markdown]
# ## Quiz

# %%
ask("06.9")

# %%
from course_utils.quiz import summary

summary("06")

# %% [markdown]
# ## Further reading
#
# - [Smith and Topin 2017](https://arxiv.org/abs/1708.07120): the one-cycle schedule.
# - [Smith 2015](https://arxiv.org/abs/1506.01186): the range test behind `lr_find`.
# - [Howard and Ruder 2018](https://arxiv.org/abs/1801.06146): discriminative learning rates and gradual unfreezing.
# - [Loshchilov and Hutter 2017](https://arxiv.org/abs/1711.05101): weight decay in Adam.
# - [fastai's schedules](https://docs.fast.ai/callback.schedule.html): the source of `fine_tune`.
