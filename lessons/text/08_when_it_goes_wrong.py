# %% [markdown]
# # 08 · When does fine-tuning go wrong, how do I notice, and what helps?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/08_when_it_goes_wrong.ipynb)
#
# Most failures raise no error. You provoke eight of them on purpose, look at the sign that gives each away, try its
# cures, and keep the figures before and after.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("08_when_it_goes_wrong")

# %% [markdown]
# ## Predict first
#
# The images are slices of heads, some with a lesion. Code made them from a seed: they are *synthetic*, and nothing
# medical follows from them. The troubles are those of real ones.

# %%
from course_utils.quiz import ask

ask("08.1")

# %%
from course_utils import data
from course_utils.plots import plot_images

scans = data.scans(prevalence=0.5, n_patients=12, seed=course.seed)
print(scans.about)
shown = [scans.test.dataset[place] for place in range(0, 30, 3)]
plot_images([image for image, _ in shown], [scans.vocab[label] for _, label in shown], columns=5)

# %% [markdown]
# These cells take your own images too (`help(data.images)`): with `COURSE_IMAGES=photographs`, put a folder `scans`
# into the data folder (`COURSE_DATA_DIR`), with one sub-folder for each class and a table `patients.csv` with the
# columns `file` and `patient`. The second class is the one to be found.

# %% [markdown]
# ## Once through the frozen part
#
# Many repeats in a minute need the trick of lesson 04: the body stays frozen, so each image passes it once. What may
# train are the network's old last layer, made for 200 kinds of things, and a new head on top of it.

# %%
import torch
from torch import nn

from course_utils.backbones import resnet18_half

network = resnet18_half(weights="DEFAULT").eval()
body = nn.Sequential(*list(network.children())[:-1], nn.Flatten())


# %%
@torch.no_grad()
def features(batches):
    found = [(body(x.cpu()), y.cpu()) for x, y in batches.new(shuffle=False, drop_last=False)]
    return [torch.cat(part).as_subclass(torch.Tensor).numpy() for part in zip(*found, strict=True)]


# %% [markdown]
# A *pool* is what this gives for all slices of many patients: features, classes, and whose they are. One pool is
# balanced, in the other 5% of the slices have a lesion. Both are drawn in four pieces, two at a time.

# %%
import numpy as np
import pandas as pd


def piece(seed, prevalence, patients):
    dls = data.scans(seed=seed, prevalence=prevalence, n_patients=patients, augment=False)
    whose = pd.factorize(dls.factors.patient)[0] + 1000 * seed
    found = [(*features(part), whose[list(part.items)]) for part in dls.loaders]
    return [np.concatenate(each) for each in zip(*found, strict=True)]


# %%
from course_utils.experiments import run_parallel
from course_utils.statistics import mean_interval, paired_difference

draws = range(1 if scans.masks is None else 4)  # your own images are there only once
drawn = run_parallel(piece, [(seed, *kind) for kind in ((0.5, 32), (0.05, 90)) for seed in draws])
halves = drawn[: len(draws)], drawn[len(draws) :]
even, rare = ([np.concatenate(each) for each in zip(*pieces, strict=True)] for pieces in halves)
for name, (_, y, whose) in {"balanced": even, "rare": rare}.items():
    print(f"{name} pool: {len(y)} slices of {len(set(whose))} patients, {y.mean():.0%} with a lesion")

# %% [markdown]
# Each comparison below is printed in percent with its 95% interval; brackets hold the change against the first line,
# paired by seed. All of them are kept for the figure at the end.

# %%
runs = []


def compare(trouble, measure, arms):
    scale, number = (1, "{:+.2f} ± {:.2f}") if "loss" in measure else (100, "{:+.1f} ± {:.1f}")
    for place, (arm, values) in enumerate(arms.items()):
        change = paired_difference(values, next(iter(arms.values())))
        mean, gain = (number.format(*(scale * part for part in pair)) for pair in (mean_interval(values), change))
        print(f"{arm}: {measure} {mean.lstrip('+')}", f"({gain})" if place else "")
        runs.extend((trouble, measure, arm, seed, value) for seed, value in enumerate(values))


# %% [markdown]
# ## Overfitting
#
# The sign: the training loss falls on while the validation loss turns. To provoke it, the old layer and a
# new head train on 48 slices for 40 epochs.

# %%
from copy import deepcopy

from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR


