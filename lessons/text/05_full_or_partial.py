# %% [markdown]
# # 05 · How much should I unfreeze?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/05_full_or_partial.ipynb)
#
# A used-car site sorts photos into cars and trucks, a recycling plant sorts rubbish by material, and a post office reads
# digits. All three start from the same pre-trained network. Should they train only its head, its last layers, or all
# of it?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("05_full_or_partial")

# %% [markdown]
# ## Predict first
#
# The plant has 50 labelled photos of each material. It can fit one linear layer on the frozen body, or train every
# weight of the network for four epochs.

# %%
from course_utils.quiz import predict

predict("05.11")

# %% [markdown]
# ## Count the groups first
#
# The usual way to train part of a network is `freeze_to`. It counts [*parameter
# groups*](../docs/glossary.md#parameter-group), sets of weights that fastai freezes together, and -2 leaves the last
# two of them free:

# %%
from fastai.vision.all import accuracy, vision_learner

from course_utils import backbones, data, training

dls = data.vehicles(n_per_class=20, size=48, bs=20, augment=False)
learn = vision_learner(dls, backbones.default(), metrics=accuracy, cbs=training.ReestimateBatchNorm())
learn.freeze_to(-2)
with learn.no_bar(), learn.no_logging():
    learn.fit_one_cycle(20, 3e-3)
print(f"trained from the second-last group on: {learn.validate(dl=dls.test)[1]:.1%} of the test images are right")

# %% [markdown]
# What was in those two groups?

# %%
from course_utils.surgery import describe

print(len(learn.opt.param_groups), "groups; trainable weights in each block:")
describe(learn)[["block", "parameters", "trainable"]]

# %% [markdown]
# This network has three groups: the blocks up to stage 2, stages 3 and 4, and the head. (The few weights that train
# below stage 3 belong to BatchNorm.) Another network may be divided differently, so look before you freeze.

# %%
from course_utils.quiz import ask

ask("05.12")

# %% [markdown]
# For a finer choice, give each block a group of its own. Now -2 leaves stage 4 and the head free:

# %%
from course_utils.surgery import split_by_block

learn = vision_learner(dls, backbones.default(), metrics=accuracy, splitter=split_by_block)
learn.freeze_to(-2)
describe(learn)[["block", "parameters", "trainable"]]

# %% [markdown]
# ## Six methods
#
# - **linear probe**: `freeze()`, and solve for the best linear head
# - **partial**: `freeze_to(-2)`, then fit
# - **gradual**: `freeze()`, fit; `freeze_to(-2)`, fit; `freeze_to(-3)`, fit; `unfreeze()`, fit
# - **full**: `unfreeze()`, then fit
# - **discriminative**: `unfreeze()`, then fit with, say, `slice(1e-3, 1e-2)`, so that early blocks learn more slowly
# - **LP-FT**: the linear probe first, then full fine-tuning from its solution

# %% [markdown]
# [Howard and Ruder](https://arxiv.org/abs/1801.06146) proposed gradual and discriminative training. LP-FT was already
# in use when [Kumar and others](https://arxiv.org/abs/2202.10054) studied it. Its probe has *converged*: training it for
# longer wouldn't improve it.

# %%
ask("05.13")

# %% [markdown]
# ## Equal budgets
#
# Every method gets a linear head and the same images. All but the probe, which is solved, train for the same number
# of epochs. So they differ in what trains and when, and in the learning rate. Training *from scratch* gets as many
# epochs. The three data sets:

# %% tags=["recorded"]
from course_utils.tasks import ImageTask

options = {"head": "linear", "bs": 20, "augment": False}
TASKS = {
    "vehicles": ImageTask("vehicles", size=48, split=(100, 200), **options),
    "recycling": ImageTask("recycling", size=48, **options),
    "digits": ImageTask("digits", size=32, split=(0.15, 0.25), **options),
}

# %% tags=["recorded"]
METHODS = {
    "linear probe": training.MultiDepthProbe(stages=("stage 4",), pools=("average",)),
    "partial": training.Partial(depth="stage 4", batchnorm="fixed"),
    "gradual": training.GradualUnfreezing(stages=4, batchnorm="fixed"),
}
METHODS |= {"full": training.Full(), "discriminative": training.Discriminative(lr_mult=10)}
METHODS |= {"LP-FT": training.ProbeThenAll(), "from scratch": training.FromScratch()}

# %%
from dataclasses import replace

import pandas as pd

from course_utils.experiments import Experiment, all_rungs, recorded


