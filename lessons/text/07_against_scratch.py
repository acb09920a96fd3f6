# %% [markdown]
# # 07 · When does fine-tuning win, and by how much?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/07_against_scratch.ipynb)
#
# A car park charges trucks more than cars and wants a camera at its barrier to tell them apart. One supplier trains a
# network from scratch, another fine-tunes a pre-trained one. Who should get the contract, and how many photos have to
# be labelled?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("07_against_scratch")

# %% [markdown]
# ## Predict first
#
# Both suppliers use the same kind of network and get the same 50 labelled photos per class. Each may choose its own
# learning rate, and training from scratch gets twice as many epochs.

# %%
from course_utils.quiz import ask, found, predict

predict("07.1")

# %% [markdown]
# ## A first duel
#
# The task is `cars`: car or truck? For each number of labelled images per class, `SCRATCH` and `TUNED` hold the
# epochs and the learning rate of the two suppliers. You'll see below how these were chosen.

# %% tags=["recorded"]
from course_utils.tasks import ImageTask

cars = ImageTask("vehicles", size=48, bs=20, flip=True, split=(250, 250))
# labels per class: epochs and learning rate
SCRATCH = {5: (40, 1e-2), 50: (20, 3e-3)}
TUNED = {5: (20, 1e-2), 50: (10, 3e-3)}

# %%
from course_utils.experiments import Experiment
from course_utils.training import FineTune, FromScratch

duel = [FromScratch(*SCRATCH[50]), FineTune(*TUNED[50], lr_mult=3)]
one_run = Experiment(cars, duel, labels=[50], seeds=[0]).run()
one_run[["strategy", "steps", "seconds", "score"]].round(3)

# %% [markdown]
# `score` is the accuracy on test images, which are the same for both networks. Here are a few of them. Would you have
# recognised the car or the truck in each?

# %%
from course_utils.plots import plot_images

dls = cars.load(seed=0, labels=50)
some = [dls.test.dataset[number] for number in range(0, 500, 42)]
plot_images([image for image, _ in some], [dls.vocab[label] for _, label in some])

# %% [markdown]
# That was one run each. Before you believe it, ask what differed between the two besides their starting weights. Here
# the schedule did, too: `FineTune` trains the head first, and then the early layers more slowly.

# %%
ask("07.2")

# %% [markdown]
# A duel is fair if only the starting weights differ: both get images that are normalised alike, the learning rate that
# suits each best, and as many steps as each can use.

# %% [markdown]
# ## Each supplier chooses its own learning rate
#
# A learning rate that suits a pre-trained network may not suit random weights. So let each strategy try the same
# four, and keep the one that does best on validation images. `Experiment` does that if you pass it `lrs`.

# %%
rivals = [FromScratch(6), FineTune(6, lr_mult=3)]
trial = Experiment(cars, rivals, labels=[20], seeds=[0], lrs=[3e-3, 1e-2, 3e-2, 1e-1])
_ = trial.run()
tried = trial.tuning.pivot(index="strategy", columns="lr", values="score")
tried.map("{:.1%}".format).assign(chosen=tried.idxmax(axis=1))

# %% [markdown]
# Each column is a learning rate, each number the validation accuracy of a single run. If the best one is at the edge
# of the grid, the grid should be wider. The learning rates in `SCRATCH` and `TUNED` were chosen in
# this way, on the photographs, with seeds that aren't used below.

# %%
ask("07.8")

# %% [markdown]
# ## With 5 and with 50 labels per class
#
# One run of each can't decide, so the course recorded ten. It added two cheaper rungs of the ladder: an
# [SVM](../docs/glossary.md#svm) on pixels, and a [probe](../docs/glossary.md#linear-probe) over several depths of the
# pre-trained body. Guessing gets half of the images right.

# %%
import pandas as pd

from course_utils.experiments.ladder import PixelSVM
from course_utils.training import MultiDepthProbe


# %% tags=["recorded"]
def ladder(labels, seed):
    networks = [FromScratch(*SCRATCH[labels]), FineTune(*TUNED[labels], lr_mult=3)]
    methods = [PixelSVM(flip=True), MultiDepthProbe(flip=True), *networks]
    return Experiment(cars, methods, labels=[labels], seeds=[seed]).run()


# %% tags=["recorded:few"]
def few(seed):
    return pd.concat([ladder(5, seed), ladder(50, seed)])


# %%
from course_utils.experiments import recorded

recorded("07/few")

# %%
from course_utils.display import points, show_result

gain = {n: recorded("07/few").difference("fine_tune", "from scratch", labels=n) for n in (5, 50)}
for labels, lead in gain.items():
    print(f"{labels:>2} labels per class: fine-tuned minus from scratch {points(*lead)} points")
