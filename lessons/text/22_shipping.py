# %% [markdown]
# # 22 · What do I hand over, and what does it promise?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/22_shipping.ipynb)
#
# The recycling plant likes your network. Next week it will run on a tablet beside the belt, set up by somebody who has never
# seen your notebook, and staff will act on what it calls glass. What do you hand over, and what may they rely on?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("22_shipping")

# %% [markdown]
# ## Predict first
#
# Every answer comes with a probability. If a network is right three times in four, the probabilities of its answers should be
# three quarters on average. Are they?

# %%
from course_utils.quiz import ask, found, predict

predict("22.1")

# %% [markdown]
# ## A network in two files
#
# We train on 40 labelled photos of each material. `save_network` then writes the weights as
# [*safetensors*](../docs/glossary.md#safetensors), and in JSON how to build the network and how to prepare a photo for it.

# %%
from pathlib import Path
from tempfile import mkdtemp

from course_utils import data, shipping
from course_utils.tasks import ImageTask, train
from course_utils.training import FineTune

learn = train(ImageTask("recycling", size=72, bs=16, flip=True), FineTune(5, 5e-3, lr_mult=3), 40, course.seed).learn
folder = shipping.save_network(learn, Path(mkdtemp()) / "network")
print({file.name: f"{file.stat().st_size / 1e3:,.1f} kB" for file in sorted(folder.iterdir())})

# %% tags=["result"]
import torch

from course_utils.display import points, show_result, show_table

photos, truth = (torch.cat([torch.Tensor(batch[part]) for batch in learn.dls.test]) for part in (0, 1))
with torch.no_grad():
    gap = (shipping.load_network(folder).network(photos[:64]) - learn.model.eval()(photos[:64])).abs().max().item()
show_result(f"largest difference of a score after saving and loading: {gap:.1e}", expected=gap < 1e-4)

# %% tags=["recorded"]
from functools import cache, lru_cache

import numpy as np
import pandas as pd

# %% tags=["recorded"]
SORTER, TUNED = ImageTask("recycling", size=72, bs=16, flip=True), FineTune(9, 5e-3, lr_mult=3)


def outputs(learn, dl):
    with learn.no_bar(), learn.no_logging():
        scores, truth = learn.get_preds(dl=dl, act=torch.nn.Identity())
    return torch.Tensor(scores), torch.Tensor(truth).long()


# %% [markdown]
# ## A file that runs
#
# Why not `learn.export`, or `torch.save` of the whole network? Both write a [*pickle*](../docs/glossary.md#pickle), and a pickle
# is a program. Here is a harmless one. What will loading it do?


# %%
class Harmless:
    def __reduce__(self):
        return print, ("This line was printed by the file that you loaded.",)


torch.save(Harmless(), folder / "network.pkl")
torch.load(folder / "network.pkl", weights_only=False)

# %% [markdown]
# In place of `print`, any function could stand there: one that sends your files away, for example. PyTorch now loads weights
# alone unless you ask for more, and so refuses this file:

# %%
from pickle import UnpicklingError

try:
    torch.load(folder / "network.pkl")
except UnpicklingError as refusal:
    print(str(refusal).partition(".")[0])

# %%
ask("22.2")

# %% [markdown]
# Models of scikit-learn are mostly pickled too. `skops` writes them as data. Before it loads a file, you can ask it which parts
# could run something:

# %%
import os

import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

for model in (LogisticRegression(), FunctionTransformer(os.system)):  # the second would hand its inputs to a shell
    skops.io.dump(model, folder / "model.skops")
    print(type(model).__name__, skops.io.get_untrusted_types(file=folder / "model.skops"))

# %% [markdown]
# ## Without PyTorch
#
# The tablet needn't have PyTorch. [*ONNX*](../docs/glossary.md#onnx) is a file format for networks, and `onnxruntime` computes
# them. `export_onnx` compares the runtime's scores with PyTorch's, and refuses where they differ.