# %% tags=["recorded"]
def compare(name, labels, rates, seed, rungs=()):
    epochs = 20 if labels <= 20 else 4
    chosen = {method: lr for method, lr in zip(METHODS, rates, strict=True) if lr}
    methods = [replace(METHODS[method], epochs=epochs, lr=lr) for method, lr in chosen.items()]
    names = [*(rung.name for rung in rungs), *chosen]
    return Experiment(TASKS[name], [*rungs, *methods], [labels], [seed], names=names).run()


# %% [markdown]
# Each method has a learning rate of its own for each data set and number of labels. We tried a grid, each value about
# three times the one before, and took the one that did best on validation images. Where the best value was at an
# edge, we extended the grid:

# %% tags=["recorded"]
VEHICLES = {  # labels per class: learning rates in the order of METHODS; a solved probe takes any
    20: [1, 3e-3, 1e-3, 3e-3, 3e-3, 1e-3, 1e-2],
    150: [1, 1e-2, 3e-4, 1e-3, 3e-3, 1e-3, 3e-3],
}

# %% [markdown]
# Here is one run of four of them, on 20 labelled photos per class:

# %%
from course_utils.display import points, show_result, show_table

live = compare("vehicles", 20, [1, 3e-3, None, 3e-3, None, 1e-3, None], course.seed)
show_table(live[["strategy", "score", "steps", "trainable", "seconds"]])


# %% [markdown]
# One run can't rank them. So the course ran all of it with ten seeds, each with its own training images, on two amounts
# of labels: *few* is 40 to 60 images in all and 20 epochs, *many* is 300 images and four epochs. It also ran cheaper
# baselines.

# %% tags=["recorded"]
def ladders(name, rates, seed):
    tables = []
    for labels, own in rates.items():
        amount = "few" if labels <= 20 else "many"
        table = compare(name, labels, own, seed, all_rungs())
        tables.append(table[["strategy", "labels", "score"]].assign(data=name, amount=amount))
    return pd.concat(tables).to_dict("records")


# %% tags=["recorded:vehicles"]
def vehicles(seed):
    return ladders("vehicles", VEHICLES, seed)


# %% [markdown]
# And the same for rubbish:

# %% tags=["recorded"]
RECYCLING = {
    10: [1, 3e-3, 1e-3, 3e-3, 1e-2, 1e-3, 1e-2],
    50: [1, 1e-3, 1e-3, 1e-3, 1e-2, 1e-3, 3e-3],
}


# %% tags=["recorded:recycling"]
def recycling(seed):
    return ladders("recycling", RECYCLING, seed)


# %% [markdown]
# Digits are another matter: handwritten, greyscale, 8 × 8 pixels, unlike any photo. We left three of the methods out
# there.

# %% tags=["recorded"]
DIGITS = {  # None leaves a method out
    5: [1, 1e-2, None, 1e-2, None, None, 1e-2],
    30: [1, 3e-3, None, 1e-3, None, None, 3e-3],
}


# %% tags=["recorded:digits"]
def digits(seed):
    return ladders("digits", DIGITS, seed)


# %% [markdown]
# ## What the grid shows
#
# Here are the recorded means with their 95% intervals. Three cheaper baselines stand beside them: an SVM on raw
# pixels, a linear probe at the depth that cross-validation chose, and a [*multi-depth
# probe*](../docs/glossary.md#linear-probe), which reads several blocks at once. The best mean of each column is in
# bold:

# %%
from itertools import product

from course_utils.plots import plot_decision, plot_grid, plot_images

# %%
runs = {name: recorded(f"05/{name}") for name in TASKS}
table = pd.concat([one.table for one in runs.values()])
table["cell"] = table["data"] + "\n" + table.amount
shown = table[~table.strategy.isin(["majority class", "logistic regression on pixels"])]
plot_grid(shown, columns="cell", title="A linear probe on the last stage stays behind fine-tuning")

# %%
from course_utils.quiz import found

found("05.11", 100 * runs["recycling"].difference("full", "linear probe", amount="many")[0])

# %% [markdown]
# Two intervals can overlap even though one method is ahead with nearly every seed. To compare two methods, take the
# difference seed by seed:

# %%
others = ("partial", "gradual", "discriminative", "LP-FT")
gaps = [
    {"data": name, "labels": amount}
    | {other: points(*runs[name].difference(other, "full", amount=amount)) for other in others}
    for name, amount in product(("vehicles", "recycling"), ("few", "many"))
]
show_table(gaps, "minus full, in points")

# %% [markdown]
# None of the four beats full training by more than its interval. On vehicles, discriminative training can't be told
# from it: a gap of over three points with few labels, or one with many, is unlikely. On rubbish, full training leads
# partial and gradual by about four points. (For LP-FT, larger gains are
# [reported](https://arxiv.org/abs/2202.10054) on images unlike the training images.)

# %%
ask("05.6")

