# %% [markdown]
# # 12 · What is text without labels worth?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/12_ulmfit.ipynb)
#
# A shop has thousands of product reviews, and somebody has noted of forty whether they praise. Can the others help a
# classifier, though nobody has labelled them? In 2018 [ULMFiT](https://arxiv.org/abs/1801.06146) said yes, and made
# fine-tuning usual for text. You will rebuild it, and find out which of its pieces matter here.

# %%
from importlib.util import find_spec

if not find_spec("course_utils"):  # on Colab or Kaggle, or with this notebook alone
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("12_ulmfit")

# %% [markdown]
# ## A model that goes on writing
#
# A [*language model*](../docs/glossary.md#language-model) predicts the next word of a text. It trains on text alone, since
# each word is the answer to those before it. This one has read 1,800 film reviews and nothing else:

# %%
from course_utils import backbones, data
from course_utils.tasks.language import next_words, write

films = backbones.awd_lstm("DEFAULT")
for start in ("this film is", "the price is"):
    print(write(films, start, words=30, seed=5))
next_words(films, "this film is one of the").round(3)

# %% [markdown]
# To guess well, it had to learn grammar, and what people say when they like a film. Can a classifier of *product*
# reviews use any of that?

# %%
from course_utils.quiz import ask

ask("12.1")

# %% [markdown]
# ## Reading word by word
#
# The network is [*recurrent*](../docs/glossary.md#recurrent-network): it keeps a *hidden state*, numbers that sum up what
# it has read, and two LSTM layers update theirs at each word. A table, the *embedding*, turns words into numbers, and
# turns the state back into scores for the next word.

# %%
for name, part in [
    ("embedding", films[0].encoder),
    ("LSTM layers", films[0].rnns),
    ("decoder's bias", films[1].decoder),
]:
    weights = sum(each.numel() for key, each in part.named_parameters() if name != "decoder's bias" or key == "bias")
    print(f"{name:15} {weights:>9,} weights")
print("the decoder's table is the embedding:", films[1].decoder.weight is films[0].encoder.weight)

# %% [markdown]
# Half of the weights are words, and *tying* the two tables saves as many again. *Weight dropout*, the "WD" in
# [AWD-LSTM](https://arxiv.org/abs/1708.02182), sets some weights between one state and the next to zero in training.
#
# How far back does it learn? Here is the length of a word's gradient at each earlier word:

# %%
from fastai.torch_core import set_seed

from course_utils.data.text.words import split_words
from course_utils.plots.text.recurrence import plot_reach
from course_utils.tasks.language import gradient_reach

test = split_words(data.reviews(100, seed=0).texts("test"))
set_seed(0)

# %%
untrained = backbones.awd_lstm(None)
reach = {"pre-trained": gradient_reach(films, test), "random weights": gradient_reach(untrained, test)}
plot_reach(reach, title="Pre-training makes the gradient reach further back")

# %% [markdown]
# Each step back multiplies the gradient by the derivative of one more update. In the random network it soon *vanishes*;
# training has taught the gates of the LSTM to let it pass. Training cuts the text, here after 35 words, and the
# gradient ends there: *truncated* backpropagation.

# %%
ask("12.2")

# %% [markdown]
# ## From films to products
#
# The target gets a vocabulary of its own, as in fastai. Words that the model knows keep their embedding, and new ones
# start with the mean of all:

# %% tags=["recorded"]
import random

from course_utils.data.text.words import build_vocabulary


def read(count):
    texts = data.reviews(None, seed=0, split=(100, 500))
    chosen = random.Random(0).sample(texts.unlabelled, min(count, len(texts.unlabelled)))
    return texts, split_words(chosen)


# %%
texts, words = read(8_000)
vocabulary = build_vocabulary(words, most=8_000, least_often=3)
known = set(films.vocabulary)
new = [word for word in vocabulary if word not in known]
print(f"{len(words):,} texts, whose labels we don't look at, with {len(vocabulary):,} frequent words")
print(f"{len(new)} of them are new to the model, such as {', '.join(new[:12])}")

# %% [markdown]
# How well does it predict product reviews? [*Perplexity*](../docs/glossary.md#perplexity) is the number of equally likely
# words among which it would hesitate as much. Then it goes on training, once through these texts:

# %% tags=["recorded"]
from course_utils.data.text.word_loaders import language_loaders, word_loaders
from course_utils.tasks.language import classifier_learner, language_learner, perplexity, right_share
from course_utils.training.text.ulmfit import fit_ulmfit