worst = recorded("07/few").scores("fine_tune", labels=5).min()
print(f"the worst of ten networks that were fine-tuned with 5 labels per class: {worst:.1%}")
found("07.1", 100 * gain[50][0])

# %% [markdown]
# Each seed draws its own training and test images, the same for every method, so differences are paired. With 50
# labels per class, fine-tuning is far ahead; between training from scratch and the SVM we saw no difference of more
# than 2.2 points. With 5, chance plays a large part: the worst network is below guessing, and intervals are wide.

# %%
ask("07.3")


# %% [markdown]
# ## How many steps does it save?
#
# With 50 labels per class, fine-tuning took 10 epochs and training from scratch 20, of five
# [*steps*](../docs/glossary.md#step) each. How far does fine-tuning get in only 3 epochs, again with a learning rate
# chosen for that length?

# %% tags=["recorded:quick"]
def quick(seed):
    return Experiment(cars, [FineTune(3, 3e-3, lr_mult=3)], labels=[50], seeds=[seed]).run()


# %%
from course_utils.statistics import paired_difference

short, long = recorded("07/quick").scores("fine_tune"), recorded("07/few").scores("from scratch", labels=50)
print(f"fine-tuned for 3 epochs: {short.mean():.1%}; from scratch for 20: {long.mean():.1%}")
print(f"difference: {points(*paired_difference(short, long))} points")


# %% [markdown]
# Fine-tuning gets further in 15 steps than training from scratch does in 100. Would training from scratch catch up if
# we only gave it more time? We doubled its epochs once more, and again chose a learning rate for that length.

# %% tags=["recorded:longer"]
def longer(seed):
    return Experiment(cars, [FromScratch(40, 3e-3)], labels=[50], seeds=[seed]).run()


# %%
from_longer = recorded("07/longer").scores("from scratch")
lead = paired_difference(recorded("07/few").scores("fine_tune", labels=50), from_longer)
print(f"from scratch, 40 epochs instead of 20: {points(*paired_difference(from_longer, long))} points")
print(f"fine-tuned for 10 epochs minus from scratch for 40: {points(*lead)} points")

# %% [markdown]
# Twice the time changed little: these runs show no gain of more than three points. With 50 labels per class, time isn't
# what training from scratch lacks.

# %%
ask("07.7")

# %% [markdown]
# ## More labels
#
# Suppose that the car park labels 250 photos per class. Training from scratch again gets twice as many epochs.
# Fine-tuning keeps its learning rate from 50 labels, without a new search.

# %% tags=["recorded"]
SCRATCH[250] = (8, 3e-3)
TUNED[250] = (4, 3e-3)


# %% tags=["recorded:many"]
def many(seed):
    return ladder(250, seed)


# %% [markdown]
# Are eight epochs enough for training from scratch, now that it has more to learn from? We also gave it 32, at the same
# learning rate.

# %% tags=["recorded:longest"]
def longest(seed):
    return Experiment(cars, [FromScratch(32, 3e-3)], labels=[250], seeds=[seed]).run()


# %%
recorded("07/many")

# %%
runs = {5: recorded("07/few"), 50: recorded("07/few"), 250: recorded("07/many")}
from_long = recorded("07/longest").scores("from scratch")
more = paired_difference(from_long, runs[250].scores("from scratch"))
gain[250] = paired_difference(runs[250].scores("fine_tune"), from_long)
print(f"from scratch for 32 epochs: {from_long.mean():.1%}; minus for 8: {points(*more)} points")
print(f"fine-tuned for 4 epochs minus from scratch for 32: {points(*gain[250])} points")

# %%
from course_utils.plots import plot_learning_curve

others = runs[250].table.query("strategy != 'from scratch'")
curves = pd.concat([runs[50].table, others, recorded("07/longest").table])
plot_learning_curve(curves, title="Cars or trucks: the pre-trained body pays")

# %% [markdown]
# Eight epochs stopped training from scratch too early: 32 about halve fine-tuning's lead, and more may shrink it
# further. In the figure, which shows the longer training, both methods that use the pre-trained body are still ahead
# with 50 and 250 labels per class. With 5, intervals are wide.

# %% [markdown]
# ## How many labels does it save?
#
# So far you've read the figure *up*: for the same number of labels, how far apart are the accuracies? Now read it
# *across*: how many labels do two methods need for the same accuracy? The ratio is the *label-saving factor*.

# %%
ask("07.5")

# %% [markdown]
# The interval comes from the *bootstrap*: draw ten seeds from the ten with replacement, read the factor off their
# mean curves, and do this a thousand times. The interval holds the middle 95% of the readings.

