# %% [markdown]
# # 12 · What is text without labels worth?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/12_ulmfit.ipynb)
#
# A shop has thousands of product reviews, but somebody has labelled only forty of them as positive or negative. Can the
# thousands without labels still help a classifier? In 2018 [ULMFiT](https://arxiv.org/abs/1801.06146) said yes, and made
# fine-tuning standard practice for text. You will rebuild it, and find out whether its pieces matter here.

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("12_ulmfit")

# %% [markdown]
# ## A model that continues a text
#
# A [*language model*](../docs/glossary.md#language-model) predicts the next word of a text. It needs no labels: each word
# is the right answer to what follows the words before it. This one has read 1,800 film reviews and nothing else, so the
# second line below starts on unfamiliar ground:

# %%
from course_utils import backbones, data
from course_utils.tasks.language import next_words, write

films = backbones.awd_lstm("DEFAULT")
for start in ("this film is", "the price is"):
    print(write(films, start, words=30, seed=5))
next_words(films, "this film is one of the").round(3)

# %% [markdown]
# To guess well, it had to learn some grammar, and what people say about films. Does that help a classifier
# of *product* reviews?

# %%
from course_utils.quiz import ask

ask("12.1")

# %% [markdown]
# ## Reading word by word
#
# The network is [*recurrent*](../docs/glossary.md#recurrent-network): two LSTM layers keep a
# [*hidden state*](../docs/glossary.md#hidden-state), numbers that sum up what has been read, and update it at each word.
# A table called the [*embedding*](../docs/glossary.md#embedding) holds a row of numbers for each word. The *decoder*,
# which turns the state into a score for each possible next word, uses the same table.

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
# Half of the weights belong to words. Sharing the table is called [*tying*](../docs/glossary.md#tying); without it, the
# decoder would need another.
#
# How far back does the model learn? Take the loss at one word, and compute its
# [gradient](../docs/glossary.md#gradient) with respect to the embedding of each earlier word. The larger this gradient, the
# more that word affects what is learned:

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
plot_reach(reach, title="After pre-training the gradient reaches further back")

# %% [markdown]
# With each word further back the gradient is multiplied by one more derivative, and it *vanishes*. An LSTM has
# [*gates*](../docs/glossary.md#gate) that decide what its state keeps; after pre-training the gradient reaches further.
# In training the text is cut after every 35 words, and the gradient stops there: *truncated backpropagation*.

# %%
ask("12.2")

# %% [markdown]
# ## From films to products
#
# Product reviews use other words. Those that the model knows keep their row of the embedding; each new one starts with
# the mean of all rows, as in fastai:

# %% tags=["recorded"]
import random
from functools import cache

from course_utils.data.text.words import build_vocabulary


@cache
def read(count):
    texts = data.reviews(None, seed=0, split=(100, 500))
    chosen = random.Random(0).sample(texts.unlabelled, min(count, len(texts.unlabelled)))
    return texts, split_words(chosen)


# %%
texts, words = read(6_000)
vocabulary = build_vocabulary(words, most=8_000, least_often=3)
known = set(films.vocabulary)
new = [word for word in vocabulary if word not in known]
print(f"{len(words):,} texts, whose labels we don't look at, with {len(vocabulary):,} frequent words")
print(f"{len(new)} of them are new to the model, such as {', '.join(new[:12])}")

# %% [markdown]
# A [*perplexity*](../docs/glossary.md#perplexity) of 50 means that the model is as unsure as if it had to choose among 50
# equally likely words. We measure it, train the model on these texts for one epoch, and measure again:

# %% tags=["recorded"]
from course_utils.data.text.word_loaders import language_loaders, word_loaders
from course_utils.tasks.language import classifier_learner, language_learner, perplexity, right_share
from course_utils.training.text.ulmfit import fit_ulmfit


def tune(model, words, epochs, seed=0):
    set_seed(seed)
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
# Both used the same first words and random numbers. Without a single label, the model has picked up what these reviews are
# about. What did the films contribute? Another model starts from random weights:

# %%
set_seed(0)
unread = tune(backbones.awd_lstm(None, vocabulary), words, epochs=1)
print(f"without the films: perplexity {perplexity(unread, test):.0f} after the same {len(words):,} texts")

# %%
ask("12.3")

# %% [markdown]
# ## From language model to classifier
#
# The classifier keeps the embedding and the LSTM layers, called the *encoder*. A new head takes the decoder's place. It
# reads the last hidden state, and the maximum and the mean over all of them (*concat pooling*). Our `classifier_learner`
# calls fastai's `text_classifier_learner`.

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
from course_utils.display import points, show_result, show_table