# %%
full = shipping.OnnxNetwork(shipping.export_onnx(learn, folder / "network.onnx"))
with torch.no_grad():
    gap = np.abs(full.scores(photos[:64].numpy()) - learn.model.eval()(photos[:64]).numpy()).max()
print(f"largest difference from PyTorch's scores: {gap:.1e}")

# %% [markdown]
# Weights of 32 bits can be rounded to 8. So can what the layers hand on, once training photos have shown its range. This
# [*quantisation*](../docs/glossary.md#quantisation) makes the file a quarter as large. How much faster does it get, and what
# does it cost?

# %%
predict("22.3")

# %%
rounded = shipping.quantise_onnx(full.file, [batch[0].numpy() for batch in learn.dls.train][:8], folder / "small.onnx")
forms = {"32 bits": full, "8 bits": shipping.OnnxNetwork(rounded)}
for name, form in forms.items():
    right = (form.scores(photos.numpy()).argmax(1) == truth.numpy()).mean()
    print(f"{name}: {Path(form.file).stat().st_size / 1e6:.1f} MB, {right:.1%} right")

# %%
from time import perf_counter


def seconds(form, images):
    began = perf_counter()
    form.scores(images)
    return perf_counter() - began


# %%
ratios = []
for _ in range(12):  # in turns, so that a busy moment hits both; the first two warm up
    both = [seconds(form, photos[:64].numpy()) for form in forms.values()]
    ratios.append(both[0] / both[1])
low, middle, high = np.quantile(ratios[2:], (0.25, 0.5, 0.75))
print(f"8 bits are {middle:.2f} times as fast here (half of the trials: {low:.2f} to {high:.2f})")
found("22.3", middle)

# %% [markdown]
# How much faster depends on the processor, on the runtime, and on settings that `quantise_onnx` makes for you: older processors
# have [few instructions for 8 bits](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html), and rounding
# takes time itself. So measure. The accuracy rests on ten trained networks, 60 photos per material, 9 epochs:


# %% tags=["recorded"]
@lru_cache(10)
def sorter(seed):
    learn = train(SORTER, TUNED, 60, seed).learn
    valid, test = (outputs(learn, learn.dls.loaders[number]) for number in (1, 2))
    half = torch.arange(len(valid[1])) % 2 == 0  # one half fits the temperature, the other makes the sets
    temperature = shipping.fit_temperature(valid[0][half], valid[1][half])
    return learn, temperature, (valid[0][~half], valid[1][~half]), test


# %% tags=["recorded"]
def images_of(dl):
    return torch.cat([torch.Tensor(batch[0]) for batch in dl])


def two_files(learn):
    where = Path(mkdtemp())
    full = shipping.export_onnx(learn, where / "full.onnx")
    return full, shipping.quantise_onnx(full, [batch[0].numpy() for batch in learn.dls.train][:8], where / "small.onnx")


# %% tags=["recorded:rounding"]
def rounding(seed):
    learn, _, _, (scores, truth) = sorter(seed)
    images, answers = images_of(learn.dls.test).numpy(), {"PyTorch": scores.numpy()}
    for name, file in zip(("32 bits", "8 bits"), two_files(learn), strict=True):
        answers[name] = shipping.OnnxNetwork(file).scores(images)
    return {name: (each.argmax(1) == truth.numpy()).mean() for name, each in answers.items()}


# %%
from course_utils.experiments import recorded

rounding_runs = recorded("22/rounding")
print(f"8 bits minus 32 bits: {points(*rounding_runs.difference('8 bits', '32 bits'))} points of accuracy")

# %%
ask("22.4")

# %% [markdown]
# ## How sure is it?
#
# A *reliability diagram* sorts answers by their probability, and shows how many in each group are right. On the diagonal, the
# network is right as often as it says.

# %%
from course_utils.plots import plot_reliability

