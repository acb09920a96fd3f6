# %% [markdown]
# # 13 · How few recordings teach a network your trade's words?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/13_speech.ipynb)
#
# A hospital ward wants to log what it gives its patients without touching a keyboard. Twelve words matter, such as
# "metoprolol", and a general speech recogniser may get them wrong. Some colleagues can record each word a few times
# over a coffee break. How many recordings are enough? And will it work for the colleague who starts next month?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("13_speech")

# %% [markdown]
# ## Predict first
#
# Here are four of the ward's words. A speech synthesizer says them, since no public data set contains such words. Listen
# to two or three of them.

# %%
from course_utils import data
from course_utils.display import points, show_result, show_table
from course_utils.plots import plot_spectrograms

words = data.trade_words(1, trade="ward", by="speaker", seed=0)
print(words.about)
four = dict(zip(words.train.label[:4], words.recordings["train"][:4], strict=True))
plot_spectrograms(four, title="Four words of a ward")

# %% [markdown]
# We take `speech_resnet`, a small convolutional network that was trained on 752 everyday words. None of the ward's words
# is among them. We keep it [*frozen*](../docs/glossary.md#freezing) and fit a linear
# [*head*](../docs/glossary.md#head) on **one** recording of each word, twelve in all. The test: two voices that neither
# the network nor the head has heard.

# %%
from course_utils.quiz import ask, found, predict

predict("13.1")

# %% tags=["result"]
from course_utils.experiments.sound.ladder import FrozenNetwork
from course_utils.tasks import SoundTask, train_and_score

ward = SoundTask("trade_words", trade="ward", by="speaker")
right, one_each = train_and_score(ward, FrozenNetwork(), 1, seed=0)
found("13.1", 100 * right)
show_result(f"accuracy with two new voices, one recording of each word: {right:.0%}", expected=right > 0.5)

# %% [markdown]
# One recording of each word goes a long way. But so far, the network was both trained and tested on a synthesizer's voices.
# Are people harder to understand? From here on, we mostly use recordings of people.

# %% [markdown]
# ## What the network sees
#
# A recording is a list of numbers, here 8,000 a second: each gives the position of the microphone's membrane. Our second
# data set has ten words, the English digits. Let's look at one person saying "six" twice, and at two others:

# %%
digits = data.spoken_digits(seed=0)
print(digits.about)
sixes = digits.train[digits.train.label == "six"]
chosen_rows = [*sixes[sixes.speaker == sixes.speaker.iloc[0]].index[:2], *sixes.drop_duplicates("speaker").index[1:3]]
said = {f"{n + 1}: {sixes.speaker[row]}": digits.recordings["train"][row] for n, row in enumerate(chosen_rows)}
plot_spectrograms(said, title='"Six", four times')

# %% [markdown]
# These images are [*spectrograms*](../docs/glossary.md#spectrogram). Each column is a *frame*, 25 milliseconds of sound;
# a new one starts every 10. Each row is a band of frequencies, and its brightness shows how loud that band is, on a
# logarithmic scale. Bands are narrow at low frequencies and wide at high ones, as our hearing is. This is called the *mel
# scale*.

# %%
wave = digits.waves("train")[:1]
seen = data.log_mel(wave)
print(f"one recording: {wave.shape[1]:,} samples → {seen.shape[2]} bands × {seen.shape[3]} frames")
print(f"from {seen.min():.0f} (60 decibels or more below the loudest point) to {seen.max():.0f} (the loudest point)")

# %% [markdown]
# A vowel shows up as stripes: the pitch of the voice and its overtones. The hissing sounds at both ends of "six" have no
# pitch. They brighten the upper bands, in some of these recordings only faintly. This image is all that the network gets.

# %%
ask("13.2")

# %%
louder = data.log_mel(10 * wave)
print(f"ten times as loud, the spectrogram changes by at most {(louder - seen).abs().max():.4f}")

# %% [markdown]
# ## A rival without a network
#
# In the 1970s, recognisers compared a new recording with stored *templates* of each word. Nobody says a word twice at
# exactly the same speed, so both recordings are stretched in time until they match as well as possible. That is
# [*dynamic time warping*](../docs/glossary.md#dynamic-time-warping). Here it is for sequences of numbers:

# %%
import numpy as np


def warped(one, other):
    costs = np.full((len(one) + 1, len(other) + 1), np.inf)
    costs[0, 0] = 0
    for i, j in np.ndindex(len(one), len(other)):
        before = min(costs[i, j], costs[i, j + 1], costs[i + 1, j])
        costs[i + 1, j + 1] = abs(one[i] - other[j]) + before
    return costs[-1, -1]


# %%
fast, slow, other = [1, 3, 2], [1, 1, 1, 3, 3, 2, 2], [1, 2, 3]
print(f"fast against slow: {warped(fast, slow):.0f}; fast against another word: {warped(fast, other):.0f}")

# %% [markdown]
# Each cell of the table `costs` holds the cost of the cheapest path to it: what it costs to match its two numbers, plus
# the cheapest of the three cells before it. Saying the same thing slowly costs nothing.

# %%
ask("13.3")

# %% [markdown]
# In a recording, a frame with its 40 bands takes the place of a number. We give the recogniser five templates of each
# digit. First we test it on people whose voices are among the templates, then on each of them in turn as a newcomer:

# %%
ask("13.4")

# %%
from course_utils.experiments.sound.ladder import NearestTemplate

with_known, with_new = SoundTask("spoken_digits"), SoundTask("spoken_digits", by="speaker")
known_people = train_and_score(with_known, NearestTemplate(), 5, seed=0)[0]
print(f"five templates of each word, tested on people it knows: {known_people:.0%}")
everybody = [with_new.changed(speaker=name, split=(10, 10)) for name in sorted(digits.test.speaker.unique())]
each = [train_and_score(task, NearestTemplate(), 5, seed=0)[0] for task in everybody]
print("each as a newcomer:", ", ".join(f"{score:.0%}" for score in each), f"(mean {np.mean(each):.0%})")

# %% [markdown]
# ## What does it hear in a word that it doesn't know?
#
# With its original head, `speech_resnet` answers with one of its 752 words, whatever it hears. What does it make of the
# ward's words?

# %%
import torch

from course_utils import backbones

body, known_words = backbones.speech_resnet("DEFAULT").eval(), backbones.spoken_words()
with torch.no_grad():
    best_three = body(words.spectrograms("test")).topk(3).indices.tolist()
answers = [", ".join(known_words[word] for word in three) for three in best_three]
show_table([{"said": word, "heard": answer} for word, answer in list(zip(words.test.label, answers, strict=True))[:8]])

# %% [markdown]
# Read a few aloud. Some share a beginning, a stressed vowel or an ending with the word that was said.

# %%
ask("13.5")

# %% [markdown]
# ## The ladder
#
# Now we ask this lesson's question of people: ten digits, six speakers, and 1, 5 or 20 recordings of each word in all. The
# methods: a [*logistic regression*](../docs/glossary.md#logistic-regression) on the *average spectrogram*, which ignores
# the order of sounds; the nearest template; the network from scratch; a
# [*linear probe*](../docs/glossary.md#linear-probe), the head on the frozen network; and the network fine-tuned.

# %% tags=["recorded"]
from course_utils.experiments.sound.ladder import AverageSpectrogram, FrozenNetwork, NearestTemplate
from course_utils.tasks import SoundTask
from course_utils.tasks.running import NoValidation, train_and_score
from course_utils.training import FromScratch, Full, ProbeThenAll


def known(seed, split):
    return SoundTask("spoken_digits", split=split)


# %% tags=["recorded"]
def new(seed, split):
    people = sorted(data.spoken_digits(seed=0).test.speaker.unique())
    return SoundTask("spoken_digits", by="speaker", speaker=people[seed % len(people)], split=split)


# %% [markdown]
# *Known speakers*: the training recordings are drawn from all six people, and the test set is the publisher's. *A new
# speaker* is heard in the test set alone; of the other five people, one is kept for validation and four are trained on. We
# take each of the six in turn. Before you look, guess:

# %%
ask("13.6")