labelled = label(texts, 20, seed=0)
dls = word_loaders(labelled, vocabulary, bs=8)
scores = {name: right_share(trained(dls, model, 0, 12, 4e-3)) for name, model in (("ours", products), ("random", None))}
said = f"{scores['ours']:.1%} with the language model, {scores['random']:.1%} from random weights"
show_result(f"accuracy with 40 labelled reviews: {said}", expected=not texts.real or scores["ours"] > 0.6)

# %% [markdown]
# That is one draw of forty labels. Before you see ten, guess. (Those ten used public reviews; the few
# hundred that we wrote can't tune a language model.)

# %%
ask("12.5")

# %% [markdown]
# ## What are the texts worth?
#
# We trained language models on 0 to 30,000 product reviews, for two epochs each, from the film model or from random
# weights. Each classifier got 20 labels per class and 60 steps. Its learning rate is the best of five, chosen once for its
# language model, on two other draws of 40 labels and 200 validation labels.

# %% tags=["recorded"]
STARTS = {"began with films": "DEFAULT", "began with random weights": None}
COUNTS = {"began with films": (0, 1_000, 8_000, 30_000), "began with random weights": (0, 30_000)}


# %% tags=["recorded"]
@cache
def language_model(weights, count, run=0):
    words = read(30_000)[1]
    set_seed(run)
    model = backbones.awd_lstm(weights, build_vocabulary(words, most=8_000, least_often=3))
    return tune(model, words[:count], epochs=2, seed=run) if count else model


# %% tags=["recorded"]
RATES = (2.5e-4, 1e-3, 4e-3, 1.6e-2, 6.4e-2)
DRAWS = {20: (100, 101), 100: (100,), 500: (100,)}  # by labels per class: the draws that a learning rate is chosen on
RATE = {}  # what was chosen


# %% tags=["recorded"]
def search(arm, rates, score, labels, seed):
    if (arm, labels) not in RATE:
        valid = {lr: sum(score(lr, draw, "valid") for draw in DRAWS[labels]) for lr in rates}
        RATE[arm, labels] = max(valid, key=valid.get)
    lr = RATE[arm, labels]
    return {"labels": labels, "learning rate": lr, "score": score(lr, seed, "test")}


# %% tags=["recorded"]
BATCH_AND_EPOCHS = {20: (8, 12), 100: (16, 5), 500: (16, 1)}  # by labels per class: 60 to 65 steps


@cache
def loaders(labels, seed):
    vocabulary = language_model(None, 0).vocabulary
    return word_loaders(label(read(0)[0], labels, seed), vocabulary, BATCH_AND_EPOCHS[labels][0])


# %% tags=["recorded"]
@cache
def recurrent(weights, count, labels, seed, run=0, **pieces):
    model, epochs = language_model(weights, count, run), BATCH_AND_EPOCHS[labels][1]

    def score(lr, draw, split):
        return right_share(trained(loaders(labels, draw), model, draw, epochs, lr, **pieces), split)

    return search((weights, count, run, *pieces), RATES, score, labels, seed)


# %% tags=["recorded:unlabelled"]
def unlabelled(seed):
    arms = [(start, count) for start in STARTS for count in COUNTS[start]]
    told = [{"strategy": start, "unlabelled": count / 1000} for start, count in arms]
    return [row | recurrent(STARTS[start], count, 20, seed) for row, (start, count) in zip(told, arms, strict=True)]


# %%
from course_utils.experiments import recorded
from course_utils.plots import plot_learning_curve

runs = recorded("12/unlabelled")
axis = "thousands of unlabelled texts"
plot_learning_curve(runs.table.rename(columns={"unlabelled": axis}), axis, title="Accuracy with 40 labelled texts")
print(f"learning rates chosen, of {RATES}: {sorted(runs.table['learning rate'].unique().tolist())}")

# %%
from course_utils.statistics import paired_difference

few, some, more, many = (runs.scores("began with films", unlabelled=count) for count in (0, 1, 8, 30))
none, alone = (runs.scores("began with random weights", unlabelled=count) for count in (0, 30))
pairs = {"30,000 products": (alone, none), "the films alone": (few, none), "films before 30,000": (many, alone)}
for name, pair in (pairs | {"1,000 after films": (some, few), "8,000 after films": (more, few)}).items():
    print(f"gain from {name}: {points(*paired_difference(*pair))} percentage points")

# %% [markdown]
# From random weights, thirty thousand unlabelled texts raise the accuracy by about 18 percentage points. A thousand add far
# less: after the films, our interval reaches from a small loss to about eight points. And the films? Alone they add
# three points at most, and before 30,000 product reviews we saw no gain.

