# %% [markdown]
# # 12 · What is text without labels worth?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/12_ulmfit.ipynb)
#
# A shop has thousands of product reviews, but somebody has labelled only forty of them as positive or negative. Can the
# thousands without labels still help a classifier? In 2018 [ULMFiT](https://arxiv.org/abs/1801.06146) said yes, and made
# fine-tuning standard practice for text. You will rebuild it, and find out which of its pieces matter here.

# %%
from importlib.util import find_spec

if not find_spec("course_utils"):  # on Colab or Kaggle, or with this notebook alone
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("12_ulmfit")

# %% [markdown]
# ## A model that continues a text
#
# A [*language model*](../docs/glossary.md#language-model) predicts the next word of a text. It needs no labels: each word
# is the right answer to what follows the words before it. This one has read 1,800 film reviews and nothing else. The
# second beginning below isn't one that films are reviewed with:

# %%
from course_utils import backbones, data
from course_utils.tasks.language import next_words, write

films = backbones.awd_lstm("DEFAULT")
for start in ("this film is", "the price is"):
    print(write(films, start, words=30, seed=5))
next_words(films, "this film is one of the").round(3)

# %% [markdown]
# To guess well, it had to learn some grammar, and what people say of films. Can a classifier of *products* use that?

# %%
from course_utils.quiz import ask

ask("12.1")

# %% [markdown]
# ## Reading word by word
#
# The network is [*recurrent*](../docs/glossary.md#recurrent-network): two LSTM layers keep a *hidden state*, numbers that
# sum up what has been read, and update it at each word. A table called the *embedding* holds a row of numbers for each
# word. The *decoder*, which turns the state into a score for each possible next word, uses the same table.

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
# Half of the weights belong to words. Sharing the table is called *tying*; without it, the decoder would need another.
#
# How far back does the model learn? Take the loss at one word, and compute its
# [gradient](../docs/glossary.md#gradient) with respect to the embedding of each earlier word. The longer it is, the more
# that word affects what is learned:

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
# With each word further back the gradient is multiplied by one more derivative, and it *vanishes*. An LSTM has *gates*
# that decide what its state keeps; after pre-training the gradient reaches further. In training the text is cut after
# every 35 words, and the gradient stops there: *truncated backpropagation*.

# %%
ask("12.2")

# %% [markdown]
# ## From films to products
#
# Product reviews use other words. Those that the model knows keep their row of the embedding; each new one starts with
# the mean of all rows, as in fastai:

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
# A [*perplexity*](../docs/glossary.md#perplexity) of 50 means that the model is as unsure as if it had to choose among 50
# equally likely words. We measure it, train the model on these texts for one epoch, and measure again:

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
# Same first words, same random numbers. Without a label, the model has picked up what these reviews are about. What did the films contribute? Another one starts from random weights:

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
# That is a single draw of forty labels. Before you see ten, make a guess:

# %%
ask("12.5")

# %% [markdown]
# ## What are the texts worth?
#
# We trained language models on 0 to 30,000 product reviews, for two epochs each, from the film model or from random
# weights. Each classifier got 20 labels per class, 60 steps, and whichever of three learning rates did best on the
# validation set, which has 200 labels more.

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

few, some, more, many = (runs.scores("began with films", unlabelled=count) for count in (0, 1, 8, 30))
none, alone = (runs.scores("began with random weights", unlabelled=count) for count in (0, 30))
pairs = {"30,000 products": (alone, none), "the films alone": (few, none), "films before 30,000": (many, alone)}
for name, pair in (pairs | {"1,000 after films": (some, few), "8,000 after films": (more, few)}).items():
    print(f"gain from {name}: {points(*paired_difference(*pair))} percentage points")

# %% [markdown]
# Thirty thousand unlabelled texts raise the accuracy by about 16 percentage points. From a thousand we could not see more
# than about three. And from the films? If there is a gain, our intervals limit it to about three points alone, and to one
# before 30,000 product reviews: for this pair of language models, on these 1,000 test texts.

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
# Table 7 of the [paper](https://arxiv.org/abs/1801.06146) asks this on three data sets. Here it is in miniature, from the
# model that read films and 30,000 products, with the same labels and search. A fifth row trains the last layer alone:

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
print(f"{at_ends:.0%} of the chosen learning rates lie at an end of the grid, so a wider one may find better")
plot_differences(effects, against="all layers at one constant learning rate", title="What each piece adds (40 labels)")