valid_scores, valid_truth = outputs(learn, learn.dls.valid)
test_scores, test_truth = outputs(learn, learn.dls.test)
temperature = shipping.fit_temperature(valid_scores, valid_truth)
shown = {"as trained": test_scores, f"temperature {temperature:.1f}": test_scores / temperature}
plot_reliability({name: (each.softmax(1), test_truth) for name, each in shown.items()}, title="Surer than it is right")

# %% [markdown]
# As trained, its answers are less often right than they say. The cure is one number: divide all scores by a
# [*temperature*](../docs/glossary.md#temperature) above 1, chosen on validation photos, and the probabilities move
# together. No answer changes. Ten networks:


# %% tags=["recorded:sure"]
def sure(seed):
    _, temperature, _, (scores, truth) = sorter(seed)
    for name, each in {"as trained": scores, "with temperature": scores / temperature}.items():
        found = {"calibration error": shipping.calibration_error(each, truth)}
        found["confidence"] = each.softmax(1).amax(1).mean().item()
        found["accuracy"] = (each.argmax(1) == truth).float().mean().item()
        yield from ({"strategy": name, "metric": metric, "score": score} for metric, score in found.items())


# %%
from course_utils.statistics import mean_interval, paired_difference

sure_runs = recorded("22/sure")
for name in ("as trained", "with temperature"):
    said, right = (sure_runs.scores(name, metric=metric) for metric in ("confidence", "accuracy"))
    error, half = mean_interval(sure_runs.scores(name, metric="calibration error"))
    print(f"{name}: {said.mean():.1%} said, {right.mean():.1%} right, calibration error {error:.1%} ± {100 * half:.1f}")

# %%
gap = paired_difference(*(sure_runs.scores("as trained", metric=metric) for metric in ("confidence", "accuracy")))
found("22.1", 100 * gap[0])

# %% [markdown]
# The *calibration error* is the average distance from the diagonal. The temperature takes more than half of it away. Is the
# rest real? With so few photos in each group, even honest probabilities miss the diagonal by chance. Draw labels by the very
# probabilities of our network, and measure again:

# %%
honest, draws = (test_scores / temperature).softmax(1), torch.Generator().manual_seed(course.seed)
drawn = [torch.multinomial(honest, 1, generator=draws)[:, 0] for _ in range(200)]
by_chance = [shipping.calibration_error(honest.log(), labels) for labels in drawn]
low, high = np.quantile(by_chance, (0.05, 0.95))
print(f"honest by construction: an error of {np.mean(by_chance):.1%} (nine draws in ten: {low:.1%} to {high:.1%})")

# %% [markdown]
# An error of that size would be there even if the probabilities meant what they say. Compare it with the recorded one: what the
# temperature leaves is hardly larger. To tell a small error from chance, you need many more test photos.

# %%
ask("22.5")

# %% [markdown]
# ## A set in place of an answer
#
# Staff want a promise: "in nine cases of ten, the material is among these". A [*conformal set*](../docs/glossary.md#conformal-set)
# keeps it. On held-out photos, look how low the probability of the true material gets; leave out whatever lies below what nine in
# ten of them reach.

# %%
half = torch.arange(len(valid_truth)) % 2 == 0  # the other half fits the temperature, so these chose nothing
temperature = shipping.fit_temperature(valid_scores[~half], valid_truth[~half])
held, asked = ((scores / temperature).softmax(1) for scores in (valid_scores[half], test_scores))
sets = shipping.conformal_sets(held, valid_truth[half], asked, coverage=0.9)
kept = sets[np.arange(len(sets)), test_truth.numpy()].mean()
print(f"the true material is in {kept:.1%} of the sets; a set holds {sets.sum(1).mean():.2f} materials on average")

# %%
from course_utils.plots import plot_images