# %% tags=["recorded"]
TASKS = {"known speakers": (known, (30, 30)), "a new speaker": (new, (30, 50))}


def on_both(seed, ways, labels, **changes):
    for on, (make, split) in TASKS.items():
        task = make(seed, split).changed(**changes)
        for name, way in ways(labels).items():
            score, _ = train_and_score(task, way, labels, seed, cbs=[NoValidation()])
            yield {"strategy": name, "on": on, "labels": labels, "score": score}


# %% tags=["recorded:solved"]
def solved(seed):
    def ways(labels):
        templates = {"nearest template": NearestTemplate()} if labels < 50 else {}
        return {"average spectrogram": AverageSpectrogram(), **templates, "linear probe": FrozenNetwork()}

    return [row for labels in (1, 5, 20, 50) for row in on_both(seed, ways, labels)]


# %% [markdown]
# Fine-tuning trains all layers, starting from a random head or from the solved one
# ([*LP-FT*](../docs/glossary.md#lp-ft)). For each number of recordings, we take whichever did better on validation sets, at
# its best learning rate. The learning rate for training from scratch is chosen in the same way.

# %% tags=["recorded"]
EPOCHS = {1: 30, 5: 12, 20: 6}  # by recordings of each word: 30, 48 and 78 steps of up to 16
GRIDS = {"from scratch": (3e-3, 1e-2, 3e-2), "all layers": (1e-3, 3e-3, 1e-2), "probe, then all": (3e-4, 1e-3, 3e-3)}
WAYS = {"from scratch": FromScratch, "all layers": Full, "probe, then all": ProbeThenAll}


# %% tags=["recorded"]
def validated(name, labels, lr, seed):
    task = (known, new)[seed % 2](seed, (30, 30))
    way = WAYS[name](EPOCHS[labels], lr)
    score, _ = train_and_score(task, way, labels, 100 + seed, split="valid", cbs=[NoValidation()])
    return {"strategy": name, "labels": labels, "learning rate": lr, "score": score}


# %% tags=["recorded:rates:4"]
def rates(seed):
    return [validated(name, labels, lr, seed) for name, grid in GRIDS.items() for labels in EPOCHS for lr in grid]


# %% tags=["recorded:wider:4"]
def wider(seed):
    edges = [("from scratch", 1, 1e-3), ("from scratch", 20, 1e-3), ("all layers", 1, 3e-2)]
    edges += [("probe, then all", 1, 1e-2), ("probe, then all", 20, 1e-2)]
    return [validated(*edge, seed) for edge in edges]


# %% tags=["recorded"]
import pandas as pd

from course_utils.experiments import recorded


def chosen(strategies, labels):
    tried = pd.concat([recorded("13/rates").table, recorded("13/wider").table])
    tried = tried[tried.strategy.isin(strategies) & (tried.labels == labels)]
    return tried.groupby(["strategy", "learning rate"]).score.mean().idxmax()


# %% tags=["recorded"]
TRAINED = {"from scratch": ["from scratch"], "fine-tuned": ["all layers", "probe, then all"]}


def best(labels):
    settings = {name: chosen(strategies, labels) for name, strategies in TRAINED.items()}
    return {name: WAYS[way](EPOCHS[labels], float(lr)) for name, (way, lr) in settings.items()}


# %% tags=["recorded"]
def trained_on(on, name, seed):
    make, split = TASKS[on]
    for labels in EPOCHS:
        score, _ = train_and_score(make(seed, split), best(labels)[name], labels, seed, cbs=[NoValidation()])
        yield {"strategy": name, "on": on, "labels": labels, "score": score}


# %% tags=["recorded:tuned_new"]
def tuned_new(seed):
    return list(trained_on("a new speaker", "fine-tuned", seed))


# %% tags=["recorded:tuned_known"]
def tuned_known(seed):
    return list(trained_on("known speakers", "fine-tuned", seed))


# %% [markdown]
# Here is one draw of five recordings of each word, live:

# %%
for who, task in (("known", with_known), ("new", with_new)):
    probe, _ = train_and_score(task, FrozenNetwork(), 5, seed=0)
    tuned, _ = train_and_score(task, best(5)["fine-tuned"], 5, seed=0, cbs=[NoValidation()])
    print(f"{who} speakers: {probe:.0%} with the linear probe, {tuned:.0%} fine-tuned")

# %%
from course_utils.plots import plot_learning_curve

solved_runs = recorded("13/solved")
tuned_runs = {"known speakers": recorded("13/tuned_known"), "a new speaker": recorded("13/tuned_new")}
scratch_runs = [recorded(name).table for name in ("13/scratch", "13/from_scratch")]
ladder = pd.concat([solved_runs.table, *scratch_runs, *[runs.table for runs in tuned_runs.values()]])
ladder = ladder.query("labels < 50").sort_values("on", ascending=False, kind="stable")  # known speakers first

# %%
COUNTED = "recordings of each word"
RUNGS = ["average spectrogram", "nearest template", "from scratch", "linear probe", "fine-tuned"]
title = "The ladder: known speakers and a new one (ten draws)"
plot_learning_curve(ladder, panel="on", arms=RUNGS, xlabel=COUNTED, title=title)

# %%
from course_utils.statistics import paired_difference

for on in TASKS:
    for n in EPOCHS:
        one = tuned_runs[on].scores("fine-tuned", labels=n)
        gains = {name: solved_runs.scores(name, on=on, labels=n) for name in ("linear probe", "nearest template")}
        told = [f"{points(*paired_difference(one, other))} against the {name}" for name, other in gains.items()]
        print(f"{on}, {n:2} of each word: fine-tuned {', '.join(told)}")

# %% [markdown]
# For known speakers, fine-tuning gains about four points over the probe with one recording of each word and three with
# twenty, but loses two with five. For a new speaker, we see a gain only with twenty. So the head alone takes you most of
# the way.

# %% [markdown]
# ## By speaker or at random?
#
# Suppose somebody splits all recordings at random and reports the accuracy. The test voices are then in the training set,
# too. If the system is meant for new people, this is [*data leakage*](../docs/glossary.md#data-leakage). How much does it
# flatter each method?

# %%
ask("13.7")

# %%
rows = []
for name in ("average spectrogram", "nearest template", "linear probe", "fine-tuned"):
    tables = tuned_runs if name == "fine-tuned" else dict.fromkeys(TASKS, solved_runs)
    at_random, by_speaker = (tables[on].scores(name, labels=20, on=on) for on in TASKS)
    shown = [f"{100 * each.mean():.1f}%" for each in (at_random, by_speaker)]
    rows.append([name, *shown, points(*paired_difference(at_random, by_speaker))])
show_table(pd.DataFrame(rows, columns=["20 recordings", "at random", "by speaker", "difference in points"]))

# %% [markdown]
# Split at random, templates look almost as good as the probe. For a new speaker they lose over 20 points, and so do the
# averages; the pre-trained network loses far less. (By speaker, there are also two voices fewer to train on.) The wrong
# split hides which method suits the next colleague. Would more recordings of the same people help?

# %%
for name in ("average spectrogram", "linear probe"):
    twenty, fifty = (solved_runs.scores(name, on="a new speaker", labels=labels) for labels in (20, 50))
    for_known = solved_runs.scores(name, on="known speakers", labels=50).mean()
    print(f"{name}, 50 of each word: {fifty.mean():.0%} for a new speaker, {for_known:.0%} for known ones;", end=" ")
    print(f"{points(*paired_difference(fifty, twenty))} points over 20 for a new one")

# %% [markdown]
# With the averages we see no gain, and with the probe a small one. Whose words are misheard?

# %%
tables = {"linear probe": solved_runs, "fine-tuned": tuned_runs["a new speaker"]}
scores = {name: table.scores(name, on="a new speaker", labels=20) for name, table in tables.items()}
people = pd.DataFrame(scores).groupby(lambda seed: seed % 6).mean().sort_values("linear probe")
show_table((100 * people).reset_index(drop=True), decimals=0)
gain = paired_difference(people["fine-tuned"], people["linear probe"])
print(f"20 recordings, gain from fine-tuning: {points(*gain)} points, an interval over the six people")