# %%
ask("12.10")

# %% [markdown]
# ## The three pieces of ULMFiT's training
#
# Large steps could wipe out what the encoder has learned. So the
# [paper](https://arxiv.org/abs/1801.06146) uses [*gradual unfreezing*](../docs/glossary.md#gradual-unfreezing), head
# first; [*discriminative learning rates*](../docs/glossary.md#discriminative-learning-rates), divided by 2.6 from each
# group to the one below; and a *slanted triangular* schedule, which rises quickly and falls slowly:

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
# Table 7 of the [paper](https://arxiv.org/abs/1801.06146) asks this. Here it is in miniature, for the model that read films
# and 30,000 product reviews. A fifth row trains the last layer alone. Each row has its best of five learning rates, chosen
# on only two draws of labels:

# %% tags=["recorded"]
PIECES = {"last layer only": {"last_only": True}, "discriminative": {"discriminative": True}}
PIECES |= {"slanted": {"slanted": True}, "gradual": {"gradual": True}}
PIECES |= {"all three": {"slanted": True, "discriminative": True, "gradual": True}}


# %% tags=["recorded:pieces"]
def pieces(seed):
    return [{"strategy": name} | recurrent("DEFAULT", 30_000, 20, seed, **how) for name, how in PIECES.items()]


# %%
from course_utils.plots import plot_differences

runs = recorded("12/pieces")
effects = {name: paired_difference(runs.scores(name), many) for name in PIECES}
careful, rates = runs.scores("all three"), runs.table.groupby("strategy")["learning rate"].first()
print(f"learning rates, of {RATES}:", ", ".join(f"{name} {lr:g}" for name, lr in rates.items()))
plot_differences(effects, against="a constant learning rate", title="What each piece adds (40 labels)")

# %% [markdown]
# All three together are about two percentage points ahead. Don't count on it: one interval of five may leave out zero by
# luck, and the learning rates add luck. No single piece adds over three. In
# [table 7](https://arxiv.org/abs/1801.06146), the validation error on IMDb's film reviews falls from 6.87% to 5.00%.

# %% [markdown]
# ## Beside other methods
#
# Two simpler methods are logistic regressions: one on [*TF-IDF*](../docs/glossary.md#tf-idf), weighted counts of words and
# pairs of words, and one on the sentence vectors of MiniLM, a small frozen BERT. Both are tuned by cross-validation on
# their own labels.

# %% tags=["recorded"]
from course_utils.experiments.text.ladder import FrozenEncoder, TfidfRegression
from course_utils.tasks import TextTask
from course_utils.tasks.running import NoValidation, train_and_score


def drawn(n_per_class, seed):
    return label(read(0)[0], n_per_class, seed)


# %% tags=["recorded"]
def encoder(way, labels, seed, split="test"):
    task = TextTask(drawn, bs=BATCH_AND_EPOCHS[labels][0], backbone="minilm")
    return train_and_score(task, way, labels, seed, split=split, cbs=[NoValidation()])[0]


# %% tags=["recorded:ladder"]
def ladder(seed):
    solved = {"TF-IDF": TfidfRegression(), "MiniLM, frozen": FrozenEncoder()}
    rows = []
    for n in BATCH_AND_EPOCHS:
        rows += [{"strategy": name, "labels": n, "score": encoder(way, n, seed)} for name, way in solved.items()]
        rows.append({"strategy": "ULMFiT"} | recurrent("DEFAULT", 30_000, n, seed))
        rows.append({"strategy": "random weights"} | recurrent(None, 0, n, seed))
    return rows


# %% [markdown]
# Counting can use unlabelled texts too: *latent semantic analysis* (LSA) finds 200 directions in the TF-IDF of
# the 30,000, and a logistic regression works on those.

# %% tags=["recorded"]
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from course_utils.training.probing import solve_linear


# %% tags=["recorded"]
@cache
def directions():
    texts, counts = read(0)[0].unlabelled, TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=3)
    chosen = random.Random(0).sample(texts, min(30_000, len(texts)))
    return make_pipeline(counts, TruncatedSVD(200, random_state=0)).fit(chosen)


# %% tags=["recorded:counting"]
def lsa(labels, seed):
    texts = drawn(labels, seed)
    train, test = (directions().transform(texts.texts(name)) for name in ("train", "test"))
    weight, bias = solve_linear(train, texts.targets("train"), classes=2)
    return ((test @ weight.T + bias).argmax(1) == texts.targets("test")).mean()


