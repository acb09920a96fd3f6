# %% [markdown]
# # 01 · What does fine-tuning buy in one minute?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/01_first_finetune.ipynb)
#
# A recycling plant wants a camera that tells paper from plastic. Somebody has to label every photo that the camera
# learns from, so the plant hopes to get by with a few hundred. Can it?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("01_first_finetune")

# %% [markdown]
# ## Predict first
#
# You will start from a *pre-trained network*: one that has learned to tell 200 kinds of things apart in photos (the
# large network: 1000), from goldfish to beer bottles. You replace its last layers, which name them, with new ones for six
# materials. These start from random numbers, so they guess. Then you train on 40 labelled images of each.

# %%
from course_utils.quiz import ask

ask("01.1")

# %% [markdown]
# ## Three lines
#
# Three lines fine-tune a network; the two others measure its [*accuracy*](../docs/glossary.md#accuracy), the share of
# images that get the right answer, before and after, on a *test set*: images that play no part in the training.
# `data`, the pre-trained network `backbones.default()` and `ReestimateBatchNorm` are the course's; the rest is fastai's.

# %% [markdown]
# This takes about a minute on a laptop; downloading the photos, the first time, longer. A cell that runs or waits shows
# `[*]`. At one minute a row of the tables, expect about ten in all: close other programs, or wait.

# %%
from fastai.vision.all import accuracy, vision_learner

from course_utils import backbones, data
from course_utils.training import ReestimateBatchNorm  # for some averages in the network: lesson 04

# %%
dls = data.recycling(n_per_class=40, size=72, bs=16)  # photos of 72 × 72 pixels, in batches of 16
learn = vision_learner(dls, backbones.default(), metrics=accuracy, cbs=ReestimateBatchNorm())
untrained = learn.validate(dl=dls.test)[1]  # the loss is [0], the accuracy [1]
# The new layers train alone for 1 epoch, at a learning rate of 5e-3: it says how large each update
# is. Then all train for 8, at half of it; with lr_mult=3, the first layers get a third of the half.
learn.fine_tune(8, 5e-3, lr_mult=3)
tuned = learn.validate(dl=dls.test)[1]

# %% tags=["result"]
from course_utils.display import show_result

said = f"right on {len(dls.test.dataset)} test images: {untrained:.1%} before, {tuned:.1%} after"
show_result(said, expected=tuned > 2 * untrained)

# %% [markdown]
# That was *fine-tuning*: training a network further for a new task. Each row of the tables is an *epoch*, one pass over
# all training images. The [*loss*](../docs/glossary.md#loss) says how wrong the probabilities are, in training and on
# *validation images*, which are there for choosing settings. It can rise while `accuracy` rises: the surer a mistake, the more it costs.

# %% [markdown]
# ## Its mistakes
#
# A *confusion matrix* counts mistakes. Each row is a true material, each column what the network said, and right answers
# lie on the diagonal.

# %%
from fastai.vision.all import ClassificationInterpretation

from course_utils.plots import plot_confusion, plot_top_losses

with learn.no_bar():
    interpretation = ClassificationInterpretation.from_learner(learn, dl=dls.test)
    plot_confusion(interpretation.confusion_matrix(), dls.vocab)

# %%
ask("01.9")

# %% [markdown]
# These are the test images on which the network gave the true material the lowest probability. Above each stand that
# material and probability, then what the network said instead. Would you have known what each is made of?

# %%
with learn.no_bar():
    probabilities, truth = learn.get_preds(dl=dls.test)
images = [image for image, _ in dls.test.dataset]
plot_top_losses(images, truth, probabilities, dls.vocab, n=10)

# %% [markdown]
# ## Six steps, one at a time
#
# `fine_tune` hides most of what happened. Let's do it by hand, this time with 20 labelled images per class. Step one is
# to *choose* a pre-trained network, step two to *prepare* the data:

# %%
network = backbones.default()
few = data.recycling(n_per_class=20, size=72, bs=16)
print(f"{network.__name__}, and {len(few.train.dataset)} labelled images")

# %% [markdown]
# Step three: *replace the head*. A network's body turns an image into [*features*](../docs/glossary.md#feature),
# numbers that describe it; the last layers, its *head*, turn features into answers. Those answers weren't materials, so
# `vision_learner` puts a new head on the old body, with random *weights*, the numbers that training changes.

# %%
from course_utils.surgery import describe

by_hand = vision_learner(few, network, metrics=accuracy, cbs=ReestimateBatchNorm())
describe(by_hand, size=72)

# %% [markdown]
# Step four: *freeze* the body. Frozen weights get no updates. `vision_learner` has done that already: in the column
# `trainable`, the head has by far the most. Lesson 04 explains the few in the body, and the column `batchnorm`. `output` is
# what a block hands on: features × height × width, and from the head six scores.

# %% [markdown]
# Why? The body is told how to change (by *gradients*) through the head. As long as the head is random, so is that
# advice.

# %%
ask("01.2")