# %%
from course_utils.experiments.label_efficiency import crossing, label_saving

for labels in (5, 50):
    factor = label_saving(curves, "fine_tune", "from scratch", labels=labels)
    print(f"fine-tuned with {labels:>2} labels per class; from scratch needs this many times as many: {factor}")

# %% [markdown]
# With 5 labels per class the factor is very uncertain, though its whole interval is above 1. "More than 5.0" means
# that training from scratch didn't get there with 250 labels, five times as many. We don't extend a curve beyond its
# last point.

# %% [markdown]
# ## The closer rival
#
# The probe uses the pre-trained body, too, and trains only a linear model. From how many labels on is fine-tuning
# ahead of it? Two curves meet at their *crossing point*.

# %%
for labels, record in runs.items():
    lead = points(*record.difference("fine_tune", "multi-depth probe", labels=labels))
    print(f"{labels:>3} labels per class: fine-tuned minus probe {lead} points")
print(f"crossing point, in labels per class: {crossing(curves, 'fine_tune', 'multi-depth probe')}")

# %% [markdown]
# With 50 labels per class, fine-tuning is ahead. With 5 and with 250, these runs don't decide; we saw no lead of more
# than 3.3 points either way. The crossing point only compares means, so it can't settle that. A probe has no epochs
# or learning rate to choose: measure it first.

# %% [markdown]
# ## Where it isn't worth it
#
# Many tutorials start with handwritten digits. They are small and centred on an empty background, which suits methods
# that compare pixels. These are ten recorded runs with 5 labelled images per digit:

# %% tags=["recorded"]
digits = ImageTask("digits", size=32, bs=20, split=(0.3, 0.3))


# %% tags=["recorded:easy"]
def easy(seed):
    methods = [PixelSVM(), MultiDepthProbe(), FineTune(15, 1e-2, lr_mult=3)]
    return Experiment(digits, methods, labels=[5], seeds=[seed]).run()


# %%
on_digits = recorded("07/easy")
for rival in ("SVM on pixels", "multi-depth probe"):
    print(f"fine-tuned minus {rival}: {points(*on_digits.difference('fine_tune', rival))} points")
on_digits

# %% [markdown]
# An SVM on raw pixels and a probe, each fitted in seconds, are two to three points ahead of fine-tuning, though
# fine-tuning has the learning rate that did best, of four, on validation images.

# %%
ask("07.4")

# %% [markdown]
# Where you can't tell two methods apart by their accuracy, take the one that costs less. You only learn which that is
# if you measure the cheaper rungs.

# %% [markdown]
# ## What you no longer have to choose
#
# | choice | fine-tuning | from scratch |
# |---|---|---|
# | kind, number and width of layers | come with the weights | yours, or taken from a published network |
# | which weights to start from, what to freeze | yours | doesn't arise |
# | learning rate, epochs, augmentation | yours | yours |
#
# Fine-tuning leaves you about as many choices. But each is cheaper to try with fewer epochs, here half as many:

# %%
cost = one_run.set_index("strategy").seconds
for strategy, seconds in cost.items():
    print(f"{strategy}: four learning rates with 50 labels per class take {4 * seconds:.0f} seconds on this machine")

# %% [markdown]
# ## The bill
#
# A bill has two lines: the people who label, and the machines that train. Put your own numbers into the next cell:
# time yourself on ten photos, and look up your provider's price.

# %%
seconds_per_label, wage, gpu_price = 6, 20, 2  # wage and price per hour, in your currency


def bill(labels, seconds_of_training):
    people = labels * seconds_per_label / 3600 * wage
    machine = seconds_of_training / 3600 * gpu_price
    return f"labels {people:.2f}, machine {machine:.3f}, in all {people + machine:.2f}"


# %% [markdown]
# Suppose that fine-tuning gets 50 labels per class and training from scratch 250. The network is the same, so we
# assume that the time grows with the number of images it sees, and charge this machine's seconds at your GPU price:

# %%
seen = {"fine_tune": 100 * TUNED[50][0], "from scratch": 500 * 32}
per_image = cost["fine_tune"] / seen["fine_tune"]
accuracy = curves.groupby(["strategy", "labels"]).score.mean()
for strategy, labels in {"fine_tune": 50, "from scratch": 250}.items():
    print(f"{strategy}, {accuracy[strategy, labels]:.1%}: {bill(2 * labels, seen[strategy] * per_image)}")

# %% [markdown]
# Training from scratch is less accurate even with five times as many labels, so the supplier that fine-tunes should
# get the contract. How many photos to label depends on the accuracy you need. Validation and test images need labels,
# too; this bill leaves them out.