def tail(dropout=0.0, classes=2):
    return nn.Sequential(deepcopy(network.fc), nn.ReLU(), nn.Dropout(dropout), nn.Linear(200, classes))


# %% [markdown]
# Decay is written out: after each step, every weight goes a little way toward a goal. The usual goal is zero. The other
# is the *start*: [L2-SP, from 2018](https://arxiv.org/abs/1802.01483).

# %%
def step(part, rates, x, y, decay, goal):
    loss = cross_entropy(part.train()(x), y)
    loss.backward()
    rates.optimizer.step(), rates.optimizer.zero_grad()
    for weight, end in zip(part.parameters(), goal, strict=True):
        weight.data.lerp_(end, decay * rates.get_last_lr()[0])
    return rates.step() or loss.item()


# %%
def train(part, x, y, epochs=40, rate=3e-3, cycle=False, decay=0, goal=None):
    optimiser, steps = torch.optim.Adam(part.parameters(), rate, fused=True), len(y) // 16
    rates = OneCycleLR(optimiser, rate, epochs * steps) if cycle else LambdaLR(optimiser, lambda _: 1)
    goal = goal or [torch.zeros_like(weight) for weight in part.parameters()]
    for epoch in range(epochs):
        batches = torch.randperm(len(y)).split(16)[:steps]
        losses = [step(part, rates, x[epoch % len(x)][some], y[some], decay, goal) for some in batches]
        yield sum(losses) / steps, rates.get_last_lr()[0]


# %%
@torch.no_grad()
def look(part, x, y):
    scores = part.eval()(x)
    return cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% [markdown]
# Augmentation stands before the frozen part, so we store five versions of each training slice: rotated, mirrored and
# scaled by chance. Epochs take them in turn.

# %%
from fastai.vision.all import aug_transforms, set_seed

turned = aug_transforms(max_rotate=15, max_zoom=1.2, max_warp=0, max_lighting=0, p_affine=1.0)
few = {"n_per_class": 24, "prevalence": 0.5, "n_patients": 60, "split": (0.2, 0.35)}


def small(seed):
    plain, augmented = (data.scans(seed=100 + seed, augment=how, **few) for how in (False, turned))
    set_seed(seed)
    return [features(part) for part in plain.loaders], np.stack([features(augmented.train)[0] for _ in range(5)])


# %%
seeds = range(6)
smalls = [
    ([tuple(map(torch.from_numpy, part)) for part in parts], torch.from_numpy(versions))
    for parts, versions in run_parallel(small, [(seed,) for seed in seeds])
]
ARMS = {"nothing": {}, "dropout": {}, "augmentation": {}, "one-cycle": {"cycle": True}}
ARMS |= {"decay to zero": {"decay": 3}, "decay to start": {"decay": 3}}


# %% [markdown]
# Early stopping comes along: a run remembers its epoch of lowest validation loss, and after five epochs without a
# lower one it stops remembering. The run itself goes on, so that both can be compared.

# %%
def followed(part, epochs, valid, test, patience=5):
    rows, best = [], (float("inf"), 0)
    for epoch, (loss, rate) in enumerate(epochs, 1):
        now = look(part, *valid)[0]
        rows.append({"epoch": epoch, "train": loss, "valid": now})
        if now < best[0] and epoch - best[1] <= patience:
            best = now, epoch, rate, *look(part, *test)
    return rows, {"end": look(part, *test), "epoch": best[1], "rate": best[2], "stopped": best[3:]}


# %%
def curve(seed, arm):
    ((x, y), valid, test), versions = smalls[seed]
    torch.manual_seed(seed)
    part = tail(dropout=0.5 if arm == "dropout" else 0.0)
    start = [weight.detach().clone() for weight in part.parameters()] if arm == "decay to start" else None
    epochs = train(part, versions if arm == "augmentation" else x[None], y, goal=start, **ARMS[arm])
    return followed(part, epochs, valid, test)


# %%
calls = [(seed, arm) for arm in ARMS for seed in seeds]
found = dict(zip(calls, run_parallel(curve, calls), strict=True))
curves = pd.DataFrame([{"arm": arm, **row} for (_, arm), (rows, _) in found.items() for row in rows])
means = curves.groupby(["arm", "epoch"])[["train", "valid"]].mean()

# %%
import matplotlib.pyplot as plt

from course_utils.plots import show

figure, panels = plt.subplots(1, 2, sharey=True)
for axis, arm in zip(panels, ("nothing", "augmentation"), strict=True):
    means.loc[arm].plot(ax=axis, title=arm, ylabel="loss", style=["-", "--"])