chosen = np.random.default_rng(course.seed).choice(len(sets), 8, replace=False)
names = [" or ".join(np.array(learn.dls.vocab)[sets[number]]) or "none" for number in chosen]
plot_images([learn.dls.test.dataset[int(number)][0] for number in chosen], names, columns=4)

# %% [markdown]
# The promise holds on average, for photos like those held out. Now the lamp above the belt ages, and dust settles on the lens:

# %% tags=["recorded"]
import torch.nn.functional as F
from fastai.vision.core import imagenet_stats

MEAN, STD = (torch.tensor(part)[:, None, None] for part in imagenet_stats)


def dim(images):
    return (0.6 * (images * STD + MEAN) - MEAN) / STD


def dusty(images):
    return F.interpolate(F.interpolate(images, 24, mode="area"), 72, mode="bilinear")


# %% tags=["recorded"]
SHIFTS = {"as it is": lambda images: images, "a dim lamp": dim, "a dusty lens": dusty}


@torch.no_grad()
def scores_of(learn, images):
    return torch.cat([learn.model.eval()(part) for part in images.split(128)]).as_subclass(torch.Tensor)


# %%
plot_images([(shift(photos[:1])[0] * STD + MEAN).clamp(0, 1) for shift in SHIFTS.values()], list(SHIFTS))

# %%
predict("22.6")


# %% tags=["recorded"]
def rows_of(name, sets, scores, truth):
    kept, right = sets[np.arange(len(sets)), truth], scores.argmax(1).numpy() == truth
    found = {"coverage": kept.mean(), "set size": sets.sum(1).mean(), "accuracy": right.mean()}
    found["coverage of the worst class"] = min(kept[truth == each].mean() for each in set(truth.tolist()))
    return [{"strategy": name, "metric": metric, "score": score} for metric, score in found.items()]


# %% tags=["recorded:promise"]
def promise(seed):
    learn, temperature, (held, labels), (_, truth) = sorter(seed)
    images = images_of(learn.dls.test)
    for name, shift in SHIFTS.items():
        scores = scores_of(learn, shift(images))
        sets = shipping.conformal_sets((held / temperature).softmax(1), labels, (scores / temperature).softmax(1))
        yield from rows_of(name, sets, scores, truth.numpy())


# %%
promise_runs = recorded("22/promise")
table = {}
for name in SHIFTS:
    for metric in ("accuracy", "coverage", "coverage of the worst class"):
        mean, half_width = mean_interval(promise_runs.scores(name, metric=metric))
        table.setdefault(name, {})[metric] = f"{mean:.1%} ± {100 * half_width:.1f}"
    table[name]["materials in a set"] = f"{promise_runs.scores(name, metric='set size').mean():.2f}"
show_table(pd.DataFrame.from_dict(table, orient="index"), "Sets that promise 90%")

# %%
dim_coverage = promise_runs.scores("a dim lamp", metric="coverage")
found("22.6", 100 * dim_coverage.mean())

# %% [markdown]
# As it is, the promise holds on average. The worst of six materials lies lower, but one of six does so by chance, too. How low,
# if the promise held for each?

# %%
counts = [70, 82, 68, 108, 74, 29]  # test photos of each material in the recorded runs
share = promise_runs.scores("as it is", metric="coverage").mean()
lowest = (np.random.default_rng(0).binomial(counts, share, (10_000, 6)) / counts).min(1)
print(f"equally good for all six: the lowest would be {lowest.mean():.1%} on average")

# %% [markdown]
# So these photos don't show that a material is left out, and the promise doesn't say that none is. After a shift it's broken,
# though the sets grow, and the worst material falls far below chance: the network doesn't know how much worse it has become. So
# a promise needs somebody who notices the shift.

# %%
ask("22.7")

# %% [markdown]
# ## Who notices?
#
# Nobody labels photos at the belt. But you can compare today's photos with the validation photos, by a two-sample test: of their
# *brightness*, of the network's *confidence*, or of its [*features*](../docs/glossary.md#feature). Each alarm may be false one time
# in twenty.