# %% [markdown]
# An interval on one side of zero shows a difference. One that covers zero leaves the question open; more seeds would
# narrow it.

# %% [markdown]
# ## Your decision chart
#
# For each cell, `plot_decision` names the method with the best mean, and every other one whose paired difference from
# it has an interval that covers zero. The chart compares only the six methods and training from scratch:

# %%
plot_decision(table[table.strategy.isin(METHODS)], "data", "amount", title="What the runs let you choose")

# %% [markdown]
# Where one name stands alone, the runs tell it from the others. In a hatched cell they don't say which method is
# better, so you may let cost decide.

# %% [markdown]
# ## Does a well-known rule hold?
#
# [Stanford's course notes](https://cs231n.github.io/transfer-learning/) give a rule of thumb. With few labels, don't
# fine-tune: fit a linear probe, and if your images are very different from those of the pre-training, let it read an
# earlier layer. With many labels, fine-tune the whole network. Is it right about few labels?

# %% tags=["result"]
leads = {}
for name, amount in product(runs, ("few", "many")):
    lead = points(*runs[name].difference("full", "linear probe", amount=amount))
    leads[name, amount] = f"{name}, {amount} {lead}"
show_result(f"full minus linear probe, in points: {'; '.join(leads.values())}")

# %% [markdown]
# With few labels, full fine-tuning is ahead of a probe on the last stage by six to eight points on all three data
# sets. On the photos that contradicts the rule. Digits are very different images, so there the rule would read an
# earlier layer:

# %%
rungs = ("linear probe at the best depth", "multi-depth probe", "SVM on pixels")
gaps = [
    {"minus full": rung}
    | {amount: points(*runs["digits"].difference(rung, "full", amount=amount)) for amount in ("few", "many")}
    for rung in rungs
]
show_table(gaps, "digits, in points, by amount of labels")

# %% [markdown]
# On digits with few labels, the multi-depth probe is ahead. The probe at the best depth can't be told from full
# fine-tuning, but nor can an SVM on raw pixels, which needs no network. With many labels, full fine-tuning is ahead
# of every probe on the photos, as the rule says.

# %% [markdown]
# ## When only one thing has changed
#
# Sometimes a network works well, and then one thing changes. The used-car site gets a camera that is out of focus, or
# a partner who has swapped the two names. This is the camera:

# %%
from torchvision.transforms.functional import gaussian_blur

sharp = [image for image, _ in dls.test.dataset][:4]
blurred = [gaussian_blur(image, kernel_size=5, sigma=1.3) for image in sharp]
plot_images([*sharp, *blurred], ["sharp"] * 4 + ["blurred"] * 4, columns=4)

# %% [markdown]
# [Lee and others](https://arxiv.org/abs/2210.11466) propose [*surgical
# fine-tuning*](../docs/glossary.md#surgical-fine-tuning): train the block where the change comes in, and leave the
# others frozen.

# %%
ask("05.3")

# %% [markdown]
# Let's try it for the camera, in one run. The network first learns its job on sharp photos. Then come new photos, all of them
# blurred, and 20 of each class are labelled:

# %%
from copy import deepcopy

from fastai.vision.all import Learner, TensorImage, Transform, set_seed

from course_utils.tasks import train


class Blur(Transform):
    order = 50  # when pixels are numbers from 0 to 1, and before they are normalised

    def encodes(self, images: TensorImage):
        return gaussian_blur(images, kernel_size=9, sigma=2.0)


# %%
job = replace(METHODS["full"], epochs=4, lr=VEHICLES[150][3])
source = train(TASKS["vehicles"], job, 150, course.seed).learn
new = data.vehicles(n_per_class=20, seed=course.seed + 1, size=48, bs=20, augment=False, split=(100, 200))
new.add_tfms([Blur()], "after_batch")
with source.no_bar():
    scores = [source.validate(dl=loader)[1] for loader in (source.dls.test, new.test)]
print(f"right before any repair: {scores[0]:.1%} of the sharp test photos, {scores[1]:.1%} of the blurred ones")


# %% [markdown]
# In all three repairs the head trains and BatchNorm adapts to the new photos. They differ in what else trains:
# nothing, stage 1, or everything. All three have the same learning rate, which we didn't tune.

# %%
def repair(method):
    set_seed(course.seed)
    learn = Learner(new, deepcopy(source.model), metrics=accuracy, splitter=source.splitter)
    with learn.no_bar(), learn.no_logging():
        method.train(learn)
        return learn.validate(dl=new.test)[1]


# %%
repairs = {"head": training.HeadOnly(10, 1e-3), "all": training.Full(10, 1e-3)}
repairs["stage 1 and head"] = training.Surgical(10, 1e-3, block="stage 1", batchnorm="train")
for name, method in repairs.items():
    print(f"trained {name}: {repair(method):.1%} of the blurred test photos are right")