last_losses = means.loc["nothing"].iloc[-1].round(2).to_dict()
show(figure, f"Loss over epochs, with and without augmentation; without, at the end: {last_losses}")


# %% [markdown]
# On the left, the sign. What do the cures bring on the test set?

# %%
def tested(arm, when, place):
    return [found[seed, arm][1][when][place] for seed in seeds]


cures = [arm for arm in ARMS if arm != "one-cycle"]
compare("overfitting", "test loss", {arm: tested(arm, "end", 0) for arm in cures})
compare("overfitting: accuracy", "accuracy", {arm: tested(arm, "end", 1) for arm in cures})

# %% [markdown]
# In our runs dropout and both decays lower the loss by more than their intervals, augmentation of frozen features
# doesn't, and no cure changes the accuracy by much. So look at both: an overfitted network is first of all too sure of
# itself.

# %% [markdown]
# ## Early stopping
#
# The same runs, once to the end and once with the weights of the remembered epoch. With one-cycle, that epoch may come
# while the learning rate is still high.

# %%
for arm, schedule in {"nothing": "constant rate", "one-cycle": "one-cycle"}.items():
    best = [found[seed, arm][1] for seed in seeds]
    rates = ", ".join(f"{run['rate'] / 3e-3:.0%}" for run in best)
    print(f"{schedule}: best epochs {[run['epoch'] for run in best]} of 40; rate then, of its peak: {rates}")
    for place, measure in enumerate(("test loss", "accuracy")):
        both = {"to the end": tested(arm, "end", place), "stopped": tested(arm, "stopped", place)}
        compare(f"stop{':' * (place or arm == 'nothing')}, {schedule}", measure, both)

# %% [markdown]
# Is it free? At a constant learning rate a stop is a shorter run, and it helps the loss here. Under one-cycle it leaves out the
# schedule's second half: the learning rate had hardly come down. That cost no accuracy that six seeds can see, but it is no longer
# one-cycle: take a shorter cycle instead.

# %% [markdown]
# ## A rare class
#
# Linear heads read the rare pool. `split_by_group` divides the slices by patient; a seed is a split.

# %%
from course_utils.data.groups import split_by_group


def divide(pool, seed, split=(0.2, 0.4)):
    x, y, whose = pool
    parts = split_by_group(y, whose, scans.vocab, None, seed, split)
    places = (parts.train, parts.valid, parts.test)
    return [[torch.from_numpy(each[part]) for each in (x, y)] for part in places]


# %%
def train_head(x, y, draw=None, loss=cross_entropy):
    head = nn.Sequential(nn.BatchNorm1d(x.shape[1]), nn.Linear(x.shape[1], 2))
    optimiser = torch.optim.AdamW(head.parameters(), 3e-3, weight_decay=1, fused=True)
    for _ in range(150):
        some = torch.multinomial(torch.ones(len(y)) if draw is None else draw, 128, replacement=True)
        loss(head(x[some]), y[some]).backward()
        optimiser.step(), optimiser.zero_grad()
    return head.eval()


# %% [markdown]
# Four trainings: nothing done; a loss that weighs lesions by their rarity; a draw that takes them as often as healthy
# slices; and [focal loss](https://arxiv.org/abs/1708.02002), which looks at hard images first.

# %%
from fastai.vision.all import FocalLossFlat


def ways(y):
    weight = torch.tensor([1.0, (y == 0).sum() / (y == 1).sum()])
    weighted = {"loss": lambda scores, truth: cross_entropy(scores, truth, weight)}
    found = {"nothing": {}, "class weights": weighted, "resampling": {"draw": weight[y]}}
    return found | {"focal loss": {"loss": FocalLossFlat()}}


# %%
from sklearn import metrics


def judge(scores, truth, threshold=0.5):
    alarm, one = scores >= threshold, {"zero_division": 0}
    by_alarm = {"accuracy": metrics.accuracy_score, "balanced accuracy": metrics.balanced_accuracy_score}
    found = {name: score(truth, alarm) for name, score in by_alarm.items()}
    found |= {"recall": metrics.recall_score(truth, alarm), "precision": metrics.precision_score(truth, alarm, **one)}
    by_score = {"ROC AUC": metrics.roc_auc_score, "average precision": metrics.average_precision_score}
    return found | {name: score(truth, scores) for name, score in by_score.items()}