# %% tags=["recorded"]
from scipy.stats import ks_2samp
from sklearn.decomposition import PCA


# %% tags=["recorded"]
@torch.no_grad()
def seen(learn, images):
    features = torch.cat([learn.model.eval()[0](part).mean((2, 3)) for part in images.split(128)])
    brightness = (images * STD + MEAN).mean((1, 2, 3))
    confidence = scores_of(learn, images).softmax(1).amax(1)
    named = {"brightness": brightness[:, None], "confidence": confidence[:, None], "features": features}
    return {name: each.numpy() for name, each in named.items()}


# %% tags=["recorded"]
def alarm(before, today):
    smallest = min(ks_2samp(*pair).pvalue for pair in zip(before.T, today.T, strict=True))
    return smallest * before.shape[1] < 0.05  # as many chances for a false alarm as there are columns


# %% tags=["recorded"]
DAYS, PHOTOS = 40, (20, 50, 100)


def alarms(before, after, seed, chances=None):
    random = np.random.default_rng(seed)
    for count in PHOTOS:
        days = [random.choice(len(after), count, replace=False, p=chances) for _ in range(DAYS)]
        yield count, np.mean([alarm(before, after[day]) for day in days])


# %% tags=["recorded"]
def cases(images, truth):
    for name, shift in SHIFTS.items():
        yield name, shift(images), None
    chances = np.where(np.isin(truth, (2, 4)), 3.0, 1.0)  # metal and plastic three times as often
    yield "another mix", images, chances / chances.sum()


# %% tags=["recorded"]
def watched(shift, before, after, seed, chances):
    reduced = PCA(16, random_state=0).fit(before["features"])
    for by in before:
        pair = [reduced.transform(each[by]) if by == "features" else each[by] for each in (before, after)]
        for count, share in alarms(*pair, seed, chances):
            yield {"strategy": by, "shift": shift, "photos": count, "metric": "alarms", "score": share}


# %% tags=["recorded:watch"]
def watch(seed):
    learn, _, _, (_, truth) = sorter(seed)
    before = seen(learn, images_of(learn.dls.valid))
    for shift, images, chances in cases(images_of(learn.dls.test), truth.numpy()):
        yield from watched(shift, before, seen(learn, images), seed, chances)


# %%
ask("22.8")

# %%
watch_runs = recorded("22/watch")
means = 100 * watch_runs.table.pivot_table(index=["shift", "photos"], columns="strategy", values="score", sort=False)
show_table(means.reset_index(), "Days with an alarm (%), means of ten networks", decimals=0)

# %% [markdown]
# A dim lamp shows in the brightness of twenty photos, without any network. Dust doesn't change the brightness: the features show it
# at once, the confidence later. Another mix of materials is mostly missed by all three.

# %% [markdown]
# ## Equally good for everybody?
#
# Suppose that the plant also wants to be told digits by voice, as in lesson 13. Six people work there, and from one of them we have
# only one recording of each digit, from the others five. What does the average hide?

# %% tags=["recorded"]
from course_utils.backbones import embed_sounds, speech_resnet


@cache
def spoken():
    digits = data.spoken_digits(seed=0)
    table = pd.concat([digits.train, digits.valid, digits.test], ignore_index=True)
    waves = torch.cat([digits.waves(split) for split in ("train", "valid", "test")])
    network = speech_resnet()
    return table, torch.cat([embed_sounds(network, part) for part in waves.split(250)]).numpy()


# %% tags=["recorded"]
def divided(seed, rare_has):
    table, random = spoken()[0], np.random.default_rng(seed)
    rare, train, test = sorted(table.speaker.unique())[seed % 6], [], []
    for (speaker, _), own in table.groupby(["speaker", "label"]):
        order = random.permutation(own.index)
        train += list(order[: rare_has if speaker == rare else 5])
        test += list(order[-20:])
    return rare, train, test