# %% [markdown]
# All three repairs helped in this run, but one run can't rank them, nor show how much BatchNorm did alone. Lee and
# others report that for corrupted images, training only the first few layers worked best; their head stayed frozen.

# %% [markdown]
# ## Tested somewhere else
#
# And if nobody labels the blurred photos? Over ten data sets, Kumar and others
# [report](https://arxiv.org/abs/2202.10054), full fine-tuning was on average 2% more accurate than a linear probe on
# images like the training images, and 7% less accurate on *shifted* images, unlike them. LP-FT beat full fine-tuning
# by 1% and 10%.

# %%
ask("05.4")

# %% [markdown]
# Their explanation: while the network learns to fit a random head, it distorts its pre-trained features.

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** count the parameter groups before you call `freeze_to`: -2 may mean something else in another network.
# - **Do** give every method the same number of epochs, and choose each learning rate on validation images.
# - **Don't** call it LP-FT if the head trained for one epoch: LP-FT's probe has converged.
# - **Don't** read a mean without its interval.

# %%
trained = dict(zip(live.strategy, live.trainable, strict=True))
trained |= dict.fromkeys(["gradual", "discriminative", "from scratch"], trained["full"])
show_table([{"method": method, "weights that train": count} for method, count in trained.items()])


# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks. The check below each one tells you what is still missing. The solutions are
# in the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 05.A — freeze to a depth, and count
#
# Write `share(depth)`: the share of all weights that train after a fresh `resnet18_half(weights=None)`, from
# `course_utils.backbones`, is frozen up to `depth`, a block's name. Use `freeze_to(network, depth, batchnorm="fixed")` from
# `course_utils.surgery`. Guess first: what share is it for stage 4?

# %% tags=["solution"]
def share(depth):
    ### BEGIN SOLUTION
    from course_utils.backbones import resnet18_half
    from course_utils.surgery import freeze_to

    network = resnet18_half(weights=None)
    freeze_to(network, depth, batchnorm="fixed")
    sizes = [(weights.numel(), weights.requires_grad) for weights in network.parameters()]
    return sum(size for size, trains in sizes if trains) / sum(size for size, _ in sizes)
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("05.A", share)


# %% [markdown] tags=["exercise"]
# ### Exercise 05.B — choose from your runs
#
# `decisions(table, "data", "amount")`, from `course_utils.plots.decision`, gives a row for each cell of a chart; its column
# `tied` holds the methods that tie with the best one, itself included. `trained`, above, says how many weights a method
# trains. Write `choose(table, name, amount)`, which returns the tied method that trains the fewest. Which one is it for
# vehicles with many labels? In the grid, compare its mean with that of the multi-depth probe, which trains no weight of
# the network.

# %% tags=["solution"]
def choose(table, name, amount):
    ### BEGIN SOLUTION
    from course_utils.plots.decision import decisions

    tied = decisions(table, "data", "amount").set_index(["data", "amount"]).tied[name, amount]
    return min(tied, key=trained.get)
    ### END SOLUTION


# %% tags=["check"]
check("05.B", choose)

# %% [markdown]
# ## What would break this
#
# - **Longer training and more labels.** Four epochs of 300 images are 60 steps. With more of both, training from
#   scratch can catch up.
# - **Learning rates.** Each was chosen on one split. With another choice, a lead of a point or two can vanish.
# - **Many comparisons.** A chart picks the best of many, and about one interval in twenty misses the truth.
# - **One network, small photos.** The last stage of another backbone may transfer better.

# %% [markdown]
# ## Recap
#
# - Methods of fine-tuning differ in which weights train, when, and at which learning rate.
# - `freeze_to` counts parameter groups, and networks are divided differently.
# - LP-FT starts from a linear probe that has converged.
# - Compare methods on equal budgets, seed by seed, and claim no lead if its interval covers zero.
# - Here full fine-tuning beat a probe on the last stage everywhere. Let your own validation images decide.

# %% [markdown]
# ## Quiz

# %%
ask("05.10")

# %%
ask("05.7")

# %%
ask("05.9")

# %%
from course_utils.quiz import summary

summary("05")

# %% [markdown]
# ## Further reading
#
# - [Howard and Ruder 2018](https://arxiv.org/abs/1801.06146): gradual unfreezing and discriminative learning rates.
# - [Kumar et al. 2022](https://arxiv.org/abs/2202.10054): LP-FT, and why a converged probe can help.
# - [Lee et al. 2022](https://arxiv.org/abs/2210.11466): surgical fine-tuning.
# - [CS231n](https://cs231n.github.io/transfer-learning/): the rule of thumb in its authors' words.