# %% [markdown]
# Each row is one person, the most difficult first, over one or two draws. Fine-tuning helped the first person most. But who
# looks worst in few draws often does better in the next, and the interval over people includes zero.

# %% [markdown]
# ## Who is speaking, or what is said?
#
# We compare three frozen bodies, each with a linear head. `speech_resnet` has learned *what* a synthesizer says.
# Resemblyzer's `voice_encoder`, a [*recurrent network*](../docs/glossary.md#recurrent-network), has learned from thousands
# of people *who* is speaking. And to lesson 01's network of photos, a spectrogram is just another image.

# %%
ask("13.8")


# %% tags=["recorded:bodies"]
def bodies(seed):
    rows = []
    for name, body in {"image network": "spectrogram_resnet", "voice encoder": "voice_encoder"}.items():
        for labels in (5, 20):
            rows += on_both(seed, lambda labels, name=name: {name: FrozenNetwork()}, labels, backbone=body)
    return rows


# %%
solved_rows = solved_runs.table.query("labels in [5, 20]").replace("linear probe", "speech network")
averages, probes = (solved_rows[solved_rows.strategy == name] for name in ("average spectrogram", "speech network"))
frozen = pd.concat([averages, recorded("13/bodies").table, probes]).sort_values("on", ascending=False, kind="stable")
plot_learning_curve(frozen, panel="on", xlabel=COUNTED, title="A linear head on three frozen bodies and on averages")

# %% [markdown]
# For a new speaker, the speech network is far ahead, though it has never heard a person. The network of photos is behind
# the averages. What a body has learned to tell apart seems to matter more than whose voices it heard.

# %% [markdown]
# ## Noise
#
# A ward is noisy. We fine-tune on five recordings of each word: as they are, with hiss added, or moved in time with bands
# and frames hidden, at random in each epoch ([*augmentation*](../docs/glossary.md#augmentation)). We test in silence, in
# hiss, and among three background voices: training recordings.

# %% tags=["recorded"]
import torch


def mixed(waves, noise, low=5, high=15):
    loud, louder = (each.square().mean(1, keepdim=True).sqrt() for each in (noise, waves))
    below = low + (high - low) * torch.rand(len(waves), 1)
    return waves + noise * louder / loud.clamp_min(1e-6) * 10 ** (-below / 20)


# %% tags=["recorded"]
def surroundings(learn, seed):
    torch.manual_seed(seed)
    waves, others = learn.dls.test.dataset.waves, learn.dls.train.dataset.waves
    voices = sum(others[torch.randint(len(others), (len(waves),))] for _ in range(3))
    return {"silence": waves, "hiss": mixed(waves, torch.randn_like(waves)), "voices": mixed(waves, voices)}


# %% tags=["recorded"]
AUGMENTED = {"fine-tuned": [], "with hiss": [data.AddNoise(5, 30)], "moved and masked": [data.Shift(), data.Mask()]}
AUGMENTED |= {"linear probe": []}


# %% tags=["recorded"]
def in_each(task, learn, seed):
    for heard, waves in surroundings(learn, seed).items():
        learn.dls.test.dataset.waves = waves
        yield {"heard": heard, "score": task.score(learn)}


# %% tags=["recorded:noise"]
def noise(seed):
    rows = []
    for name, augment in AUGMENTED.items():
        way = FrozenNetwork() if name == "linear probe" else best(5)["fine-tuned"]
        task = new(seed, (10, 10)).changed(augment=tuple(augment))
        learn = train_and_score(task, way, 5, seed, cbs=[NoValidation()])[1].learn
        rows += [{"strategy": name} | row for row in in_each(task, learn, seed)]
    return rows


# %% [markdown]
# Here is one test recording in all three. Can you still understand it?

# %%
learn = with_new.learner(0, 5, FromScratch(1))
shown = {name: waves[0] for name, waves in surroundings(learn, 0).items()}
plot_spectrograms(shown, title="One recording in three surroundings")

# %%
ask("13.9")

# %%
from course_utils.plots import plot_grid