# %% [markdown]
# None adds more than about two percentage points here; of five intervals one leaves out zero, which luck alone may do. In
# [table 7](https://arxiv.org/abs/1801.06146) all three together lower the validation error on IMDb's film reviews from
# 6.87% to 5.00%.

# %% [markdown]
# ## Beside other methods
#
# How does this compare with simpler methods? Two of them are logistic regressions: on *TF-IDF*, weighted counts of words
# and pairs of words, and on the sentence vectors of MiniLM, a small BERT that stays frozen. Chance is one half.

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


# %% [markdown]
# Counting can use the texts without labels as well: *latent semantic analysis* finds 200 directions in the TF-IDF of the
# 30,000, and the regression works on those. We also recorded how well each language model predicts the test set:

# %% tags=["recorded"]
from sklearn.decomposition import TruncatedSVD


@cache
def directions():
    texts, counts = read(0)[0].unlabelled, TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=3)
    chosen = random.Random(0).sample(texts, min(30_000, len(texts)))
    return make_pipeline(counts, TruncatedSVD(200, random_state=0)).fit(chosen)


# %% tags=["recorded:counting"]
def counting(seed):
    rows = []
    for labels in BATCH_AND_EPOCHS:
        texts = label(read(0)[0], labels, seed)
        train, test = (directions().transform(texts.texts(name)) for name in ("train", "test"))
        fitted = linear(StandardScaler()).fit(train, texts.targets("train"))
        rows.append({"strategy": "LSA", "labels": labels, "score": fitted.score(test, texts.targets("test"))})
    return rows


# %% tags=["recorded:perplexities"]
def perplexities(seed):
    test = random.Random(seed).sample(split_words(read(0)[0].texts("test")), 500)
    named = {"began with films": language_models("DEFAULT"), "began with random weights": language_models(None)}
    scored = [(name, count, perplexity(model, test)) for name, made in named.items() for count, model in made.items()]
    kept = {"metric": "perplexity"}
    return [kept | {"strategy": name, "unlabelled": count / 1000, "score": score} for name, count, score in scored]


# %%
runs, counts = recorded("12/ladder"), recorded("12/counting")
lsa = {labels: counts.scores("LSA", labels=labels) for labels in (20, 100)}
print(f"ULMFiT on 30,000 texts, with 20 labels per class: {many.mean():.1%}")
print(f"LSA, with 20 and 100 labels per class: {lsa[20].mean():.1%}, {lsa[100].mean():.1%}")
runs

# %%
rivals = {name: runs.scores(name, labels=20) for name in ("TF-IDF", "MiniLM, frozen")}
for name, scores in (rivals | {"LSA": lsa[20]}).items():
    print(f"ULMFiT minus {name}, 20 labels per class: {points(*paired_difference(many, scores))} percentage points")
at_200 = paired_difference(many, runs.scores("MiniLM, frozen", labels=100))
print(f"its 40 + 200 labels against MiniLM's 200: {points(*at_200)}")
print(f"random weights minus TF-IDF: {points(*paired_difference(none, rivals['TF-IDF']))}")

# %% [markdown]
# Is ULMFiT ahead? It chose its learning rate on 200 labels that the others didn't get. Give MiniLM 200 labels to train
# on, and we can't tell the two apart. Without the 30,000 texts, the recurrent network is behind counting words. And MiniLM
# can be fine-tuned too.

# %%
predicted = recorded("12/perplexities").summary()
show_table(predicted.assign(unlabelled=1000 * predicted.unlabelled)[["strategy", "unlabelled", "mean"]], decimals=0)

# %% [markdown]
# With 30,000 product reviews, the films still lower the perplexity, but we saw no gain in accuracy from it.

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
# - **Another language.** All was made from English film reviews of the 1990s, in lower case.
# - **More text.** The paper's general model read 103 million words of [Wikipedia](https://arxiv.org/abs/1801.06146); this
#   one read 1.4 million.
# - **Another test set, or another language model.** All ten draws share them; the intervals are about the labels drawn.
# - **Text from the test set.** A language model that has read the test texts can make the test optimistic. Ours reads only
#   texts that are in neither the validation nor the test set.
# - **The vocabulary of another model.** Each number would stand for another word, and yet all shapes fit. Our helpers
#   compare the vocabularies and stop you.

# %% [markdown]
# ## Recap
#
# - A language model learns from text alone, since each word is the label of those before it.
# - Tuned on 30,000 texts of the target, it made forty labels go much further; a thousand texts were too few.
# - The film reviews lowered the perplexity, but we saw no gain in accuracy from them.
# - ULMFiT's three pieces of careful training mattered little here. Test such extras on your own data.
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