def tune(model, words, epochs):
    set_seed(0)
    learn = language_learner(language_loaders(words, words[:99], model.vocabulary, bs=16), model)
    fit_ulmfit(learn, epochs, 1e-2, discriminative=False, gradual=False)
    return model


# %%
before = backbones.awd_lstm("DEFAULT", vocabulary)
products = tune(backbones.awd_lstm("DEFAULT", vocabulary), words, epochs=1)
test = split_words(texts.texts("test"))
for name, model in (("before", before), ("after", products)):
    print(f"{name}: perplexity {perplexity(model, test):.0f} on the test set")
    print("   ", " / ".join(write(model, "easy to", words=12, seed=seed) for seed in range(4)))

# %% [markdown]
# Same first words, same random numbers. Without a single label, the model has picked up what these reviews are about and
# how they are written. What did the films contribute? Here is one that began with random weights:

# %%
set_seed(0)
unread = tune(backbones.awd_lstm(None, vocabulary), words, epochs=1)
print(f"without the films: perplexity {perplexity(unread, test):.0f} after the same {len(words):,} texts")

# %%
ask("12.3")

# %% [markdown]
# ## From language model to classifier
#
# The classifier keeps the embedding and the LSTM layers, the *encoder*. A new head takes the decoder's place and reads the
# last hidden state, and the maximum and the mean of all (*concat pooling*): fastai's `text_classifier_learner`.

# %% tags=["recorded"]
from dataclasses import replace

from course_utils.training import reestimate_batchnorm


def label(texts, per_class, seed):
    chosen = texts.train.groupby("label").sample(per_class, random_state=seed)
    return replace(texts, train=chosen.reset_index(drop=True))


# %% tags=["recorded"]
PLAIN = {"slanted": False, "discriminative": False, "gradual": False}


def trained(dls, model, seed, epochs, lr, **pieces):
    learn = classifier_learner(dls, model, seed=seed)
    fit_ulmfit(learn, epochs, lr, **PLAIN | pieces)
    reestimate_batchnorm(learn)
    return learn


# %% tags=["result"]
from course_utils.display import points, show_result

labelled = label(texts, 20, seed=0)
dls = word_loaders(labelled, vocabulary, bs=8)
scores = {name: right_share(trained(dls, model, 0, 12, 4e-3)) for name, model in (("ours", products), ("random", None))}
said = f"{scores['ours']:.1%} with the language model, {scores['random']:.1%} from random weights"
show_result(f"40 labelled reviews, right on the test set: {said}", expected=scores["ours"] > 0.5)

# %% [markdown]
# That is one draw of forty labels, one learning rate, and a modest language model. Make a guess before you see ten draws.

# %%
ask("12.5")

# %% [markdown]
# ## What are the texts worth?
#
# We tuned language models on 0 to 30,000 product reviews, twice through, from the films or from random weights.
# Each classifier got 20 labels per class, 60 steps, and the learning rate, of three, that did best on validation.

# %% tags=["recorded"]
from functools import cache

COUNTS = {"DEFAULT": (0, 1_000, 8_000, 30_000), None: (0, 30_000)}


def tuned(weights, words, vocabulary, count):
    set_seed(0)
    model = backbones.awd_lstm(weights, vocabulary)
    return tune(model, words[:count], epochs=2) if count else model


# %% tags=["recorded"]
@cache
def language_models(weights):
    _, words = read(30_000)
    vocabulary = build_vocabulary(words, most=8_000, least_often=3)
    return {count: tuned(weights, words, vocabulary, count) for count in COUNTS[weights]}


# %% tags=["recorded"]
RATES = (1e-3, 4e-3, 1.6e-2)
BATCH_AND_EPOCHS = {20: (8, 12), 100: (16, 5)}  # by labels per class: 60 steps each