noise_runs = recorded("13/noise")
SURROUNDINGS = ["silence", "hiss", "voices"]
rows = noise_runs.table.set_index("strategy").loc[list(AUGMENTED)].reset_index()
plot_grid(rows, columns="heard", order=SURROUNDINGS, xlabel="surroundings", title="A new speaker, five recordings")

# %%
PAIRS = [("with hiss", "fine-tuned"), ("moved and masked", "fine-tuned")]
PAIRS += [("linear probe", "fine-tuned"), ("linear probe", "moved and masked")]
for name, against in PAIRS:
    gaps = [f"{points(*noise_runs.difference(name, against, heard=heard))} in {heard}" for heard in SURROUNDINGS]
    print(f"{name} minus {against}, in points: {', '.join(gaps)}")

# %% [markdown]
# Background voices cost each method over ten points on average, and hiss a few at most. Of the six intervals for
# augmentation, only one leaves out zero, and one in six may do so by luck. Between moving and masking and the head alone,
# we saw no difference of more than about five points.

# %% [markdown]
# ## Was the ladder fair?
#
# With five recordings of each word, the network from scratch was far behind, after as many steps as fine-tuning took. Would
# four times as many have closed the gap?


# %% tags=["recorded:scratch"]
def scratch(seed):
    return list(on_both(seed, lambda labels: {"from scratch": best(labels)["from scratch"]}, 5))


# %% tags=["recorded:from_scratch"]
def from_scratch(seed):
    def ways(labels):
        return {"from scratch": best(labels)["from scratch"]}

    return [row for labels in (1, 20) for row in on_both(seed, ways, labels)]


# %% tags=["recorded:longer"]
def longer(seed):
    def ways(labels):
        rate = best(labels)["from scratch"].lr
        return {"from scratch, four times the steps": FromScratch(4 * EPOCHS[labels], rate)}

    return list(on_both(seed, ways, 5))


# %%
from itertools import product

FOUR_TIMES = "from scratch, four times the steps"
for on, (name, runs) in product(TASKS, {"from scratch": "13/scratch", FOUR_TIMES: "13/longer"}.items()):
    alone = recorded(runs).scores(name, on=on, labels=5)
    lead = points(*paired_difference(tuned_runs[on].scores("fine-tuned", labels=5), alone))
    print(f"{on}, 5 of each word: {alone.mean():.0%} {name}; fine-tuned {lead} points")

# %% [markdown]
# Four times the steps helped with known speakers, and the network from scratch still stays far behind. And were the learning
# rates good? Each mean is over four validation sets, two of known and two of new speakers:

# %%
tried = pd.concat([recorded("13/rates").table, recorded("13/wider").table])
means = tried.groupby(["strategy", "labels", "learning rate"]).score.mean().unstack("learning rate")
show_table((100 * means).reset_index(), decimals=1)

# %% [markdown]
# Most of the best lie inside their grid. Two rows with one recording of each word are nearly flat at its end.

# %% [markdown]
# ## A word that nobody recorded
#
# Somebody says a word that isn't among the twelve. The network still answers with one of them. Can its probability warn us?
# We fit a head on four recordings of each of the ward's words, and let it hear test recordings of these and of a
# warehouse's words.

# %%
from course_utils.tasks import classify_sound

_, four_each = train_and_score(ward, FrozenNetwork(), 4, seed=0)
others = data.trade_words(1, trade="warehouse", by="speaker", seed=0)


def surest(sounds, split="test"):
    return [max(classify_sound(four_each.learn, wave).values()) for wave in sounds.recordings[split]]


# %%
sure_known, sure_unknown = np.array(surest(words)), np.array(surest(others))
for threshold in (0.3, 0.5, 0.7, 0.9):
    kept, fooled = (sure_known >= threshold).mean(), (sure_unknown >= threshold).mean()
    print(f"threshold {threshold:.0%}: it answers {kept:.0%} of the ward's words, and {fooled:.0%} of the others")

# %% [markdown]
# The higher the threshold, the less often an unknown word fools the system, and the more often a known word has to be said
# again. Choose it on validation recordings, and weigh the cost of a wrong entry against that of a repetition.

# %%
ask("13.10")