# %% [markdown]
# A fifth way trains nothing: move the threshold of the first head. It is chosen on the validation set, by balanced
# accuracy, the mean of the recalls of both classes.

# %%
def detect(seed):
    (x, y), valid, test = divide(rare, seed)
    found = {}
    for way, options in ways(y).items():
        torch.manual_seed(seed)
        head = train_head(x, y, **options)
        found[way] = [(head(part).softmax(1)[:, 1].detach().numpy(), truth.numpy()) for part, truth in (valid, test)]
    return found


# %%
def chosen(scores, truth):
    tried = np.quantile(scores, np.linspace(0.5, 0.99, 50))
    return max(tried, key=lambda threshold: metrics.balanced_accuracy_score(truth, scores >= threshold))


# %%
detected = run_parallel(detect, [(seed,) for seed in range(5)])
rows = [{"arm": way, **judge(*test)} for found in detected for way, (_, test) in found.items()]
for valid, (scores, truth) in (found["nothing"] for found in detected):
    rows.append({"arm": "threshold", **judge(scores, truth, chosen(*valid))})
    rows.append({"arm": "always healthy", **judge(0 * scores, truth)})
table = pd.DataFrame(rows)
print((100 * table.groupby("arm", sort=False).mean()).round(1).to_string())

# %% [markdown]
# Compare the first and the last line: nearly the same accuracy, and one of them never finds a lesion. Balanced accuracy
# tells them apart.

# %%
by_arm = {arm: found for arm, found in table.groupby("arm", sort=False) if arm != "always healthy"}
for measure, kept in {"balanced accuracy": "rare class", "ROC AUC": "rare class: AUC"}.items():
    compare(kept, measure, {arm: found[measure].tolist() for arm, found in by_arm.items()})
gain = (by_arm["threshold"].mean(numeric_only=True) - by_arm["nothing"].mean(numeric_only=True))["balanced accuracy"]
assert gain > 0.03, "a chosen threshold should find more lesions: look at the table"

# %% [markdown]
# ROC AUC asks how well the scores *rank* the slices, whatever the threshold. No cure raises it: weights and resampling
# move the threshold, in a roundabout way. Move it yourself:

# %%
from course_utils.controls import threshold_slider

scores, truth = detected[0]["nothing"][1]
threshold_slider(scores, truth, positive=scans.vocab[1])

# %%
ask("08.2")

# %%
for name, how in {"plain": False, "augmented": turned}.items():
    batches = data.scans(n_patients=60, seed=course.seed, augment=how).train
    share = torch.cat([y for _, y in batches]).float().mean().item()
    print(f"{name}: {share:.1%} of the slices in the batches show a lesion")

# %% [markdown]
# And a part without any lesion has no recall at all. The data set and the control refuse it:

# %%
from course_utils.errors import CourseError

for refused in (lambda: data.scans(prevalence=0.01, n_patients=12), lambda: threshold_slider(scores, 0 * truth)):
    try:
        refused()
    except CourseError as error:
        print("refused:", error)


# %% [markdown]
# ## Averages over batches
#
# A recall of each batch, then their mean? Batches of 16 often hold no lesion, and such a batch counts as 0.

# %%
def recalls(found, size=16):
    valid, (scores, truth) = found["nothing"]
    alarm = scores >= chosen(*valid)
    parts = [slice(start, start + size) for start in range(0, len(truth), size)]
    each = [metrics.recall_score(truth[part], alarm[part], zero_division=0) for part in parts]
    return np.mean(each), metrics.recall_score(truth, alarm)


over_batches, over_all = zip(*map(recalls, detected), strict=True)
compare("batch average", "recall", {"over batches": over_batches, "over all": over_all})

# %% [markdown]
# Accuracy too, if the last batch is smaller: 75 images in batches of 32, 32 and 11, with exact fractions.

# %%
from fractions import Fraction

right = {32: (28, 28), 11: (9,)}
shares = [Fraction(count, size) for size, counts in right.items() for count in counts]
total = Fraction(sum(map(sum, right.values())), 75)
print(f"mean of the batches {float(sum(shares) / 3):.2%}, of the images {float(total):.2%}")

# %% [markdown]
# fastai weighs batches by size, so its accuracy is right; of a recall given as a plain function it also averages
# batches.

# %% [markdown]
# ## Leaks
#
# A patient has six slices. Split by slice, some of them train and others test. Here a second set of patients, which
# nobody trained on, tells the truth. The classifier is lesson 02's nearest neighbour.

