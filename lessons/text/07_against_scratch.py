# %% [markdown]
# # 07 · When does fine-tuning win, and by how much?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/07_against_scratch.ipynb)
#
# A car park charges trucks more than cars and wants a camera at its barrier to tell them apart. One supplier offers a
# network of its own, trained from scratch; another fine-tunes. Who should get the contract, and how many photos must be
# labelled?
#
# *Time: 30 minutes. You need lesson 01; lessons 05 and 06 help.*

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
# Both suppliers use the same network and get the same 50 labelled photos per class. Each may choose its own learning
# rate, and training from scratch may take twice as many epochs.

# %%
from course_utils.quiz import ask, found, predict

predict("07.1")

# %% [markdown]
# ## A first duel
#
# `cars` is the task. For each number of labelled images per class, `SCRATCH` and `TUNED` name the epochs and the learning rate
# of the two suppliers. You'll see soon where the learning rates come from.

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
# `score` is the accuracy on test images. Both networks were judged on the same ones, and here are a few of them. Would
# you have known a car from a truck in all of them?

# %%
from course_utils.plots import plot_images

dls = cars.load(seed=0, labels=50)
some = [dls.test.dataset[number] for number in range(0, 500, 42)]
plot_images([image for image, _ in some], [dls.vocab[label] for _, label in some])

# %% [markdown]
# That was one run each. Before you believe such a comparison, ask what else differed between the two besides the weights
# that they started from.

# %%
ask("07.2")

# %% [markdown]
# ## Each supplier chooses its own learning rate
#
# A learning rate that suits a pre-trained network may not suit random weights. So let each one try the same four and
# keep the one that does best on validation images. `Experiment` does that when you give it `lrs`.

# %%
rivals = [FromScratch(6), FineTune(6, lr_mult=3)]
trial = Experiment(cars, rivals, labels=[20], seeds=[0], lrs=[1e-3, 3e-3, 1e-2, 3e-2])
_ = trial.run()
tried = trial.tuning.pivot(index="strategy", columns="lr", values="score")
tried.map("{:.1%}".format).assign(chosen=tried.idxmax(axis=1))

# %% [markdown]
# Columns are learning rates, and the numbers are validation accuracies of one run each. Does the best one lie inside the
# grid? If not, widen the grid. Those in `SCRATCH` and `TUNED` were found so,
# on photographs, with seeds that take no part in what follows; for 250 labels, `TUNED` kept that of 50.

# %%
ask("07.8")

# %% [markdown]
# ## With 5 and with 50 labels per class
#
# A duel needs many seeds, and rivals on the cheaper rungs of the ladder: an SVM on pixels, and a probe over several depths
# of the pre-trained body. Guessing gets half of the images right. The course recorded these runs:

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
gain = {n: recorded("07/few").difference("fine_tune", "from scratch", labels=n) for n in (5, 50)}
for labels, (mean, half) in gain.items():
    print(f"{labels:>2} labels per class: fine-tuned minus from scratch {100 * mean:+.1f} ± {100 * half:.1f} points")
worst = recorded("07/few").scores("fine_tune", labels=5).min()
print(f"the worst of ten networks that were fine-tuned with 5 labels per class: {worst:.1%}")
found("07.1", 100 * gain[50][0])

# %% [markdown]
# Differences are paired: each seed has training and test images of its own, the same for all methods. With 50 labels per
# class, training from scratch is level with an SVM on pixels, and fine-tuning is far ahead. With 5, much is luck: look at
# the worst network.

# %%
ask("07.3")


# %% [markdown]
# ## How many steps does it save?
#
# With 50 labels per class, fine-tuning took 10 epochs and training from scratch 20. What is left of fine-tuning if it gets
# only 3, again with a learning rate chosen for that length?

# %% tags=["recorded:quick"]
def quick(seed):
    return Experiment(cars, [FineTune(3, 3e-3, lr_mult=3)], labels=[50], seeds=[seed]).run()


# %%
from course_utils.statistics import paired_difference

short, long = recorded("07/quick").scores("fine_tune"), recorded("07/few").scores("from scratch", labels=50)
mean, half = paired_difference(short, long)
print(f"fine-tuned for 3 epochs: {short.mean():.1%}; from scratch for 20: {long.mean():.1%}")
print(f"difference: {100 * mean:+.1f} ± {100 * half:.1f} points")