# %%
ask("07.6")

# %% [markdown]
# Somebody has paid for the pre-training, though. *GPU-hours* are the number of GPUs times the hours that each of them
# ran.

# %%
from course_utils.backbones import training_record

published = {"VGG, 2014": 4 * 14 * 24, "ResNet-50 by recipe A1, 2021": 4 * 110}
for network, hours in published.items():
    print(f"{network}: {hours:,} GPU-hours, {hours * gpu_price:,} at your price")
print(f"the network of this course: {training_record()['minutes'] / 60:.1f} hours on a CPU")

# %% [markdown]
# [VGG's authors](https://arxiv.org/abs/1409.1556) report two to three weeks on four GPUs; the cell counts two weeks.
# The authors of [ResNet-50's recipe A1](https://arxiv.org/abs/2110.00476) report 110 hours on four. That's far too much
# for one small task, but pre-training is paid for once, and everybody who uses the weights shares the cost.

# %% tags=["result"]
leads = "; ".join(f"{labels} labels {points(*lead)}" for labels, lead in gain.items())
ahead = min(mean for mean, _ in gain.values()) > 0
show_result(f"fine-tuned minus from scratch, in points, by labels per class: {leads}", expected=ahead)


# %% [markdown]
# ## Do's and don'ts
#
# - **Do** give the baseline its own learning rate and more epochs, so that these can't explain a lead.
# - **Do** measure the cheap rungs first. On digits, you might stop there.
# - **Don't** extend a curve beyond its last point. Say "more than".
# - **Don't** compare costs without counting the labels.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 07.A — how many labels for 75%?
#
# The car park asks for an accuracy. Write `labels_for(table, strategy, target)`, which returns the smallest measured
# number of labels per class at which the strategy's mean score, over all seeds, is at least `target`, or `None` if
# there is none. Try it on `curves`, with the accuracy in the title.

# %% tags=["solution"]
def labels_for(table, strategy, target):
    ### BEGIN SOLUTION
    means = table[table.strategy == strategy].groupby("labels").score.mean()
    reached = means.index[means >= target]
    return int(reached.min()) if len(reached) else None
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("07.A", labels_for, curves=curves)


# %% [markdown] tags=["exercise"]
# ### Exercise 07.B — is the grid wide enough?
#
# `tried` has a row for each strategy and a column for each learning rate. Write `inner_best(tried, strategy)`, which
# returns the learning rate with the best validation accuracy, or `None` if that is the smallest or the largest one that
# was tried.

# %% tags=["solution"]
def inner_best(tried, strategy):
    ### BEGIN SOLUTION
    best = tried.loc[strategy].idxmax()
    return None if best in (tried.columns.min(), tried.columns.max()) else float(best)
    ### END SOLUTION


# %% tags=["check"]
check("07.B", inner_best, tried=tried)

# %% [markdown]
# ## What would break this
#
# - **More labels.** Our curves end at 250 per class. With far more, training from scratch can catch up, as [He et al.
#   2018](https://arxiv.org/abs/1811.08883) found for object detectors.
# - **Images unlike the source.** The pre-trained body has seen everyday things, some vehicles among them. On medical
#   images it may bring less, as [Raghu et al. 2019](https://arxiv.org/abs/1902.07208) report for two large tasks.
# - **Another network.** All figures are for this small one, on photos of 32 pixels enlarged to 48. With yours,
#   training from scratch may need more labels, or fewer.

# %% [markdown]
# ## Recap
#
# - Whether fine-tuning wins depends on its rival: training from scratch, a probe, or an SVM on pixels.
# - A lead can be read in points, in labels or in steps: say which, with an interval.
# - A fair baseline has its own learning rate, from inside the grid, and enough epochs: check whether more would help.
# - Fine-tuning leaves you most of the choices. With fewer epochs, each of them is cheaper to try.
# - Labels make up most of a small bill, so a method that saves labels saves money.

# %% [markdown]
# ## Quiz

# %%
ask("07.9")

# %%
from course_utils.quiz import summary

summary("07")

# %% [markdown]
# ## Further reading
#
# - [He et al. 2018](https://arxiv.org/abs/1811.08883): training from scratch catches up, given data and time.
# - [Kornblith et al. 2019](https://arxiv.org/abs/1805.08974): which networks transfer, and where little is gained.
# - [Hendrycks et al. 2019](https://arxiv.org/abs/1901.09960): what pre-training changes besides accuracy.
# - [Raghu et al. 2019](https://arxiv.org/abs/1902.07208): medical images, where it brings less than you might expect.