# %%
ask("08.3")


# %%
def neighbour(x, y, asked, truth):
    return (y[torch.cdist(asked, x).argmin(1)] == truth).float().mean().item()


# %%
def leak(seed):
    train, valid, new = divide(even, seed, split=(0.3, 0.3))
    x, y = (torch.cat(each) for each in zip(train, valid, strict=True))
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(y)))
    some, held = order[: len(train[1])], order[len(train[1]) :]
    by_slice = [neighbour(x[some], y[some], *asked) for asked in ((x[held], y[held]), new)]
    return by_slice + [neighbour(*train, *asked) for asked in (valid, new)]


# %%
leaks = np.array([leak(seed) for seed in range(5)]).T
compare("split by slice", "accuracy", {"held out": leaks[0].tolist(), "new patients": leaks[1].tolist()})
compare("split: by patient", "accuracy", {"held out": leaks[2].tolist(), "new patients": leaks[3].tolist()})
assert (leaks[0] - leaks[1]).mean() > 0.05, "held-out slices of known patients should be easier: look at `leaks`"

# %% [markdown]
# Split by slice, the held-out figure promises what new patients don't keep. Split by patient, both agree.

# %% [markdown]
# Patients can be registered twice, under two names. Then only the pixels tell. A *difference hash* asks 256 times: is a
# place brighter than its left neighbour?

# %%
from PIL import Image


def difference_hash(image):
    grey = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BOX), dtype=int)
    return (grey[:, 1:] > grey[:, :-1] + 4).ravel()  # by more than the noise


def hashes(part):
    return np.stack([difference_hash(part.dataset[place][0]) for place in range(len(part.dataset))])


# %%
def twins(seed):
    dls = data.scans(seed=seed, duplicates=0.3, prevalence=0.5, n_patients=40, augment=False)
    known, asked = (hashes(part) for part in (dls.train, dls.test))
    unlike = (asked[:, None] != known[None]).sum(2).min(1)  # bits to the nearest training slice
    (x, y), (x_test, truth) = (map(torch.from_numpy, features(part)) for part in (dls.train, dls.test))
    single = torch.from_numpy(unlike > 10)
    return neighbour(x, y, x_test, truth), neighbour(x, y, x_test[single], truth[single]), unlike


# %%
doubled = run_parallel(twins, [(seed,) for seed in range(6)])
compare(
    "duplicates", "accuracy", {"all of test": [one[0] for one in doubled], "without twins": [one[1] for one in doubled]}
)
bits = np.concatenate([one[2] for one in doubled])
print("test slices by bits that differ from the nearest training slice:", np.histogram(bits, [0, 11, 21, 31, 256])[0])

# %% [markdown]
# Twins flattered the test, too. The package's `near_duplicates` was made for photographs: heads all look alike, so it
# calls far too much a twin. Take the mean image away first, and slices of one head are what is left, mostly.

# %%
from course_utils.data.images.near_duplicates import near_duplicates

dls = data.scans(seed=0, duplicates=0.3, prevalence=0.5, n_patients=40, augment=False)
images = np.stack([np.asarray(part.dataset[place][0]) for part in dls.loaders for place in range(len(part.dataset))])
images = torch.from_numpy(images).permute(0, 3, 1, 2)
for name, each in {"as they are": images, "without their mean": images.float() - images.float().mean(0)}.items():
    print(f"{name}: {len(near_duplicates(each)):,} pairs among {len(images)} images")

# %% [markdown]
# ## The best of many
#
# To choose is to fit. 100 heads learn *shuffled* labels, so none of them knows anything. We keep the one that is best on
# the validation set.

# %%
ask("08.4")


# %%
def best_of(seed, shuffled, tries=100):
    (x, y), *asked = [(nn.functional.pad(x, (0, 1), value=1.0), y) for x, y in divide(even, seed, split=(0.1, 0.5))]
    torch.manual_seed(seed)
    goal = 2.0 * (y[torch.randperm(len(y))] if shuffled else y) - 1
    some = [[*torch.randperm(256)[:20].tolist(), 256] for _ in range(tries)]  # each head sees 20 features
    tried = [(columns, torch.linalg.lstsq(x[:, columns], goal, driver="gelsd").solution) for columns in some]
    right = [[((x[:, columns] @ head > 0) == y).float().mean().item() for x, y in asked] for columns, head in tried]
    return max(right, key=lambda pair: pair[0])  # by validation alone