# %% [markdown]
# In 3 epochs against 20, fine-tuning gets further. We haven't tried more than 20 epochs from scratch, though. So
# this doesn't say where it would end up.

# %%
ask("07.7")

# %% [markdown]
# ## More labels
#
# Now suppose that the car park labels 250 photos per class. Again training from scratch gets twice as many epochs.

# %% tags=["recorded"]
SCRATCH[250] = (8, 3e-3)
TUNED[250] = (4, 3e-3)


# %% tags=["recorded:many"]
def many(seed):
    return ladder(250, seed)


# %%
recorded("07/many")

# %%
runs = {5: recorded("07/few"), 50: recorded("07/few"), 250: recorded("07/many")}
gain[250] = mean, half = runs[250].difference("fine_tune", "from scratch")
print(f"250 labels per class: fine-tuned minus from scratch {100 * mean:+.1f} ± {100 * half:.1f} points")

# %%
from course_utils.plots import plot_learning_curve

curves = pd.concat([recorded("07/few").table, recorded("07/many").table])
plot_learning_curve(curves, title="Cars or trucks: the pre-trained body is what pays")

# %% [markdown]
# ## How many labels does it save?
#
# So far you've read the figure *up*: at equal labels, how far apart are the accuracies? Now read it *across*: at equal
# accuracy, how far apart are the labels? That is the *label-saving factor*, and it's what the car park wants to know.

# %%
ask("07.5")

# %% [markdown]
# The interval comes from the *bootstrap*: draw ten seeds from the ten with replacement, read the curves again, and
# repeat a thousand times. Without the lowest and the highest fortieth, those readings span the interval.

# %%
from course_utils.experiments.label_efficiency import crossing, label_saving

for labels in (5, 50):
    factor = label_saving(curves, "fine_tune", "from scratch", labels=labels)
    print(f"fine-tuned with {labels:>2} labels per class; from scratch needs this many times as many: {factor}")

# %% [markdown]
# "More than" means that training from scratch wasn't there with the most labels that we tried. Then we know a lower
# bound, and no factor: the curve isn't extended beyond its last point.

# %% [markdown]
# ## The closer rival
#
# Training from scratch is the weaker rival here. The probe uses the pre-trained body too, and trains nothing but a linear
# model. From how many labels on is fine-tuning ahead of it? Where two curves meet is their *crossing point*.

# %%
for labels, record in runs.items():
    mean, half = record.difference("fine_tune", "multi-depth probe", labels=labels)
    print(f"{labels:>3} labels per class: fine-tuned minus probe {100 * mean:+.1f} ± {100 * half:.1f} points")
print(f"crossing point, in labels per class: {crossing(curves, 'fine_tune', 'multi-depth probe')}")

# %% [markdown]
# With 50 labels per class, fine-tuning is ahead. With 5 and with 250 these runs can't tell the two apart, so they see no lead
# of more than a few points either way. A probe is fitted in seconds: always ask it first.

# %% [markdown]
# ## Where it isn't worth it
#
# Handwritten digits are the task of many a tutorial. They are small, centred and free of background, which makes life
# easy for methods that compare pixels. Here is one run of each method, with 5 labels per digit:

# %%
digits = ImageTask("digits", size=32, bs=20, split=(0.3, 0.3))
methods = [PixelSVM(), MultiDepthProbe(), FineTune(15, 1e-2, lr_mult=3)]
easy = Experiment(digits, methods, labels=[5], seeds=[0]).run()
easy[["strategy", "score", "seconds"]].round(3)

# %% [markdown]
# One run illustrates and decides nothing. But where an SVM on raw pixels comes this close in a second, a network has to
# show first that it's worth its price.

# %%
ask("07.4")

# %% [markdown]
# ## What you no longer have to choose
#
# | choice | fine-tuning | from scratch |
# |---|---|---|
# | kind, number and width of layers | come with the weights | yours, or taken from a published network |
# | which weights to start from, what to freeze | yours | doesn't arise |
# | learning rate, epochs, augmentation | yours | yours |
#
# Fine-tuning leaves you about as many choices as before, but each is cheaper to try:

# %%
cost = one_run.set_index("strategy").seconds
for strategy, seconds in cost.items():
    print(f"{strategy}: four learning rates with 50 labels per class take {4 * seconds:.0f} seconds on this machine")

# %% [markdown]
# ## The bill
#
# A bill has two lines: people who label, and machines that train. Put your own numbers into the next cell. Time yourself
# on ten photos, and look up your provider's price.

# %%
seconds_per_label, wage, gpu_price = 6, 20, 2  # wage and price per hour, in your currency


def bill(labels, seconds_of_training):
    people = labels * seconds_per_label / 3600 * wage
    machine = seconds_of_training / 3600 * gpu_price
    return f"labels {people:.2f}, machine {machine:.3f}, in all {people + machine:.2f}"


# %% [markdown]
# Give fine-tuning 50 labels per class and training from scratch 250. Both train the same network, so let's take it that
# the seconds grow with the number of images that it sees:

# %%
seen = {"fine_tune": 100 * TUNED[50][0], "from scratch": 500 * SCRATCH[250][0]}
per_image = cost["fine_tune"] / seen["fine_tune"]
for strategy, labels in {"fine_tune": 50, "from scratch": 250}.items():
    accuracy = runs[labels].scores(strategy, labels=labels).mean()
    print(f"{strategy}, {accuracy:.1%}: {bill(2 * labels, seen[strategy] * per_image)}")

# %%
ask("07.6")

# %% [markdown]
# Somebody has paid for the pre-training, though. *GPU-hours* are the number of GPUs times the hours that they worked.

# %%
from course_utils.backbones import training_record

published = {"VGG, 2014": 4 * 14 * 24, "ResNet-50 by recipe A1, 2021": 4 * 110}
for network, hours in published.items():
    print(f"{network}: {hours:,} GPU-hours, {hours * gpu_price:,} at your price")
print(f"the network of this course: {training_record()['minutes'] / 60:.1f} hours on a CPU")

# %% [markdown]
# [VGG's authors](https://arxiv.org/abs/1409.1556) report two to three weeks on four GPUs; the cell counts two.
# [ResNet-50's recipe A1](https://arxiv.org/abs/2110.00476) took 110 hours on four. For one small task that would be absurd.
# Reuse makes it cheap: the pre-training is paid for once, and everybody who starts from the weights shares the bill.

# %% tags=["result"]
points = {labels: f"{100 * mean:+.1f} ± {100 * half:.1f}" for labels, (mean, half) in gain.items()}
assert min(mean for mean, _ in gain.values()) > 0, "the recorded runs should show a lead: restore the file"
print(f"fine-tuned minus from scratch, in points by labels per class: {points}")


# %% [markdown]
# ## Do's and don'ts
#
# - **Do** give the baseline its own learning rate and more epochs. A lead that survives this is one of the weights.
# - **Do** measure the cheap rungs first. On digits you'd stop there.
# - **Don't** extend a curve beyond its last point. Say "more than".
# - **Don't** compare on bills that leave out the labels.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 07.A — how many labels for 75%?
#
# The car park names an accuracy. Write `labels_for(table, strategy, target)`, which returns the smallest measured number
# of labels per class at which the strategy's mean score, over all seeds, is at least `target`. Where none is, it returns
# `None`. Try it on `curves`.

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
# - **More labels.** Our curves end at 250 per class. With far more, training from scratch can catch up:
#   [He et al. 2018](https://arxiv.org/abs/1811.08883).
# - **Images unlike the source.** The pre-trained body has seen photographs of everyday things. On medical scans it may bring
#   less: [Raghu et al. 2019](https://arxiv.org/abs/1902.07208).
# - **Another network.** All figures are for this small one, at 48 pixels. Yours may need more labels from scratch, or fewer.

# %% [markdown]
# ## Recap
#
# - Whether fine-tuning wins depends on the rival: training from scratch, a probe, or an SVM on pixels.
# - A lead can be read in points, in labels or in steps: say which, with an interval.
# - A fair baseline has its own learning rate, from inside the grid, and more epochs.
# - Fine-tuning leaves you most of the choices, and makes each of them cheaper to try.
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
# - [Raghu et al. 2019](https://arxiv.org/abs/1902.07208): medical images, where it brings less than one expects.