def search(texts, model, seed, **pieces):
    bs, epochs = BATCH_AND_EPOCHS[len(texts.train) // 2]
    dls = word_loaders(texts, model.vocabulary, bs)
    tried = {lr: trained(dls, model, seed, epochs, lr, **pieces) for lr in RATES}
    best = max(tried, key=lambda lr: right_share(tried[lr], "valid"))
    return {"learning rate": best, "score": right_share(tried[best])}


# %% tags=["recorded:unlabelled"]
def unlabelled(seed):
    texts, rows = label(read(0)[0], 20, seed), []
    for weights, start in (("DEFAULT", "began with films"), (None, "began with random weights")):
        for count, model in language_models(weights).items():
            row = {"strategy": start, "unlabelled": count / 1000}
            rows.append(row | search(texts, model, seed))
    return rows


# %%
from course_utils.experiments import recorded
from course_utils.plots import plot_learning_curve

runs = recorded("12/unlabelled")
plot_learning_curve(runs.table, "unlabelled", title="Accuracy with 40 labels, and ever more texts without (thousands)")

# %%
from course_utils.statistics import paired_difference

few, many = (runs.scores("began with films", unlabelled=count) for count in (0, 30))
none, alone = (runs.scores("began with random weights", unlabelled=count) for count in (0, 30))
pairs = {"films and products": (many, none), "films alone": (few, none), "products alone": (alone, none)}
for name, pair in (pairs | {"films, given the products": (many, alone)}).items():
    print(f"worth of {name}: {points(*paired_difference(*pair))} percentage points")

# %% [markdown]
# Thirty thousand texts without labels are worth some 16 points, a thousand next to nothing: the language model has to
# become good first. And the films? We could not see a gain: alone, no more than about three points, and before 30,000
# product reviews no more than about one.

# %%
ask("12.10")

# %% [markdown]
# ## The three pieces of ULMFiT's training
#
# The [paper](https://arxiv.org/abs/1801.06146) also trains the classifier with care, by *gradual unfreezing*,
# *discriminative learning rates* (divided by 2.6 from each group to the one below), and a *slanted triangular*
# schedule, a short rise and a long fall. All together:

# %%
from course_utils.plots import plot_schedules
from course_utils.training import RecordSchedule

record = RecordSchedule(["embedding", "layer 1", "layer 2", "head"])
learn = classifier_learner(dls, products)
learn.add_cb(record)
fit_ulmfit(learn, 12, 4e-3)
plot_schedules(record.table, title="Gradual, discriminative and slanted, all in one training")

# %%
ask("12.4")

# %% [markdown]
# ## Which pieces matter?
#
# Table 7 of the [paper](https://arxiv.org/abs/1801.06146) asks this on three data sets. Here it is in miniature, on the
# language model of films and 30,000 products, with the same labels and search as above:

# %% tags=["recorded"]
PIECES = {"last layer only": {"last_only": True}, "discriminative": {"discriminative": True}}
PIECES |= {"slanted": {"slanted": True}, "gradual": {"gradual": True}}
PIECES |= {"all three": {"slanted": True, "discriminative": True, "gradual": True}}


# %% tags=["recorded:pieces"]
def pieces(seed):
    texts, model = label(read(0)[0], 20, seed), language_models("DEFAULT")[30_000]
    return [{"strategy": name, **search(texts, model, seed, **how)} for name, how in PIECES.items()]


# %%
from course_utils.plots import plot_differences

runs = recorded("12/pieces")
effects = {name: paired_difference(runs.scores(name), many) for name in PIECES}
at_ends = (runs.table["learning rate"] != RATES[1]).mean()
print(f"{at_ends:.0%} of the chosen learning rates lie at an end of the grid, so a finer one might gain a little")
plot_differences(effects, against="all layers at one constant rate", title="What each piece is worth (40 labels)")

# %% [markdown]
# No piece gains more than about two points here, and discriminative learning rates alone lose about one. In
# [table 7](https://arxiv.org/abs/1801.06146) all three together take IMDb's error from 6.87% to 5.00%.

# %% [markdown]
# ## Beside other methods
#
# Two rungs of the ladder train no network: logistic regression on TF-IDF, weighted counts of words and pairs, and on the
# sentence vectors of MiniLM, a small BERT that stays frozen. All get the same labels; chance is one half.

# %% tags=["recorded"]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def linear(first):
    return make_pipeline(first, LogisticRegressionCV(Cs=[1e-3, 1e-2, 0.1, 1, 10, 100], cv=5, max_iter=1000))


# %% tags=["recorded"]
import torch


@cache
def vectors(*texts):
    network, tokenizer = backbones.TextClassifier(backbones.minilm("DEFAULT"), 2), backbones.minilm_tokenizer()
    batches = [tokenizer(list(texts[n : n + 50]), padding=True, return_tensors="pt") for n in range(0, len(texts), 50)]
    with torch.no_grad():
        return torch.cat([network.embed(batch) for batch in batches]).numpy()


# %% tags=["recorded"]
def solved(texts):
    (train, due), (test, true) = ((texts.texts(name), texts.targets(name)) for name in ("train", "test"))
    counts = linear(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)).fit(train, due)
    probe = linear(StandardScaler()).fit(vectors(*train), due)
    return {"TF-IDF": counts.score(test, true), "MiniLM, frozen": probe.score(vectors(*test), true)}