# %% tags=["recorded"]
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


# %% tags=["recorded"]
def heard(seed, rare_has=1, reweighted=False):
    (table, inputs), (rare, train, test) = spoken(), divided(seed, rare_has)
    weights = np.where(table.speaker[train] == rare, 5 / rare_has if reweighted else 1, 1)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    head.fit(inputs[train], table.label[train], logisticregression__sample_weight=weights)
    return table.loc[test].assign(right=head.predict(inputs[test]) == table.label[test], rare=rare)


# %%
from fairlearn.metrics import MetricFrame

tested = heard(course.seed)
measures = {"right answers (%)": lambda _, right: 100 * right.mean(), "recordings": lambda _, right: len(right)}
given = {"y_true": tested.label, "y_pred": tested.right, "sensitive_features": tested.speaker}
frame = MetricFrame(metrics=measures, **given)
print(f"one recording of each digit: {tested.rare.iloc[0]}; over all: {tested.right.mean():.1%}")
show_table(frame.by_group.reset_index(), "By speaker", decimals=0)

# %%
predict("22.9")


# %% tags=["recorded:groups"]
def groups(seed):
    arms = {"one recording": {}, "one, reweighted": {"reweighted": True}, "five recordings": {"rare_has": 5}}
    for name, how in arms.items():
        tested = heard(seed, **how)
        for who, own in tested.groupby(tested.speaker == tested.rare):
            yield {"strategy": name, "who": "rare" if who else "others", "score": own.right.mean()}


# %% [markdown]
# Ten runs had each speaker as the rare one in turn, some of them twice. Two runs with one speaker aren't two speakers, so we
# average them first: the intervals rest on six people.

# %%
groups_runs, arms = recorded("22/groups"), ("one recording", "one, reweighted", "five recordings")


def by_speaker(name, who):
    scores = groups_runs.scores(name, who=who).to_numpy()
    return np.array([scores[speaker::6].mean() for speaker in range(6)])


# %%
for name in arms:
    rare, others = (by_speaker(name, who) for who in ("rare", "others"))
    gap = points(*paired_difference(others, rare))
    print(f"{name}: {rare.mean():.1%}, others {others.mean():.1%}, gap {gap} points")

# %%
one, reweighted, five = (by_speaker(name, "rare") for name in arms)
gain, more = (paired_difference(arm, one) for arm in (reweighted, five))
found("22.9", 100 * gain[0])
print(f"gained for the rare speaker by reweighting: {points(*gain)} points; by four recordings more: {points(*more)}")

# %% [markdown]
# Reweighting counts the few recordings five times, and they stay the same few. It closes little of the gap. Four recordings more of
# each digit gain far more: some speakers are still served better than others, but no longer for want of recordings. If you find a
# gap, ask first whose data are missing.

# %%
ask("22.10")

# %% [markdown]
# ## What goes with it
#
# Whoever takes the network over needs to know what it is for, how it was made and tested, and where it fails. A *model card* says so.
# Ours is written from what was measured, and refuses to leave a section empty:

# %%
from course_utils.errors import CourseError

sections = dict.fromkeys(shipping.card.SECTIONS, "")
right = (test_scores.argmax(1) == test_truth).float().mean()
sections["How good it is"] = f"{right:.1%} of {len(test_truth)} test photos."
try:
    shipping.model_card(folder, "sorter", sections, licence="mit")
except CourseError as refusal:
    print(refusal)

# %% [markdown]
# A *manifest* says what the results were made with: versions, seeds, the commit, and a digest of each file. On another machine,
# `check_manifest` names each difference. In a terminal, `course manifest make` and `course manifest check` do the same.

# %%
shipping.make_manifest(folder, seeds=[course.seed])
print("differences:", shipping.check_manifest(folder))
with (folder / "network.json").open("a") as config:
    config.write(" ")
print("differences:", shipping.check_manifest(folder))