# %%
for name, shuffled in {"best of 100": True, "best of 100: true labels": False}.items():
    picked = np.array(run_parallel(best_of, [(seed, shuffled) for seed in range(5)])).T
    compare(name, "accuracy", {"validation": picked[0].tolist(), "test": picked[1].tolist()})
    assert (picked[0] - picked[1]).mean() > 0, "the chosen head should look better where it was chosen"

# %% [markdown]
# ## Normalised twice
#
# It happens when the data already have a `Normalize` and one more is added. The sign is in the batch:

# %%
from fastai.vision.all import Normalize, imagenet_stats

dls = data.scans(seed=0, augment=False, **few)
for times in (1, 2):
    x = dls.valid.one_batch()[0].as_subclass(torch.Tensor)
    print(f"normalised {times}×: mean {x.mean():+.1f}, spread {x.std():.1f}, from {x.min():+.1f} to {x.max():+.1f}")
    dls.add_tfms([Normalize.from_stats(*imagenet_stats)], "after_batch")


# %%
@torch.no_grad()
def right(model, x, y):
    answers = torch.cat([model(some).argmax(1) for some in x.split(32)])
    return (answers == y).float().mean().item()


# %%
def normalised(seed):
    (train, _, test), _ = smalls[seed]
    dls = data.scans(seed=100 + seed, augment=False, **few)
    dls.add_tfms([Normalize.from_stats(*imagenet_stats)], "after_batch")
    again = [[torch.from_numpy(each) for each in features(part)] for part in (dls.train, dls.test)]
    heads = [train_head(*part) for part in (train, again[0])]
    return [right(head, *part) for head, part in ((heads[0], test), (heads[1], again[1]), (heads[0], again[1]))]


# %%
measured = zip(*run_parallel(normalised, [(seed,) for seed in seeds]), strict=True)
norms = dict(zip(("once", "twice", "twice in use only"), map(list, measured), strict=True))
compare("normalised", "accuracy", norms)
assert np.mean(norms["once"]) > np.mean(norms["twice in use only"]) + 0.1, "other images in use should hurt"

# %% [markdown]
# The surprise is the second line: twice *everywhere* costs nothing that six seeds can see, since a new head adapts.
# Twice in one place only, such as in the program that uses the network, leaves it guessing.

# %% [markdown]
# ## eval() forgotten
#
# A learner trains a head on the frozen body. Then someone calls `learn.model(x)` with the network in training mode.

# %%
from fastai.vision.all import RocAucBinary, accuracy, vision_learner

from course_utils.surgery import freeze, unfreeze
from course_utils.training import cached_body


# %%
def careful(seed):
    dls = data.scans(prevalence=0.5, n_patients=40, bs=16, augment=False, seed=200 + seed)
    set_seed(seed)
    learn = vision_learner(dls, resnet18_half, metrics=[accuracy, RocAucBinary()])
    freeze(learn, batchnorm="fixed")
    with learn.no_bar(), learn.no_logging(), cached_body(learn):
        learn.fit_one_cycle(4, 1e-3)
    return learn


# %%
def modes(seed):
    learn = careful(seed)
    unfreeze(learn)  # while frozen, BatchNorm was held in eval
    x, y = (torch.cat(each).as_subclass(torch.Tensor) for each in zip(*learn.dls.test, strict=True))
    found = {"eval()": right(deepcopy(learn.model).eval(), x, y)}
    for name, order in {"train()": torch.arange(len(y)), "train(), by class": y.argsort()}.items():
        found[name] = right(deepcopy(learn.model).train(), x[order], y[order])
    return found


# %%
by_mode = pd.DataFrame(run_parallel(modes, [(seed,) for seed in range(5)]))
compare("eval() forgotten", "accuracy", by_mode.to_dict("list"))
assert by_mode["eval()"].mean() > by_mode["train(), by class"].mean() + 0.1, (
    "training mode should hurt: look at `by_mode`"
)


# %% [markdown]
# In training mode BatchNorm measures each slice by its batch, and dropout throws features away. A batch of one class, as
# in a folder sorted by class, is worst. The sign: the same image gets two answers.

# %% [markdown]
# ## Forgetting
#
# A network that reads digits is tuned on scans. Can it still read? We keep its digits head, and put it back afterwards
# on the layer that both share.

# %%
def read(seed):
    dls = data.digits(20, size=48, seed=seed, augment=False, split=(1, 12))
    return [features(part) for part in (dls.train, dls.test)]