# %% tags=["recorded:ladder"]
def ladder(seed):
    texts = {labels: label(read(0)[0], labels, seed) for labels in BATCH_AND_EPOCHS}
    rows = [(name, n, score) for n, chosen in texts.items() for name, score in solved(chosen).items()]
    for name, model in (("random weights", language_models(None)[0]), ("ULMFiT", language_models("DEFAULT")[30_000])):
        rows.append((name, 100, search(texts[100], model, seed)["score"]))
    return [{"strategy": name, "labels": labels, "score": score} for name, labels, score in rows]


# %%
runs = recorded("12/ladder")
runs

# %%
frozen = runs.scores("MiniLM, frozen", labels=20)
print(f"ULMFiT on 30,000 texts, with 20 labels per class: {many.mean():.1%}")
print(f"  minus MiniLM: {points(*paired_difference(many, frozen))} percentage points")
lead = runs.difference("ULMFiT", "MiniLM, frozen", labels=100)
print(f"with 100 labels per class, minus MiniLM: {points(*lead)} percentage points")

# %% [markdown]
# A small network that has read the target's texts is ahead of a frozen one with some ten times as many weights, which
# hasn't. But MiniLM can be tuned as well; and ULMFiT chose its learning rate on 200 more labelled reviews.

# %%
ask("12.11")

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 12.A — the slanted triangle
#
# Write `slanted(step, steps, highest)`: the learning rate at a step, counted from 0. It begins at `highest / 32`, rises
# in a straight line to `highest` at 10% of the steps, and falls in a straight line to `highest / 32` at `step == steps`.


# %% tags=["solution"]
def slanted(step, steps, highest):
    ### BEGIN SOLUTION
    done = step / steps
    height = done / 0.1 if done < 0.1 else (1 - done) / 0.9
    return highest * (1 + 31 * height) / 32
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("12.A", slanted)

# %% [markdown] tags=["exercise"]
# ### Exercise 12.B — a table for other words
#
# Write `move_table(table, old, new)`: `table` is an array with a row for each word of the list `old`. Return one with a
# row for each word of the list `new`: its old row, or the mean of all rows where it is new.

# %% tags=["solution"]
def move_table(table, old, new):
    ### BEGIN SOLUTION
    import numpy as np

    place = {word: number for number, word in enumerate(old)}
    mean = table.mean(axis=0)
    return np.stack([table[place[word]] if word in place else mean for word in new])
    ### END SOLUTION


# %% tags=["check"]
check("12.B", move_table)

# %% [markdown]
# ## What would break this
#
# - **Another language.** Tokenizer, vocabulary and weights know English of the 1990s, in lower case.
# - **More text and a larger network.** The paper's model read 103 million words of
#   [Wikipedia](https://arxiv.org/abs/1801.06146) and had three layers; this one read 1.4 million and has two.
# - **Text from the test set.** A language model that has read the test texts, even without labels, makes the test
#   optimistic. Ours reads only texts that are in neither the validation nor the test set.
# - **The vocabulary of another model.** Each number would mean another word, and no shape would be wrong. The helpers
#   compare the vocabularies and refuse.

# %% [markdown]
# ## Recap
#
# - A language model learns from text alone, since each word is the label of those before it.
# - Tuned on 30,000 texts of the target, it made forty labels go much further; a thousand texts were too few.
# - A better language model isn't always a better classifier: the films helped the one and not the other.
# - ULMFiT's three pieces of careful training mattered little here. Measure them before you pay for them.
# - Before you label more, look for texts of the same kind that nobody has labelled.

# %% [markdown]
# ## Quiz

# %%
ask("12.6")

# %%
ask("12.7")

# %%
ask("12.8")

# %%
ask("12.9")

# %%
from course_utils.quiz import summary

summary("12")

# %% [markdown]
# ## Further reading
#
# - [Howard and Ruder 2018](https://arxiv.org/abs/1801.06146): ULMFiT, with the ablation in table 7.
# - [Merity et al. 2017](https://arxiv.org/abs/1708.02182): the AWD-LSTM and its kinds of dropout.
# - [Hochreiter and Schmidhuber 1997](https://doi.org/10.1162/neco.1997.9.8.1735): the LSTM, an answer to vanishing gradients.
# - [Gururangan et al. 2020](https://arxiv.org/abs/2004.10964): tuning a BERT on the target's texts, the same idea today.
# - [fastai's text tutorial](https://docs.fast.ai/tutorial.text.html): ULMFiT with the full-size network.