# %% [markdown]
# Step five: *train the head, then unfreeze and train everything*, as `fine_tune` did. `slice(low, high)` gives the first
# layers the low learning rate and the head the high one; layers in between get values in between.

# %% [markdown]
# `fit_one_cycle` takes the epochs and the highest learning rate. Training starts at a `div`-th of it (a 25th if not
# given), rises to it during the share `pct_start` of the steps, and falls to almost zero. Lesson 06 takes it
# apart. It takes half a minute, and nothing shows until it ends.

# %%
with by_hand.no_logging():
    by_hand.fit_one_cycle(1, slice(5e-3), pct_start=0.99)
    by_hand.unfreeze()
    by_hand.fit_one_cycle(8, slice(5e-3 / 2 / 3, 5e-3 / 2), pct_start=0.3, div=5)
print("trained: the head for 1 epoch, then everything for 8")

# %% [markdown]
# Step six: *evaluate*, once, on the test set.

# %%
with by_hand.no_bar():
    by_few = by_hand.validate(dl=few.test)[1]
print(f"with 20 labelled images per class: {by_few:.1%}; with 40: {tuned:.1%}")

# %% [markdown]
# ## Is that any good?
#
# What do simpler methods get? Here is a *ladder of baselines*, from the cheapest rung up: one class for every image
# (*majority class*); classical models that see only pixels; and [*probes*](../docs/glossary.md#linear-probe), for which
# the body stays frozen and a simple model learns from its features, at one depth or at several (*multi-depth*).

# %%
ask("01.3")

# %%
from course_utils.display import show_table
from course_utils.experiments import baselines

rungs = baselines(few, network, flip=True)  # mirrored images too, as in fine-tuning
rungs["score"] = rungs.score.map("{:.1%}".format)
show_table(rungs[["strategy", "score", "seconds"]], "Right on the test images", decimals=1)

# %% [markdown]
# The six classes are equally frequent in training, so none is a majority there: the lowest rung just says
# the first, `cardboard`. What would you get by always saying the most frequent material of the test set?

# %%
counts = truth.bincount().tolist()
print(f"always {dls.vocab[counts.index(max(counts))]}: {max(counts) / len(truth):.1%}")

# %% [markdown]
# One rung is missing: the same network *from scratch*, that is, from random weights. It gets the same images, the same
# nine epochs, and the learning rate that did best on validation images. It trains for half a minute, and again nothing
# shows until it ends.

# %%
from course_utils.quiz import found, predict

predict("01.5")

# %%
fresh = vision_learner(few, network, pretrained=False, metrics=accuracy, cbs=ReestimateBatchNorm())
with fresh.no_logging():
    fresh.fit_one_cycle(9, 2e-3)
    scratch = fresh.validate(dl=few.test)[1]
print(f"from scratch {scratch:.1%}, fine-tuned {by_few:.1%}")

# %%
found("01.5", 100 * (by_few - scratch))

# %% [markdown]
# ## Was it luck?
#
# Other training images and random weights would have given other numbers. So the course ran the ladder with ten
# [*seeds*](../docs/glossary.md#seed), each with its own training images, at the learning rates that did best on
# validation images (for fine-tuning with 20 labels per class 2e-2, where our run took 5e-3). That took half an hour;
# `recorded` reads what came out.

# %% tags=["recorded"]
import pandas as pd

from course_utils.experiments import Experiment, all_rungs
from course_utils.tasks import ImageTask
from course_utils.training import FineTune, FromScratch

# labels per class: the learning rates from scratch and fine-tuned
RATES = {20: (2e-3, 2e-2), 60: (5e-3, 5e-3)}


# %% tags=["recorded:ladder"]
def ladder(seed):
    task, tables = ImageTask("recycling", size=72, bs=16, flip=True), []
    for labels, (scratch_lr, tuned_lr) in RATES.items():
        methods = [*all_rungs(flip=True), FromScratch(9, scratch_lr), FineTune(9, tuned_lr, lr_mult=3)]
        tables.append(Experiment(task, methods, labels=[labels], seeds=[seed]).run())
    return pd.concat(tables)


# %%
from course_utils.experiments import recorded

runs = recorded("01/ladder")
runs

# %% [markdown]
# The column `labels` counts labelled images per class. The differences below are paired: for each seed, both methods got
# the same training images. All seeds share one test set of 431 images, so the intervals don't include its luck.

# %%
from course_utils.display import points

others = ("from scratch", "SVM on pixels", "linear probe at the best depth", "multi-depth probe")
pairs = [("from scratch", "SVM on pixels"), *(("fine_tune", other) for other in others)]
table = {"compared": [f"{first} minus {second}" for first, second in pairs]}
for labels in (20, 60):
    gaps = [points(*runs.difference(*pair, labels=labels)) for pair in pairs]
    table[f"{labels} labels per class"] = gaps
show_table(pd.DataFrame(table), "Percentage points of accuracy")

# %%
from course_utils.plots import plot_learning_curve