def counting(seed):
    return [{"strategy": "LSA", "labels": labels, "score": lsa(labels, seed)} for labels in BATCH_AND_EPOCHS]


# %% [markdown]
# MiniLM needn't stay frozen. In lesson 11 all its layers were tuned on as many reviews, in 24 to 63 steps, on other draws
# and test sets. The table shows the learning rates; those for 100 and 500 labels rest on one draw.

# %%
import pandas as pd

runs, counts = recorded("12/ladder"), recorded("12/counting")
fine = recorded("11/products").table.query("strategy == 'all layers' and on == 'products'")
everything = pd.concat([runs.table, counts.table, fine.assign(strategy="MiniLM, all layers")])
plot_learning_curve(everything, title="Six methods, by labelled reviews (ULMFiT at one constant learning rate)")
trained_arms = runs.table.dropna().groupby(["strategy", "labels"], as_index=False)
show_table(trained_arms["learning rate"].first(), decimals=5)

# %%
for name, table in {"TF-IDF": runs, "LSA": counts, "MiniLM, frozen": runs}.items():
    pairs = {n: (runs.scores("ULMFiT", labels=n), table.scores(name, labels=n)) for n in BATCH_AND_EPOCHS}
    gains = [f"{n} labels {points(*paired_difference(*pair))}" for n, pair in pairs.items()]
    print(f"ULMFiT minus {name}:", "; ".join(gains))

# %%
ask("12.11")

# %%
frozen = [runs.scores("MiniLM, frozen", labels=labels) for labels in (20, 100)]
for how, scores in {"without the three pieces": many, "with them": careful}.items():
    at_40, at_200 = (points(*paired_difference(scores, other)) for other in frozen)
    print(f"ULMFiT's 40 labels, {how}, against frozen MiniLM's 40: {at_40}")
    print(f"   its 40, and 280 to choose the learning rate, against frozen MiniLM's 200: {at_200}")
print(f"random weights minus TF-IDF, 20 labels: {points(*runs.difference('random weights', 'TF-IDF', labels=20))}")

# %% [markdown]
# ULMFiT is ahead of counting and the frozen MiniLM. With 500 labels its learning rate is the lowest of the grid, so a lower
# one may do better. But for 40 labels, the choice took 280 more. Give the frozen MiniLM 200, and ULMFiT isn't ahead:
# without the three pieces, it is behind. Lesson 11's MiniLM is close.

# %%
saved = paired_difference(alone, runs.scores("random weights", labels=500))
print(f"30,000 texts and 40 labels, minus 1,000 labels alone, both from random weights: {points(*saved)}")

# %% [markdown]
# From random weights, 30,000 texts took 40 labels as far as 1,000 labels went alone, within two points.

# %% [markdown]
# ## Another pair of language models
#
# Would another pair of language models say the same about the films? Here is one from other random numbers:

# %% tags=["recorded:again"]
def again(seed):
    return [{"strategy": start} | recurrent(weights, 30_000, 20, seed, run=1) for start, weights in STARTS.items()]


# %% tags=["recorded:perplexities"]
def perplexities(seed):
    test = random.Random(seed).sample(split_words(read(0)[0].texts("test")), 500)
    found = {start: perplexity(language_model(weights, 30_000, 1), test) for start, weights in STARTS.items()}
    return [{"metric": "perplexity", "strategy": start, "score": score} for start, score in found.items()]


# %%
second = recorded("12/again").difference("began with films", "began with random weights")
print(f"films before 30,000: first pair {points(*paired_difference(many, alone))}, second pair {points(*second)}")
recorded("12/perplexities")

# %% [markdown]
# Neither pair shows a gain: the second interval goes up to half a point. Yet the films lower the perplexity. A better
# language model isn't always a better classifier.

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
# - **Another language.** The model has read only English, in lower case.
# - **More text.** The paper's general model read 103 million words of [Wikipedia](https://arxiv.org/abs/1801.06146); this
#   one read 1.4 million.
# - **Another test set.** All ten draws share one; the intervals only cover the luck of the draw.
# - **Text from the test set.** A language model that has read it can make the test optimistic. Ours hasn't.
# - **Another model's vocabulary.** Each number would stand for a different word, though all shapes fit. Our helpers
#   compare the vocabularies and stop you.

# %% [markdown]
# ## Recap
#
# - A language model learns from text alone, since each word is the label of those before it.
# - Tuned on 30,000 texts of the target, it made 40 labels go as far as 1,000 alone; 1,000 texts did far less.
# - The film reviews lowered the perplexity, but we saw no gain in accuracy from them.
# - Ten draws can't settle whether ULMFiT's pieces of careful training help. Test such extras on your own data.
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