# %% [markdown]
# And an app: these lines take a photo in the browser, and show the classes with their probabilities. They come with every project
# that `course new` makes, need gradio (the course's extra `app`), and load nothing from outside your machine.

# %%
from importlib.resources import files

print((files("course_utils.projects") / "template" / "app.py").read_text())

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** ship weights as numbers and settings as text, and compare the scores after loading.
# - **Do** calibrate on photos that trained and chose nothing.
# - **Do** watch simple numbers, such as brightness, beside the network's own.
# - **Don't** take a probability for a share of right answers unchecked.
# - **Don't** expect weights in the loss to replace missing data.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 22.A — the threshold of a conformal set
#
# `doubts` is a list: for each of n held-out photos, 1 minus the probability of its true class. Write `threshold(doubts, coverage)`,
# which returns the doubt of rank (n + 1) × coverage, rounded up, counting from 1 and from the smallest. If that rank is above n,
# return 1.0: then every class is in the set.


# %% tags=["solution"]
def threshold(doubts, coverage):
    ### BEGIN SOLUTION
    from math import ceil

    rank = ceil(round((len(doubts) + 1) * coverage, 9))
    return sorted(doubts)[rank - 1] if rank <= len(doubts) else 1.0
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("22.A", threshold)

# %% [markdown] tags=["exercise"]
# ### Exercise 22.B — the largest gap
#
# Write `largest_gap(right, groups)`: `right` is a list of True and False, `groups` names each answer's group. Return the difference
# between the best and the worst group's accuracy, in percentage points.


# %% tags=["solution"]
def largest_gap(right, groups):
    ### BEGIN SOLUTION
    shares = []
    for group in set(groups):
        own = [answer for answer, name in zip(right, groups, strict=True) if name == group]
        shares.append(100 * sum(own) / len(own))
    return max(shares) - min(shares)
    ### END SOLUTION


# %% tags=["check"]
check("22.B", largest_gap)

# %% [markdown]
# ## What would break this
#
# - **Few groups, few people.** Six speakers are no sample of a population, and their intervals are wide. The largest gap of six is
#   large by chance too.
# - **Made shifts.** Our lamp and our dust are formulas. Real ones come slowly and together, and yesterday's photos are then no
#   reference.
# - **Other processors and runtimes.** Eight bits may be faster or slower elsewhere, and our ratio says nothing about that: measure
#   on the tablet itself.
# - **A pickle in disguise.** A file that ends in `.pt`, `.pth`, `.pkl` or `.joblib` is usually one, whoever sent it.

# %% [markdown]
# ## Recap
#
# - A pickle is a program; safetensors and ONNX hold numbers, and gave the same scores.
# - Rounding to 8 bits made the file a quarter as large, and cost no accuracy that we could see. Speed has to be measured.
# - The network was surer than it was right. One temperature took away most of the calibration error; the rest is hardly more than
#   chance gives.
# - Sets that promise 90% kept it on average, and broke it once the lamp was dim or the lens dusty. Features noticed both.
# - A speaker with few recordings was served worse. Reweighting hardly helped, more recordings did.

# %% [markdown]
# ## Quiz

# %%
ask("22.11")

# %%
ask("22.12")

# %%
ask("22.13")

# %%
from course_utils.quiz import summary

summary("22")

# %% [markdown]
# ## Further reading
#
# - [Guo and others 2017](https://arxiv.org/abs/1706.04599): calibration of modern networks, and the temperature.
# - [Angelopoulos and Bates 2021](https://arxiv.org/abs/2107.07511): an introduction to conformal prediction.
# - [Rabanser, Günnemann and Lipton 2019](https://arxiv.org/abs/1810.11953): which tests notice which shifts.
# - [Mitchell and others 2019](https://arxiv.org/abs/1810.03993): model cards.
# - [Python's own warning](https://docs.python.org/3/library/pickle.html) about pickles.