# %% [markdown]
# ## Your own voice
#
# Say one of the ward's words. The first button takes a file (WAV, FLAC, Ogg or MP3). The second one records from your
# microphone, if the browser allows it. Nothing leaves the machine that runs this notebook.

# %%
from course_utils.controls import sound_control

print("the twelve words:", ", ".join(four_each.learn.dls.vocab))
sound_control(four_each.learn, words.recordings["test"][0])

# %% [markdown]
# For words of your own, make a folder with a sub-folder for each word, and in each of those one for each speaker. The same
# functions then work on it. If a file is silent, broken or minutes long, a message names it.

# %%
from pathlib import Path

if Path("my words").is_dir():  # such as my words/metoprolol/ana/1.wav
    own = SoundTask(data.sounds, source="my words", by="speaker")
    print(f"your words: {train_and_score(own, FrozenNetwork(), 3, seed=0)[0]:.0%}")

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 13.A — a split by speaker
#
# Write `split_by_speaker(speakers, held_out)`: `speakers` says who speaks in each recording, and `held_out` lists whom to keep
# for testing. Return two lists of positions, counted from 0: first the recordings to train on, then those to test on.


# %% tags=["solution"]
def split_by_speaker(speakers, held_out):
    ### BEGIN SOLUTION
    train = [place for place, who in enumerate(speakers) if who not in held_out]
    test = [place for place, who in enumerate(speakers) if who in held_out]
    return train, test
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("13.A", split_by_speaker)

# %% [markdown] tags=["exercise"]
# ### Exercise 13.B — when to say nothing
#
# Write `threshold_for(shares, kept)`: `shares` holds the network's highest probability for each of several validation
# recordings, all of known words. A recording is answered if its probability is at the threshold or above. Return the
# highest threshold at which at least a share of `kept`, such as 0.9, is still answered.


# %% tags=["solution"]
def threshold_for(shares, kept):
    ### BEGIN SOLUTION
    import math

    from_the_top = sorted(shares, reverse=True)
    return from_the_top[math.ceil(kept * len(shares)) - 1]
    ### END SOLUTION


# %% tags=["check"]
check("13.B", threshold_for)

# %% [markdown]
# ## What would break this
#
# - **Sentences.** The network hears one word, with silence around it. Finding where words end in running speech is harder,
#   and other networks are made for it.
# - **Few speakers.** Only six people say the digits. Most intervals are about the recordings, not about people.
# - **Other rooms.** We mixed in the hiss and the voices ourselves. A phone on the far side of a real room is another matter.
# - **Settings chosen on the same people.** The learning rates were chosen on validation recordings of these six speakers.
# - **The choice of the body.** Two recipes for it were compared on the digits' test recordings, so its accuracies are
#   somewhat optimistic.

# %% [markdown]
# ## Recap
#
# - To the network, a recording is an image: a spectrogram, with a column for each frame and a row for each band.
# - With a frozen body that knows speech, a head got most words right from one recording of each, even though a synthesizer
#   taught the body.
# - Fine-tuning gained a few points more with twenty recordings of each word; over six people, that isn't certain.
# - If the system is meant for new people, split by speaker. A random split hid a loss of over 20 points.
# - Six people say little about the next one, so test with as many voices as you can get.

# %% [markdown]
# ## Quiz

# %%
ask("13.11")

# %%
ask("13.12")

# %%
ask("13.13")

# %%
from course_utils.quiz import summary

summary("13")

# %% [markdown]
# ## Further reading
#
# - [Sakoe and Chiba 1978](https://doi.org/10.1109/TASSP.1978.1163055): dynamic time warping for spoken words.
# - [Warden 2018](https://arxiv.org/abs/1804.03209): Speech Commands, a public data set of 35 words by thousands of people.
# - [Park et al. 2019](https://arxiv.org/abs/1904.08779): SpecAugment, hiding bands and frames.
# - [Wan et al. 2018](https://arxiv.org/abs/1710.10467): the training of the voice encoder.
# - [Radford et al. 2022](https://arxiv.org/abs/2212.04356): Whisper, which listens to whole sentences.