images = run_parallel(read, [(seed,) for seed in seeds])
digits = [[tuple(map(torch.from_numpy, part)) for part in parts] for parts in images]
TUNINGS = {"tuned": {"rate": 1e-2}, "lower rate": {"rate": 1e-3}, "toward start": {"rate": 1e-2, "decay": 10}}


# %%
def blend(start, tuned, share):
    part = deepcopy(tuned)
    for weight, old, new in zip(part.parameters(), start.parameters(), tuned.parameters(), strict=True):
        weight.data = torch.lerp(old.data, new.data, share)
    return part


# %% [markdown]
# The last cure trains nothing: it mixes the weights of before and after, as
# [WiSE-FT, from 2022](https://arxiv.org/abs/2109.01903) does, here of the shared layer.

# %%
def fitted(part, x, y, **options):
    for _ in train(part, x[None], y, **options):
        pass
    return part


def tuned_on_scans(layer, x, y, **options):
    part = nn.Sequential(deepcopy(layer), *tail()[1:])
    return fitted(part, x, y, goal=[weight.detach().clone() for weight in part.parameters()], **options)


# %%
def both_tasks(seed, reader, part):
    back = nn.Sequential(part[0], *reader[1:])  # the old head on the layer as it is now
    return {"digits": look(back, *digits[seed][1])[1], "scans": look(part, *smalls[seed][0][2])[1]}


def forget(seed):
    torch.manual_seed(seed)
    reader = fitted(tail(classes=10), *digits[seed][0], epochs=20)
    parts = {name: tuned_on_scans(reader[0], *smalls[seed][0][0], **how) for name, how in TUNINGS.items()}
    return {(seed, how): both_tasks(seed, reader, part) for how, part in with_mixes(reader, parts).items()}


# %%
def with_mixes(reader, parts, shares=(0, 0.25, 0.5, 0.75, 1)):
    new = parts["tuned"]
    return parts | {share: nn.Sequential(blend(reader[0], new[0], share), *new[1:]) for share in shares}


# %%
forgot = {key: both for found in run_parallel(forget, [(seed,) for seed in seeds]) for key, both in found.items()}
forgot = pd.DataFrame.from_dict(forgot, "index").rename_axis(["seed", "how"]).reset_index()
named = {0: "before", "tuned": "tuned", "lower rate": "lower rate", "toward start": "toward start", 0.5: "half mixed"}
for task, kept in {"digits": "forgetting", "scans": "forgetting: scans"}.items():
    compare(kept, f"{task} right", {name: forgot[forgot.how == how][task].tolist() for how, name in named.items()})
lost = forgot.groupby("how").digits.mean()
assert lost["tuned"] < lost[0] - 0.1, "tuning on scans should cost digits: look at `forgot`"

# %% [markdown]
# Read both lists: the lower learning rate and the pull toward the start keep most digits, and cost no scans that we can see. For
# scans, "before" is the new head on the old layer. Mixing is a dial between the two tasks:

# %%
from course_utils.plots import plot_learning_curve

mixes = forgot[forgot.how.map(lambda how: not isinstance(how, str))].rename(columns={"how": "share"})
mixes = mixes.melt(["seed", "share"], var_name="task", value_name="score").astype({"share": float})
mixes["metric"] = "accuracy"
title = "Weights before (0) and after (1), mixed"
plot_learning_curve(mixes, "share", arm="task", title=title)

# %% [markdown]
# ## Before and after
#
# Squares: how the number came, circles: what was tried, thin lines: the seeds. Two panels measure a loss, where lower is
# better. In the panels of leaks, twins and the best of many, the *lower* number is the honest one.

# %% tags=["result"]
from course_utils.plots import plot_before_after

everything = pd.DataFrame(runs, columns=["trouble", "measure", "arm", "seed", "value"])
plot_before_after(everything[~everything.trouble.str.contains(":")])
flattered = "{:+.1f} ± {:.1f}".format(*(100 * value for value in paired_difference(leaks[0], leaks[1])))
cured = [by_arm[arm]["balanced accuracy"].tolist() for arm in ("threshold", "nothing")]
found = "{:+.1f} ± {:.1f}".format(*(100 * value for value in paired_difference(*cured)))
print(f"a split by slice flattered by {flattered} points; a chosen threshold brought {found} of balanced accuracy")


# %% [markdown]
# ## The checklist
#
# `inspect_training` looks at a learner and its data and says what looks wrong. First, a learner with everything wrong
# that we could think of.