shown = ["SVM on pixels", "from scratch", "multi-depth probe", "fine_tune"]
curves = runs.table[runs.table.strategy.isin(shown)]
plot_learning_curve(curves, title="The pre-trained body is what pays here")


# %% [markdown]
# From scratch, nine epochs don't match an SVM on pixels. With 20 labels per class the multi-depth probe is ahead of
# fine-tuning; with 60, ten runs can't tell. What pays is the pre-trained body. For the plant, 360 photos are a start. About
# 70% are right: three in ten still end up in the wrong bin.

# %% [markdown]
# Are nine epochs too few from scratch? Here are ten more runs with 20 labels per class and four times as many epochs, at
# a learning rate chosen for them:

# %% tags=["recorded:longer"]
def longer(seed):
    task = ImageTask("recycling", size=72, bs=16, flip=True)
    return Experiment(task, [FromScratch(36, 1e-2)], labels=[20], seeds=[seed]).run()


# %%
from course_utils.statistics import paired_difference

long = recorded("01/longer").scores("from scratch")
for other in ("from scratch", "SVM on pixels", "fine_tune"):
    gap = points(*paired_difference(long, runs.scores(other, labels=20)))
    print(f"from scratch, 36 epochs, minus {other} as above: {gap} points")

# %% [markdown]
# Training longer adds about five points. It catches up with the SVM, and stays ten points behind fine-tuning,
# which had only nine epochs.

# %% [markdown]
# ## Your own image
#
# Put something from your bin on a sheet of paper, photograph it and upload the photo. Until then, you see a test image.

# %%
from fastai.vision.core import PILImage

from course_utils.controls import classify_control

classify_control(learn, PILImage.create(images[0]))

# %%
ask("01.4")


# %% [markdown]
# The probabilities of the six materials add up to 100%, whatever the photo shows.

# %% [markdown]
# Do you have a folder of photos, with a sub-folder for each class? `data.images("my_folder")` loads it in place of
# `data.recycling(...)`, and the lines after it stay as they are.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 01.A — accuracy by hand
#
# `probabilities` has one row for each test image and one column for each material; `truth` holds the true materials, as
# column numbers. Write `share_right(probabilities, truth)`, which returns the share of images whose most probable
# material is the true one. Call it on the two, and compare: does it return the accuracy that you saw above?

# %% tags=["solution"]
def share_right(probabilities, truth):
    ### BEGIN SOLUTION
    return (probabilities.argmax(dim=1) == truth).float().mean().item()
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("01.A", share_right)

# %% [markdown] tags=["exercise"]
# ### Exercise 01.B — cars or trucks
#
# Fine-tune a network that tells cars from trucks: load `data.vehicles("cars or trucks")` with 50 labelled images per
# class at `size=48` and with `bs=16`, and write the other lines yourself. Call the loaders
# `dls_vehicles`, so that `dls` stays what it is above, and the trained learner `learn_vehicles`. The check tests it on
# images that it has not seen.

# %% tags=["solution"]
### BEGIN SOLUTION
dls_vehicles = data.vehicles("cars or trucks", n_per_class=50, size=48, bs=16)
learn_vehicles = vision_learner(dls_vehicles, network, metrics=accuracy, cbs=ReestimateBatchNorm())
with learn_vehicles.no_bar(), learn_vehicles.no_logging():
    learn_vehicles.fine_tune(8, 5e-3, lr_mult=3)
### END SOLUTION

# %% tags=["check"]
check("01.B", learn_vehicles)

# %% [markdown]
# ## What would break this
#
# - **Other photos.** These images show one object on a plain background. On a moving belt, objects overlap and are
#   dirty; collect and label photos from there.
# - **Far more labels and time.** With enough of both, random weights can catch up, as
#   [He et al. 2018](https://arxiv.org/abs/1811.08883) found for object detectors. From 20 to 60 labels per class here,
#   the gap grew.
# - **Using the test set to choose.** If you choose a learning rate with it, the accuracy on it is optimistic.

# %% [markdown]
# ## Recap
#
# - Fine-tuning takes a network that was trained for one task and trains it further for another.
# - The six steps: choose a network, prepare the data, replace the head, freeze the body, train, evaluate.
# - The new head starts from random weights, so it is trained first, on a frozen body.
# - A ladder of baselines on the same split tells you what an accuracy is worth. With 20 labels per class, the
#   multi-depth probe was ahead.
# - A classifier picks one of its classes for any image at all.

# %% [markdown]
# ## Quiz

# %%
ask("01.6")

# %%
ask("01.7")

# %%
ask("01.8")

# %%
from course_utils.quiz import summary

summary("01")

# %% [markdown]
# ## Further reading
#
# - [fastai's vision tutorial](https://docs.fast.ai/tutorial.vision.html): the same lines on other data.
# - [TrashNet](https://github.com/garythung/trashnet): where these photos come from.
# - [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792): which layers transfer, and how well.
# - [Kumar et al. 2022](https://arxiv.org/abs/2202.10054): why to train the head first.