# %%
def careless(watched, **options):
    dls = data.scans(prevalence=0.12, n_patients=80, bs=16, augment=False, seed=1, **options)
    set_seed(course.seed)
    learn = vision_learner(dls, resnet18_half, metrics=watched)
    freeze(learn, batchnorm="fixed")
    return learn


# %%
def fit(learn):
    with learn.no_bar(), learn.no_logging(), cached_body(learn):
        learn.fit_one_cycle(10, 2e-2)
    return learn


# %%
from course_utils.diagnostics import inspect_training

learn = careless([accuracy], split_by="slice", duplicates=0.3)
learn.dls.add_tfms([Normalize.from_stats(*imagenet_stats)], "after_batch")
fit(learn).model.train()
print(wrong := inspect_training(learn))
assert len(wrong.findings) >= 7, "all that was done wrong on purpose should be found: read the list"


# %% [markdown]
# No overfitting among them, though it was trained for too long: the leak hides it, since validation slices are known.
# So cure the leaks, and look again. This one also watches a recall, as a plain function.

# %%
def recall(scores, truth):
    return metrics.recall_score(truth.cpu(), scores.argmax(1).cpu(), zero_division=0)


again = inspect_training(fit(careless([accuracy, recall])))
print(again.table[["what", "evidence"]].to_string(index=False, header=False, max_colwidth=110))

# %% [markdown]
# And the balanced learner of the section on `eval()`, split by patient and trained briefly:

# %%
print(inspect_training(careful(0)))


# %% [markdown]
# What it can't see stands at the end of each list. Those lines are yours to check.

# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 08.A — four of five lesions
#
# Write `choose(scores, truth)`: the highest threshold at which an alarm for every score from it upwards finds at least 80%
# of the lesions (`truth` 1). `detected[0]["nothing"]` holds scores and truth of a validation and a test set: what does the
# threshold chosen on the one find on the other?

# %% tags=["solution"]
def choose(scores, truth):
    ### BEGIN SOLUTION
    lesions = np.sort(scores[truth == 1])[::-1]
    return lesions[int(np.ceil(0.8 * len(lesions))) - 1]
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("08.A", choose, detected=detected)


# %% [markdown] tags=["exercise"]
# ### Exercise 08.B — a report that can't be right
#
# Write `possible(percent, images)`: `True` if some whole number of right images gives that accuracy, rounded to two
# decimals. Is 85.61% of 75 images possible? And 86.67%?

# %% tags=["solution"]
def possible(percent, images):
    ### BEGIN SOLUTION
    return any(round(100 * right / images, 2) == percent for right in range(images + 1))
    ### END SOLUTION


# %% tags=["check"]
check("08.B", possible)

# %% [markdown]
# ## What would break this
#
# - **Drawn slices.** Real scans differ in more ways; a neighbour's leak may be larger or smaller there.
# - **Splits of one pool.** Where seeds are splits, they share patients, so intervals are somewhat too narrow.
# - **Four or five seeds.** A cure that helps by a little is not seen. "Not seen" is not "useless".
# - **One body, frozen.** A network that is tuned as a whole can overfit and forget more.
# - **Trials.** Learning rates, decay and the hash's limit were picked after some, on other seeds in part.
# - **The hash.** A rotated or heavily cropped copy passes it.

# %% [markdown]
# ## Recap
#
# - Watch both losses; an overfitted network is first too sure, and only later wrong.
# - With a rare class, choose the threshold on validation before you change the training; report recall and precision.
# - Split by what must not leak, and search the pixels for what the table doesn't say.
# - What chose anything is no test: not an epoch, not a seed, not a threshold.
# - Same images in training and in use, `eval()` for answers, and a look at what was forgotten.

# %% [markdown]
# ## Quiz

# %%
ask("08.5")

# %%
ask("08.6")

# %%
ask("08.7")

# %%
ask("08.8")

# %%
ask("08.9")

# %%
from course_utils.quiz import summary

summary("08")

# %% [markdown]
# ## Further reading
#
# - [Li et al. 2018](https://arxiv.org/abs/1802.01483): decay toward the starting weights.
# - [Wortsman et al. 2022](https://arxiv.org/abs/2109.01903): mixing tuned and original weights.
# - [Lin et al. 2017](https://arxiv.org/abs/1708.02002): focal loss, made for a far rarer class.
# - [Kapoor and Narayanan 2022](https://arxiv.org/abs/2207.07048): how often leaks spoil published results.
