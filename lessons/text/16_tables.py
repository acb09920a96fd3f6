# %% [markdown]
# # 16 · What can one table lend another?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/16_tables.ipynb)
#
# A small bank has labelled two weeks of card payments, and a large bank offers to lend it a model. A new bookshop opens, and a
# chain offers to share what it knows about readers. Neither has images or texts, only tables. Is the loan worth taking? You
# will compare it with rivals that need no network.

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("16_tables")

# %% [markdown]
# ## A working result
#
# Our code simulates the small bank's payments, as the [Fraud Detection
# Handbook](https://fraud-detection-handbook.github.io/fraud-detection-handbook/) does, so we know what caused each fraud. On two
# weeks of labels, we train *boosted trees*: a hundred small decision trees, each correcting those before it.

# %% tags=["recorded"]
from functools import cache, lru_cache, partial
from itertools import product

import numpy as np
import pandas as pd

from course_utils import data
from course_utils.experiments import Logistic, Rules, Trees, recorded
from course_utils.tasks import average_precision, card_precision

# %%
bank = data.transactions(2, seed=course.seed)
print(bank)
scores = Trees(rate=0.05).fit(bank.train).score(bank.test)
print(f"average precision {average_precision(bank.test, scores):.1%}, share of fraud {bank.test.fraud.mean():.1%}")
print(f"of the alarms for the 5 most suspicious cards a day, {card_precision(bank.test, scores):.1%} were right")

# %% [markdown]
# Accuracy would tell us nothing here: if you call every payment genuine, you are right about 99 times in 100. [*Average
# precision*](../docs/glossary.md#average-precision) measures how close to the top of the list the frauds are; a random order
# scores about the share of fraud. *Card precision* is what the bank's staff see: they have time to check five cards a day.

# %%
from course_utils.quiz import ask, found, predict

ask("16.1")

# %% [markdown]
# ## What a model is told
#
# A single payment tells you little. You need to know what came before it, for the customer and for the terminal. So each row
# also holds counts, means and shares of fraud over the last 1, 7 and 28 days. `ratio` compares the amount with the customer's
# mean, on a logarithmic scale.

# %%
from course_utils.display import points, show_result, show_table

columns = ["hour", "category", "channel", "paid", "ratio", "customer count 1", "terminal risk 28", "cause"]
frauds = bank.test[bank.test.fraud].drop_duplicates("cause")
show_table(pd.concat([bank.test.head(2), frauds])[columns], "Two payments, and one fraud of each kind")

# %% [markdown]
# Nothing in a payment gives away a *compromised terminal*; at best, the terminal's recent share of fraud does. A *stolen card* pays
# unusually much, for goods that are easy to resell. In *testing*, thieves try card numbers at night with tiny sums, and use them
# the next day. After the training weeks, at both banks, thieves turn to other goods.

# %%
sets = {"training weeks": bank.train, "test weeks": bank.test}
counts = {name: one[one.cause == "stolen"].category.value_counts() for name, one in sets.items()}
counts = pd.DataFrame(counts).fillna(0).sort_values("test weeks", ascending=False)
show_table(counts.head(8), "What was bought with stolen cards, number of payments", decimals=0)

# %%
ask("16.2")

# %% [markdown]
# ## Which methods do we compare?
#
# On its own, the small bank B can use rules, a logistic regression, boosted trees, or a *network with entity embeddings*. That
# network, fastai's `TabularModel`, learns a vector for each category of shop and each hour, as a language model does for words
# ([Guo and Berkhahn 2016](https://arxiv.org/abs/1604.06737)).

# %% tags=["recorded"]
load = lru_cache(6)(data.transactions)
WEEKS = (1, 2, 4, 8)


def rows(found, **given):
    return [{**given, "metric": name, "score": value} for name, value in found.items()]


# %% tags=["recorded"]
def judged(table, scores):
    return {"average precision": average_precision(table, scores), "card precision": card_precision(table, scores)}


# %% [markdown]
# The large bank, A, has labelled eight weeks of its own payments. It trains trees and a network, each with the best of
# five learning rates on A's own validation weeks:

# %% tags=["recorded"]
from course_utils.tasks import carry_over, fraud_scores, payment_features, payment_learner, train_payments


@cache
def a_trees(seed, rate):
    return Trees(rate=rate).fit(load(bank="A", seed=seed).train).score


# %% tags=["recorded"]
@cache
def a_network(seed, lr):
    learn = payment_learner(load(bank="A", seed=seed).train, bs=1024, seed=seed)
    return train_payments(learn, 500, lr, seed=seed)


# %% tags=["recorded"]
AT_A = {"A's trees": a_trees, "A's network": lambda seed, lr: partial(fraud_scores, a_network(seed, lr))}
A_GRID = {"A's trees": (0.02, 0.05, 0.1, 0.2, 0.4), "A's network": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)}


# %% tags=["recorded:bank_a:2"]
def bank_a(seed):
    table, found = load(bank="A", seed=1000 + seed).valid, []
    for arm, settings in A_GRID.items():
        for setting in settings:
            score = average_precision(table, AT_A[arm](1000 + seed, setting)(table))
            found += rows({"average precision": score}, strategy=arm, setting=setting)
    return found


# %% tags=["recorded"]
@cache
def best(arm, weeks=None):
    runs = recorded("16/bank_a" if weeks is None else "16/bank_b").table
    runs = runs[runs.strategy == arm]
    runs = runs if weeks is None else runs[runs.weeks == weeks]
    return float(runs.groupby("setting").score.mean().idxmax())


# %%
for name, one in {"A, eight weeks": load(bank="A", seed=course.seed), "B, two weeks": bank}.items():
    print(f"{name}: {len(one.train):,} payments to train on, {one.train.fraud.sum():,} of them fraud")

# %% [markdown]
# What could A lend? *The network*: B fine-tunes all of its weights, or trains a new head on frozen ones. *The trees*: B mixes
# their scores with those of its own. Or *the table itself*, if the law allows that. The last two need no network, so they
# are the rivals that fine-tuning has to beat.


# %% tags=["recorded"]
def scratch(seed, train, lr):
    return partial(fraud_scores, train_payments(payment_learner(train, seed=seed), 100, lr, seed=seed))


def fine_tuned(seed, train, lr):
    learn = carry_over(a_network(seed, best("A's network")), train)
    return partial(fraud_scores, train_payments(learn, 100, lr, seed=seed))


# %% tags=["recorded"]
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


# %% tags=["recorded"]
def new_head(seed, train, strength):
    read = partial(payment_features, a_network(seed, best("A's network")))
    head = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    head.fit(read(train), train.fraud)
    return lambda table: head.decision_function(read(table))


# %% tags=["recorded"]
def both_tables(seed, train, rate):
    table = pd.concat([load(bank="A", seed=seed).train, train], ignore_index=True)
    return Trees(rate=rate).fit(table).score


# %% tags=["recorded"]
def both_models(seed, train, ours):
    mine, theirs = Trees(rate=0.05).fit(train).score, a_trees(seed, best("A's trees"))
    return lambda table: ours * mine(table) + (1 - ours) * theirs(table)


# %% [markdown]
# Each of B's methods has one setting to choose, from six values: the share of payments that a rule may flag, the strength of a
# regression, a learning rate, or the weight of B's trees in the mixture.

# %% tags=["recorded"]
AT_B = {
    "rules": (lambda seed, train, share: Rules(share).fit(train).score, (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)),
    "logistic regression": (lambda seed, train, c: Logistic(c).fit(train).score, (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1)),
    "trees": (lambda seed, train, rate: Trees(rate).fit(train).score, (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)),
    "network from scratch": (scratch, (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)),
}

# %% tags=["recorded"]
AT_B |= {
    "fine-tuned": (fine_tuned, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    "new head": (new_head, (1e-2, 0.1, 1, 10, 100, 1000)),
    "trees of both banks": (both_models, (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)),
}


# %% tags=["recorded:bank_b:2"]
def bank_b(seed):
    found = []
    for weeks, (arm, (fit, settings)) in product(WEEKS, AT_B.items()):
        bank = load(weeks, seed=1000 + seed)
        for setting in settings:
            score = average_precision(bank.valid, fit(1000 + seed, bank.train, setting)(bank.valid))
            found += rows({"average precision": score}, strategy=arm, weeks=weeks, setting=setting)
    return found


# %% [markdown]
# Unless we say otherwise, every claim below rests on ten simulated *worlds*, each with its own thieves, customers and terminals.
# Settings were chosen beforehand, on the validation weeks of two other worlds; trees on both tables keep A's.


# %% tags=["recorded"]
def arms_at_b(seed, weeks):
    train = load(weeks, seed=seed).train
    fitted = {arm: fit(seed, train, best(arm, weeks)) for arm, (fit, _) in AT_B.items()}
    fitted["trees on both tables"] = both_tables(seed, train, best("A's trees"))
    return fitted | {arm: fit(seed, best(arm)) for arm, fit in AT_A.items()}


# %% tags=["recorded:fraud"]
def fraud(seed):
    found = []
    for weeks in WEEKS:
        test = load(weeks, seed=seed).test
        for arm, score in arms_at_b(seed, weeks).items():
            found += rows(judged(test, score(test)), strategy=arm, weeks=weeks)
    return found


# %% [markdown]
# ## By time, or at random?
#
# We test on weeks that come after the training weeks, with a gap of a week, because a bank needs about that long to learn which
# payments were fraud. Many tutorials split at random instead. What would our models score then, with eight weeks of payments?


# %% tags=["recorded:leak"]
def leak(seed):
    found = []
    for by, arm in product(("time", "chance"), ("logistic regression", "trees", "network from scratch")):
        bank = data.transactions(8, seed=seed, by=by)
        scores = AT_B[arm][0](seed, bank.train, best(arm, 8))(bank.test)
        found += rows(judged(bank.test, scores), strategy=arm, split=by)
    return found


# %%
predict("16.3")

# %%
from course_utils.statistics import paired_difference

leaks, average = recorded("16/leak"), {"metric": "average precision"}
leaked = {}
for arm in leaks.table.strategy.unique():
    chance, time = (leaks.scores(arm, split=by, **average) for by in ("chance", "time"))
    means = {"at random": f"{chance.mean():.1%}", "by time": f"{time.mean():.1%}"}
    leaked[arm] = means | {"difference, points": points(*paired_difference(chance, time))}
show_table(pd.DataFrame.from_dict(leaked, orient="index"), "Average precision, split in two ways (means of ten worlds)")

# %%
gap = paired_difference(*(leaks.scores("trees", split=by, **average) for by in ("chance", "time")))
found("16.3", 100 * gap[0])
show_result(f"a random split adds {points(*gap)} points to the trees' average precision", expected=gap[0] > gap[1])

# %% [markdown]
# If you split at random, payments with the same stolen card end up in both sets, and the training set shows what thieves will
# buy in the test weeks. The trees and the network may use both; we only measured the sum. For the logistic regression, we see no
# gain beyond three points: it probably can't memorise single cases.

# %%
ask("16.4")

# %% [markdown]
# ## What does the large bank's network know?
#
# Let's watch one run first. A's network has only seen A's payments. At B, each category must keep its number and each amount its
# scale, or the weights would mean nothing.

# %%
learn = a_network(course.seed, best("A's network"))
borrowed = fraud_scores(learn, bank.test)
print(f"A's network as it is: average precision {average_precision(bank.test, borrowed):.1%}")
tuned = fraud_scores(train_payments(carry_over(learn, bank.train), 100, best("fine-tuned", 2)), bank.test)
print(f"fine-tuned on two weeks: {average_precision(bank.test, tuned):.1%}")

# %% [markdown]
# One run proves nothing. Now for the ten worlds:

# %%
predict("16.5")

# %%
from course_utils.plots import plot_learning_curve

runs = recorded("16/fraud")
arms = ["fine-tuned", "A's network", "trees on both tables", "trees", "network from scratch", "logistic regression"]
shown = runs.table[(runs.table.metric == "average precision") & runs.table.strategy.isin(arms)]
title = "Average precision in ten worlds"
plot_learning_curve(shown, "weeks", arms=arms, xlabel="weeks of labels at bank B", title=title)

# %% [markdown]
# The bands mostly show how worlds differ. The tables below compare methods within each world.


# %% tags=["result"]
def ahead(one, other, weeks, metric="average precision"):
    return runs.difference(one, other, weeks=weeks, metric=metric)


lead = ahead("fine-tuned", "trees", 2)
found("16.5", 100 * lead[0])
sentence = f"with two weeks of labels, fine-tuning is {points(*lead)} points ahead of trees"
show_result(sentence, expected=lead[0] > lead[1])

# %% [markdown]
# With only B's labels and a hundred steps, trees are ahead of this network from four weeks on; more steps will change that. Every
# method that has learned from bank A is ahead of every method that hasn't, but B's own trees close in as its labels grow.

# %%
rivals = ["network from scratch", "trees", "A's network", "new head", "trees of both banks", "trees on both tables"]
table = {weeks: [points(*ahead("fine-tuned", arm, weeks)) for arm in rivals] for weeks in WEEKS}
table = pd.DataFrame(table, index=pd.Index(rivals, name="fine-tuned minus"))
show_table(table, "Average precision, points, by weeks of labels")

# %% [markdown]
# *Trees of both banks* mix two models' scores; *trees on both tables* are one model of all payments. So the last row is fair. There, fine-tuning leads by two or
# three points. How much of that comes from tuning? Only with eight weeks do we see a gain over A's network as it is, and its
# interval barely excludes zero.

# %%
others = [("trees on both tables", "trees"), ("A's network", "A's trees"), ("A's network", "trees on both tables")]
others += [("trees of both banks", "A's trees")]
table = {weeks: [points(*ahead(*pair, weeks)) for pair in others] for weeks in WEEKS}
table = pd.DataFrame(table, index=[" minus ".join(pair) for pair in others])
show_table(table, "Average precision, points, by weeks of labels")

# %% [markdown]
# Most of the lead isn't owed to tuning: A's network is already ahead of A's trees at B. A's table helps B's trees most with few
# labels; with eight weeks, its gain has halved. Mixing both banks' trees hardly helps.

# %%
ask("16.6")

# %% [markdown]
# ## Did the rivals get a fair chance?
#
# Are these results real, or did we choose the rivals' settings badly? The trees on both tables kept A's learning rate, a hundred
# rounds, and at least 20 payments in a leaf. So we searched thirty ways to grow trees, in the same two worlds; the code comes
# near the end of the lesson.

# %%
searched, fair = recorded("16/fair_trees"), {}
for weeks, arm in product((2, 8), ("trees", "trees on both tables")):
    before, after = (one.scores(arm, weeks=weeks, **average) for one in (runs, searched))
    tuned_scores = runs.scores("fine-tuned", weeks=weeks, **average)
    gaps = {"fine-tuned minus trees above": (tuned_scores, before), "gained by the search": (after, before)}
    fair[f"{arm}, {weeks} weeks"] = {name: points(*paired_difference(*gap)) for name, gap in gaps.items()}
show_table(pd.DataFrame.from_dict(fair, orient="index"), "Average precision, points: what the search changes")

# %% [markdown]
# The search gained nothing that we can see, and with eight weeks it made the trees on both tables worse, probably because two worlds
# are too few to choose among thirty ways (lesson 10). So we let the trees cheat: we try six of the ways on the test weeks
# themselves. Can any of them close the gap?

# %%
ways, table = recorded("16/hindsight"), {}
for way, weeks in product(ways.table.strategy.unique(), (2, 8)):
    given = {"weeks": weeks, **average}
    gap = paired_difference(runs.scores("fine-tuned", **given), ways.scores(way, **given))
    table.setdefault(f"learning rate {way}", {})[f"{weeks} weeks"] = points(*gap)
show_table(pd.DataFrame.from_dict(table, orient="index"), "Fine-tuned minus trees on both tables, points")

# %% [markdown]
# Even with that look, none of these six gets ahead of fine-tuning, and the best is on average less than half a point better than
# ours. (We left out 300 rounds, higher learning rates and smaller leaves.)
#
# The networks could complain too: a hundred steps aren't many. What changes with five hundred?

# %%
patient, more = recorded("16/longer"), {}
pairs = [("network from scratch", "trees"), ("fine-tuned", "trees on both tables"), ("fine-tuned", "A's network")]
for weeks, (arm, rival) in product((2, 8), pairs):
    given = {"weeks": weeks, **average}
    both, other = {"100 steps": runs, "500 steps": patient}, runs.scores(rival, **given)
    gaps = {steps: points(*paired_difference(one.scores(arm, **given), other)) for steps, one in both.items()}
    more[f"{arm} minus {rival}, {weeks} weeks"] = gaps
show_table(pd.DataFrame.from_dict(more, orient="index"), "Average precision, points, by steps of training")

# %% [markdown]
# With eight weeks and more steps, the network from scratch catches up with the trees, as far as we can see; with two, it's clearly
# behind. Fine-tuning gets worse: with two weeks, it falls behind A's network as it is, and we no longer see a lead over trees on both
# tables.

# %% [markdown]
# How much of this do the bank's staff notice, at five cards a day?

# %%
cards = runs.table[runs.table.metric == "card precision"]
table = 100 * cards.pivot_table(index="strategy", columns="weeks", values="score", sort=False)
show_table(table, "Right alarms (%) at five cards a day, by weeks of labels (means of ten worlds)", decimals=1)
pair = ("fine-tuned", "trees on both tables")
gaps = {weeks: [points(*ahead(*pair, weeks, "card precision"))] for weeks in WEEKS}
show_table(pd.DataFrame(gaps, index=[" minus ".join(pair)]), "Right alarms, points, by weeks of labels")

# %% [markdown]
# At five cards a day, we can't tell fine-tuning from trees on both tables. If A may not share its
# table, it can still lend a model, though that may give away something about its customers too.

# %%
ask("16.7")

# %% [markdown]
# ## How many cards can you check?
#
# Choose how many cards the staff check each day. The *recall* on the right is the share of cards with fraud that they find:

# %%
from course_utils.controls import alerts_slider

alerts_slider(bank.test, {"trees": scores, "fine-tuned": tuned})

# %% [markdown]
# Which frauds do they find?


# %%
def caught(scores, cards=5):
    days = bank.test.assign(score=scores, day=bank.test.time.dt.normalize())
    best_of = days.groupby(["day", "customer"]).score.transform("max")
    first = best_of.groupby(days.day).transform(lambda one: one.drop_duplicates().nlargest(cards).min())
    return (best_of >= first)[days.fraud].groupby(days.cause).mean()


show_table(pd.DataFrame({"trees": caught(scores), "fine-tuned": caught(tuned)}), "Share of frauds on the cards checked")

# %%
ask("16.8")

# %% [markdown]
# ## A new shop
#
# The chain has 500 books and 1,500 readers. The new shop has 400 readers; it sells 240 of the chain's books, and 100 that nobody
# has rated yet. Which book does a reader choose next? We test on each reader's last rating and validate on the one before:
# *leave-last-out*.

# %% tags=["recorded"]
from course_utils.tasks import factorise, neighbours, next_item_scores, popularity

RATED = (1, 5, 10, 20)
shops = cache(data.ratings)


# %% tags=["recorded"]
def next_ones(shop, scores, split="test"):
    return next_item_scores(scores, shop.matrix(), shop.items.sold.to_numpy(), getattr(shop, split))


# %%
shop = shops(5, seed=course.seed)
print(shop)
show_table(shop.items[["title", "about", "retold"]].head(3), "Two blurbs of each book, by two writers")
for name, recommend in {"popularity": popularity, "neighbours": neighbours}.items():
    print(name, {measure: f"{value:.1%}" for measure, value in next_ones(shop, recommend(shop.matrix())).items()})

# %% [markdown]
# *Recall@10* is the share of readers whose next book is among the ten that we recommend; *NDCG@10* gives more credit for a place
# near the top. Popularity recommends the same books to everybody. *Neighbours* recommends books read by the people who also read
# yours.

# %%
ask("16.9")

# %% [markdown]
# *Matrix factorisation* learns a vector for each reader and each book, and recommends the books whose vectors point in
# the same direction as the reader's.
# The chain can lend its books' vectors. So we compare random starting vectors (*cold*) with the chain's (*warm*), frozen or
# tuned.


# %% tags=["recorded"]
@cache
def big_shop(seed):
    shop = shops(shop="big", seed=seed)
    return factorise(shop.matrix(), shop.items.sold.to_numpy(), decay=3, seed=seed).items


# %% [markdown]
# The chain has no vectors for the 100 new books, but they have blurbs, which MiniLM (lesson 11) turns into numbers. A *ridge
# regression*, a linear regression with a penalty on large weights, learns on the chain's books to predict a book's vector from
# those numbers. A new book that starts from a predicted vector is *placed*.

# %% tags=["recorded"]
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV

from course_utils.backbones import embed, minilm, minilm_tokenizer


# %% tags=["recorded"]
@cache
def vectors(seed, blurb, reader):
    books = shops(seed=seed).items
    if reader == "MiniLM":
        return embed(minilm("DEFAULT"), minilm_tokenizer(), books[blurb].tolist()).numpy()
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(books.about).transform(books[blurb]).toarray()


# %% tags=["recorded"]
@cache
def from_blurbs(seed, blurb="about", reader="MiniLM"):
    known = shops(shop="big", seed=seed).items.sold.to_numpy()
    ridge = RidgeCV(np.logspace(-2, 3, 11)).fit(vectors(seed, "about", reader)[known], big_shop(seed)[known])
    return torch.tensor(ridge.predict(vectors(seed, blurb, reader)), dtype=torch.float32)


# %% tags=["recorded"]
@cache
def placed(seed):
    known = torch.tensor(shops(shop="big", seed=seed).items.sold.to_numpy())
    return torch.where(known[:, None], big_shop(seed), from_blurbs(seed))


# %% tags=["recorded"]
STARTS = {"cold": (None, False), "warm, frozen": (big_shop, True), "warm, tuned": (big_shop, False)}
STARTS |= {"placed, frozen": (placed, True), "placed, tuned": (placed, False)}


def recommended(seed, shop, arm, decay):
    start, frozen = STARTS[arm]
    given = {"start": start(seed) if start else None, "frozen": frozen, "decay": decay, "seed": seed}
    return factorise(shop.matrix(), shop.items.sold.to_numpy(), **given).scores()


# %% [markdown]
# The penalty pulls readers' vectors to zero and books' vectors back to where they started; if it is very strong, only popularity
# is left. For each method and number of ratings, we choose the best of six on the validation ratings of two other worlds.

# %% tags=["recorded:decays:2"]
DECAYS = (0.3, 1, 3, 10, 30, 100)


def decays(seed):
    found = []
    for rated, arm, decay in product(RATED, STARTS, DECAYS):
        shop = shops(rated, seed=1000 + seed)
        scores = recommended(1000 + seed, shop, arm, decay)
        found += rows(next_ones(shop, scores, "valid"), strategy=arm, rated=rated, decay=decay)
    return found


# %% tags=["recorded"]
@cache
def best_decay(arm, rated):
    runs = recorded("16/decays").table
    runs = runs[(runs.strategy == arm) & (runs.rated == rated) & (runs.metric == "NDCG@10")]
    return float(runs.groupby("decay").score.mean().idxmax())


# %% tags=["recorded"]
def lists(seed, rated):
    shop, big = shops(rated, seed=seed), shops(shop="big", seed=seed)
    ours = shop.matrix()
    found = {"popularity": popularity(ours), "neighbours": neighbours(ours)}
    found["neighbours, both shops"] = neighbours(ours, np.concatenate([ours, big.matrix()]))
    return found | {arm: recommended(seed, shop, arm, best_decay(arm, rated)) for arm in STARTS}


# %% tags=["recorded:new_shop"]
def new_shop(seed):
    found = []
    for rated in RATED:
        shop = shops(rated, seed=seed)
        for arm, scores in lists(seed, rated).items():
            found += rows(next_ones(shop, scores), strategy=arm, rated=rated)
    return found


# %%
predict("16.10")

# %%
shop_runs = recorded("16/new_shop")
arms = ["placed, frozen", "warm, tuned", "warm, frozen", "cold", "neighbours", "popularity"]
shown = shop_runs.table[(shop_runs.table.metric == "recall@10") & shop_runs.table.strategy.isin(arms)]
title = "Recall@10 in ten worlds"
plot_learning_curve(shown, "rated", arms=arms, xlabel="ratings per reader in the new shop", title=title)

# %%
lead = shop_runs.difference("warm, tuned", "cold", rated=20, metric="recall@10")
found("16.10", 100 * lead[0])
show_result(f"with 20 ratings, the chain's vectors add {points(*lead)} points", expected=lead[0] > lead[1])

# %% [markdown]
# With one rating per reader, we see nothing that beats popularity. From five on, the chain's vectors do if you tune them; a cold
# start needs ten. Frozen ones fall behind, and with 20 ratings they do worse than a cold start. If the new books are placed by
# their blurbs first, freezing costs at most two points.

# %%
pairs = [("warm, tuned", "popularity"), ("warm, tuned", "cold"), ("warm, frozen", "cold"), ("placed, frozen", "cold")]
pairs += [("warm, frozen", "warm, tuned"), ("placed, tuned", "placed, frozen")]
pairs += [("neighbours, both shops", "neighbours")]
gaps = {
    rated: [points(*shop_runs.difference(*pair, rated=rated, metric="recall@10")) for pair in pairs] for rated in RATED
}
gaps = pd.DataFrame(gaps, index=[" minus ".join(pair) for pair in pairs])
show_table(gaps, "Recall@10, points, by ratings per reader")

# %% [markdown]
# The last row holds a surprise. If neighbours also learn from the chain's readers, they do better with few ratings, though
# still far worse than popularity, and worse with 10 or 20 per reader, perhaps because no reader of the chain has rated
# a new book.

# %%
ask("16.11")

# %% [markdown]
# ## Books that nobody has rated
#
# Now look only at the 100 new books. Readers get their vectors from books that the chain knows, and the new books from their
# blurbs. Do you need a language model for that, or is it enough to count words (TF-IDF, lesson 11)? And what if another writer says
# the same things in other words?

# %%
predict("16.12")


# %% tags=["recorded"]
@cache
def unread(seed):
    big, shop = shops(shop="big", seed=seed), shops(20, seed=seed)
    new = shop.items.sold.to_numpy() & ~big.items.sold.to_numpy()
    bought = pd.concat([shop.train, shop.test])
    old = np.where(new, 0, shop.matrix())
    old[~old.any(1)] = 1  # who bought new books alone likes all others alike
    return new, bought[new[bought.item]], old


# %% tags=["recorded"]
def new_scores(seed, book_vectors):
    new, bought, old = unread(seed)
    readers = factorise(old, np.ones(len(new), bool), start=big_shop(seed), frozen=True, decay=3).users
    return next_item_scores((readers @ book_vectors.T).numpy(), np.zeros_like(old), new, bought)


# %% tags=["recorded:new_books"]
def new_books(seed):
    found = rows(new_scores(seed, torch.zeros_like(big_shop(seed))), strategy="chance", blurb="none")
    for blurb, reader in product(("about", "retold"), ("TF-IDF", "MiniLM")):
        found += rows(new_scores(seed, from_blurbs(seed, blurb, reader)), strategy=reader, blurb=blurb)
    return found


# %%
books = recorded("16/new_books")
table = books.table[books.table.metric == "recall@10"].pivot_table(index="strategy", columns="blurb", values="score")
names = {"about": "same writer", "retold": "another writer", "none": "no blurb"}
show_table((100 * table).rename(columns=names), "Recall@10 (%) among 100 new books", decimals=1)
for reader, blurb in product(("MiniLM", "TF-IDF"), ("about", "retold")):
    one = books.scores(reader, blurb=blurb, metric="recall@10")
    gap = paired_difference(one, books.scores("chance", blurb="none", metric="recall@10"))
    print(f"{reader}, {names[blurb]}: {points(*gap)} points beside chance")

# %%
lead = books.difference("MiniLM", "TF-IDF", blurb="retold", metric="recall@10")
found("16.12", 100 * lead[0])
sentence = f"on another writer's blurbs, MiniLM is {points(*lead)} points ahead of counting words"
show_result(sentence, expected=lead[0] > lead[1])

# %% [markdown]
# If one writer writes all the blurbs, counting words does as well as the language model, to within a point, because the same
# phrases come up again. If another writer writes the new ones, we can't tell counted words from chance, while MiniLM keeps more
# than half of its lead over chance.

# %%
ask("16.13")

# %% [markdown]
# ## Back to the bank: how we tried other settings
#
# We grew trees in thirty ways in the two worlds of the other choices, and took the best ways to the ten worlds.

# %% tags=["recorded"]
# learning rate, rounds, fewest payments in a leaf
GROWTH = list(product((0.02, 0.05, 0.1, 0.2, 0.4), (100, 300), (5, 20, 80)))


def both_grown(seed, train, way):
    table = pd.concat([load(bank="A", seed=seed).train, train], ignore_index=True)
    return Trees(*GROWTH[way]).fit(table).score


# %% tags=["recorded"]
GROWN = {"trees": lambda seed, train, way: Trees(*GROWTH[way]).fit(train).score, "trees on both tables": both_grown}


# %% tags=["recorded:grown:2"]
def grown(seed):
    found = []
    for weeks, arm, way in product((2, 8), GROWN, range(len(GROWTH))):
        bank = load(weeks, seed=1000 + seed)
        score = average_precision(bank.valid, GROWN[arm](1000 + seed, bank.train, way)(bank.valid))
        found += rows({"average precision": score}, strategy=arm, weeks=weeks, way=way)
    return found


# %% tags=["recorded"]
@cache
def best_way(arm, weeks):
    runs = recorded("16/grown").table
    runs = runs[(runs.strategy == arm) & (runs.weeks == weeks)]
    return int(runs.groupby("way").score.mean().idxmax())


# %% tags=["recorded:fair_trees"]
def fair_trees(seed):
    found = []
    for weeks, arm in product((2, 8), GROWN):
        bank = load(weeks, seed=seed)
        score = GROWN[arm](seed, bank.train, best_way(arm, weeks))
        found += rows(judged(bank.test, score(bank.test)), strategy=arm, weeks=weeks)
    return found


# %% [markdown]
# The best learning rate of A's network was the last of its grid, so we tried three times as much:


# %% tags=["recorded:wider:2"]
def wider(seed):
    table, found = load(bank="A", seed=1000 + seed).valid, []
    for lr in (3e-2, 1e-1, 3e-1):
        score = average_precision(table, fraud_scores(a_network(1000 + seed, lr), table))
        found += rows({"average precision": score}, strategy="A's network", setting=lr)
    return found


# %%
higher = recorded("16/wider").table.pivot_table(index="seed", columns="setting", values="score", margins=True)
higher = higher.drop(columns="All").rename_axis("world").rename({0: "first", 1: "second", "All": "mean"})
higher = (100 * higher).rename(columns="{:g}".format)
show_table(higher, "Average precision (%) by learning rate, in two worlds", decimals=1)

# %% [markdown]
# On average, 0.1 stays the best, so we kept it.

# %% [markdown]
# We also gave B's networks five times as many steps, and chose their learning rates again:


# %% tags=["recorded"]
def more_steps(arm, seed, train, lr):
    fresh = arm == "network from scratch"
    learn = payment_learner(train, seed=seed) if fresh else carry_over(a_network(seed, best("A's network")), train)
    return partial(fraud_scores, train_payments(learn, 500, lr, seed=seed))


# %% tags=["recorded:longer_rates:2"]
def longer_rates(seed):
    found = []
    for weeks, arm in product((2, 8), ("network from scratch", "fine-tuned")):
        bank = load(weeks, seed=1000 + seed)
        for lr in AT_B[arm][1]:
            score = average_precision(bank.valid, more_steps(arm, 1000 + seed, bank.train, lr)(bank.valid))
            found += rows({"average precision": score}, strategy=arm, weeks=weeks, setting=lr)
    return found


# %% tags=["recorded:longer"]
def longer(seed):
    chosen, found = recorded("16/longer_rates").table, []
    for (arm, weeks), tried in chosen.groupby(["strategy", "weeks"]):
        bank, lr = load(weeks, seed=seed), float(tried.groupby("setting").score.mean().idxmax())
        scores = more_steps(arm, seed, bank.train, lr)(bank.test)
        found += rows(judged(bank.test, scores), strategy=arm, weeks=weeks)
    return found


# %% [markdown]
# Finally, six ways to grow trees on both tables, all judged on the test weeks of the ten worlds:


# %% tags=["recorded:hindsight"]
def hindsight(seed):
    found = []
    for weeks, (way, (rate, rounds, leaf)) in product((2, 8), enumerate(GROWTH)):
        if rate <= 0.1 and rounds == 100 and leaf >= 20:
            bank = load(weeks, seed=seed)
            scores = both_grown(seed, bank.train, way)(bank.test)
            found += rows(judged(bank.test, scores), strategy=f"{rate}, leaves of {leaf}", weeks=weeks)
    return found


# %% [markdown]
# ## Back to the bookshop: both shops' ratings
#
# If the chain shares its ratings, you can factorise both tables at once. A joint model learns one popularity for both shops,
# so we also tune its books' vectors on our readers alone. From outside, we take *alternating least squares* from the
# library [implicit](https://benfred.github.io/implicit/), on our ratings.

# %% tags=["recorded"]
from course_utils.tasks import implicit_factors, implicit_neighbours


@cache
def joint(seed, rated, decay=3):
    both = np.concatenate([shops(rated, seed=seed).matrix(), shops(shop="big", seed=seed).matrix()])
    return factorise(both, np.ones(both.shape[1], bool), decay=decay, seed=seed)


# %% tags=["recorded"]
def cold_both(seed, shop, rated, decay):
    return joint(seed, rated, decay).scores()[: len(shop.matrix())]


def joint_tuned(seed, shop, rated, decay):
    given = {"start": joint(seed, rated).items, "decay": decay, "seed": seed}
    return factorise(shop.matrix(), shop.items.sold.to_numpy(), **given).scores()


# %% tags=["recorded"]
def squares(seed, shop, rated, setting):
    factors, decay = ALS_GRID[int(setting)]
    return implicit_factors(shop.matrix(), shop.items.sold.to_numpy(), factors=factors, decay=decay, seed=seed)


# %% tags=["recorded"]
ALS_GRID = list(product((2, 4, 8, 16), (1, 3, 10, 30, 100)))  # size of the vectors, penalty
LEARNED = {"cold, both shops": (cold_both, DECAYS), "joint, tuned here": (joint_tuned, DECAYS)}
LEARNED |= {"implicit's ALS": (squares, range(len(ALS_GRID)))}


# %% tags=["recorded"]
@cache
def joint_tried(arm, rated, setting):
    worlds = {seed: shops(rated, seed=seed) for seed in (1000, 1001)}
    scores = {seed: LEARNED[arm][0](seed, shop, rated, setting) for seed, shop in worlds.items()}
    return np.mean([next_ones(shop, scores[seed], "valid")["NDCG@10"] for seed, shop in worlds.items()])


# %% tags=["recorded"]
@cache
def best_setting(arm, rated):
    return max(LEARNED[arm][1], key=partial(joint_tried, arm, rated))


# %% tags=["recorded:both_shops"]
def both_shops(seed):
    found = []
    for rated, (arm, (fit, _)) in product(RATED, LEARNED.items()):
        shop, setting = shops(rated, seed=seed), best_setting(arm, rated)
        found += rows(next_ones(shop, fit(seed, shop, rated, setting)), strategy=arm, rated=rated, setting=setting)
    return found


# %%
learned, gaps = recorded("16/both_shops"), {}
rivals = {"cold": shop_runs, "popularity": shop_runs, "warm, tuned": shop_runs, "placed, tuned": shop_runs}
for rated, arm, (rival, other) in product(RATED, LEARNED, rivals.items()):
    given = {"rated": rated, "metric": "recall@10"}
    gap = paired_difference(learned.scores(arm, **given), other.scores(rival, **given))
    gaps.setdefault(f"{arm} minus {rival}", {})[rated] = points(*gap)
show_table(pd.DataFrame.from_dict(gaps, orient="index"), "Recall@10, points, by ratings per reader")

# %% [markdown]
# Factorised at once, both tables do worse than popularity with few ratings per reader. With 20, we can't tell them from the
# chain's tuned vectors; nor does tuning the joint ones lead.
#
# implicit's factors beat popularity only with 20 ratings; their best setting was often at our grid's end. Its neighbours
# should be ours:

# %%
ours = shop.matrix()
gap = np.abs(implicit_neighbours(ours, ours.shape[1]) - neighbours(ours)).max()
print(f"With all neighbours kept, no score differs from ours by more than {gap:.0e}.")
for closest in (20, ours.shape[1]):
    found_here = next_ones(shop, implicit_neighbours(ours, closest))["recall@10"]
    print(f"implicit, {closest} closest books kept: recall@10 {found_here:.1%}")

# %% [markdown]
# By default, implicit keeps only the 20 closest books of each book, the book itself among them.

# %% [markdown]
# ## Back to the bank: A's score as a column
#
# B's trees could also read A's verdict: A sends its model, B scores every payment with it, and the score becomes one more column.
# We tried that with A's trees and with A's network, and chose the trees' learning rate as before.

# %%
predict("16.15")


# %% tags=["recorded"]
def with_score(lender, seed, train, rate):
    score = AT_A[lender](seed, best(lender))
    trees = Trees(rate, more=("score of A",)).fit(train.assign(**{"score of A": score(train)}))
    return lambda table: trees.score(table.assign(**{"score of A": score(table)}))


# %% tags=["recorded"]
TOLD = {f"trees told the score of {lender}": partial(with_score, lender) for lender in AT_A}
TOLD_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.4)


# %% tags=["recorded"]
@cache
def tried(arm, weeks, rate):
    banks = {seed: load(weeks, seed=seed) for seed in (1000, 1001)}
    scores = {seed: TOLD[arm](seed, bank.train, rate)(bank.valid) for seed, bank in banks.items()}
    return {seed: average_precision(bank.valid, scores[seed]) for seed, bank in banks.items()}


# %% tags=["recorded"]
def told_rate(arm, weeks):
    return max(TOLD_RATES, key=lambda rate: sum(tried(arm, weeks, rate).values()))


# %% tags=["recorded:told"]
def told(seed):
    found = []
    for weeks, (arm, fit) in product(WEEKS, TOLD.items()):
        bank, rate = load(weeks, seed=seed), told_rate(arm, weeks)
        given = {"strategy": arm, "weeks": weeks, "setting": rate}
        found += rows(judged(bank.test, fit(seed, bank.train, rate)(bank.test)), **given)
    return found


# %%
informed, table = recorded("16/told"), {}
for weeks, arm in product(WEEKS, TOLD):
    scores = informed.scores(arm, weeks=weeks, **average)
    for rival in ("trees", arm.removeprefix("trees told the score of "), "trees on both tables"):
        gap = points(*paired_difference(scores, runs.scores(rival, weeks=weeks, **average)))
        table.setdefault(f"{arm} minus {rival}", {})[weeks] = gap
show_table(pd.DataFrame.from_dict(table, orient="index"), "Average precision, points, by weeks of labels")

# %%
told_by_network = informed.scores("trees told the score of A's network", weeks=2, **average)
gap = paired_difference(told_by_network, runs.scores("A's network", weeks=2, **average))
found("16.15", 100 * gap[0])

# %% [markdown]
# The column helps B's trees a little, but A's score alone does far better. Why, we didn't test: trees may find other columns that
# fit by chance, or lose the score's fine order in their steps. (In two of eight cases, the best learning rate was our smallest.) Test a
# borrowed score by itself first.

# %% [markdown]
# ## A metric with a trap
#
# If you subtract 10 from every score, the order stays the same, so recall should too. Does it?

# %%
from torchmetrics.functional.retrieval import retrieval_recall

wanted = torch.tensor([True, False, False])
for shift in (0, -10):
    print(retrieval_recall(torch.tensor([3.0, 2.0, 1.0]) + shift, wanted, top_k=1))

# %% [markdown]
# torchmetrics' recall never counts an item with a score of 0 or less as found, and it doesn't warn you. Taste vectors give such
# scores all the time. That's why `next_item_scores` passes ranks instead of scores.

# %% [markdown]
# ## Tables of your own
#
# `data.ratings(source="movielens")` downloads [MovieLens 100K](https://grouplens.org/datasets/movielens/100k/) and divides it
# into two shops. `data.payments` and `data.rated` take your own tables, and refuse what they can't use:

# %%
from course_utils.errors import CourseError

payments = bank.test.assign(amount=bank.test.paid)
spoiled = [lambda: data.payments(payments.iloc[::-1]), lambda: data.payments(payments.assign(amount=-1.0))]
spoiled += [lambda: data.payments(payments), lambda: data.rated(shop.train.assign(rating=9))]

# %%
for load_it in spoiled:
    try:
        load_it()
    except CourseError as refusal:
        print(refusal)

# %% [markdown]
# The public [card-fraud set](https://www.kaggle.com/datasets/mlg-ulb/creditcardfraud) has real payments of two days, without
# customers, terminals or a second bank, so nothing could be borrowed. The full profile downloads it, and climbs a short ladder.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier

GIVEN = {"early_stopping": False, "random_state": 0}
LADDER = {
    "trees": [HistGradientBoostingClassifier(learning_rate=rate, **GIVEN) for rate in (0.005, 0.02, 0.1)],
    "logistic regression": [make_pipeline(StandardScaler(), LogisticRegression(C=c)) for c in (1e-3, 1e-2, 0.1)],
}


# %%
def on_public(public, models):
    columns = [*(f"V{number}" for number in range(1, 29)), "amount"]
    fitted = [model.fit(public.train[columns], public.train.fraud).decision_function for model in models]
    chosen = max(fitted, key=lambda score: average_precision(public.valid, score(public.valid[columns])))
    return f"{average_precision(public.test, chosen(public.test[columns])):.1%}"


# %%
try:
    for by in ("time", "chance"):
        public = data.card_fraud(by=by, seed=course.seed)
        found_there = {name: on_public(public, models) for name, models in LADDER.items()}
        print(f"by {by}: share of fraud {public.test.fraud.mean():.2%}; average precision {found_there}")
except CourseError as refusal:
    print(refusal)

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** split by time, and leave a gap as long as labels take to arrive.
# - **Do** try boosted trees first, and trees on both tables beside anything that you transfer.
# - **Do** test the borrowed model as it is before you tune it.
# - **Don't** trust a recommender that wasn't compared with popularity.
# - **Don't** freeze borrowed vectors while new items have none.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 16.A — what the bank knows
#
# Write `known_risk(payments, now, days, delay)`: the share of fraud among a terminal's payments whose day is later than
# `now - delay - days` and no later than `now - delay`. `payments` is a list of pairs (day, fraud), where fraud is 0 or 1. If
# there are no such payments, return 0.


# %% tags=["solution"]
def known_risk(payments, now, days, delay):
    ### BEGIN SOLUTION
    end = now - delay
    known = [fraud for day, fraud in payments if end - days < day <= end]
    return sum(known) / len(known) if known else 0
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("16.A", known_risk)

# %% [markdown] tags=["exercise"]
# ### Exercise 16.B — right alarms
#
# Write `right_alarms(cards, number)`: the share of right alarms if the `number` most suspicious cards of each day are checked.
# `cards` is a list of (day, score, fraud), one for each card and day, where fraud is 0 or 1. If a day has fewer cards than that,
# divide by `number` all the same. If there are no days, return 0.


# %% tags=["solution"]
def right_alarms(cards, number):
    ### BEGIN SOLUTION
    days, right = {day for day, _, _ in cards}, 0
    for one in days:
        of_day = sorted((card for card in cards if card[0] == one), key=lambda card: -card[1])
        right += sum(fraud for _, _, fraud in of_day[:number])
    return right / (number * len(days)) if days else 0
    ### END SOLUTION


# %% tags=["check"]
check("16.B", right_alarms)

# %% [markdown]
# ## What would break this
#
# - **Simulated data.** We gave both banks the same thieves. Real banks may share less, or more.
# - **Feedback.** A real bank blocks a card once it has checked it. Here, alarms change nothing.
# - **Money.** A fraud of 2 counts as much as one of 2,000.
# - **Blurbs.** Ours come in a few wordings each. Real blurbs say less about taste.
# - **Rivals.** Our joint factorisation knows no blurbs, and has one popularity for both shops. A better one might get ahead.
# - **Time.** Our readers' tastes never change, and no friends, prices or recommendations influence them.

# %% [markdown]
# ## Recap
#
# - A random split puts the same case into both sets. Split by time, with a gap.
# - With few labels, what bank A had learned counted for more than the method; with eight weeks, both counted about as much.
# - The borrowed network did about as well untuned, and at best two or three points better than trees on both tables.
# - Borrowed vectors, tuned or placed, beat popularity from five ratings on; factorising both tables brought no visible lead.
# - Counting words places new books if the wordings repeat; a language model can do it even if they don't, though less well.

# %% [markdown]
# ## Quiz

# %%
ask("16.14")

# %%
from course_utils.quiz import summary

summary("16")

# %% [markdown]
# ## Further reading
#
# - [Le Borgne et al. 2022](https://fraud-detection-handbook.github.io/fraud-detection-handbook/): the Fraud Detection Handbook.
# - [Grinsztajn et al. 2022](https://arxiv.org/abs/2207.08815): why trees still outperform networks on tables.
# - [Levin et al. 2023](https://arxiv.org/abs/2206.15306): transfer learning with deep tabular models.
# - [Dacrema et al. 2019](https://arxiv.org/abs/1907.06902): neural recommenders beside well-tuned simple ones.
# - [Guo and Berkhahn 2016](https://arxiv.org/abs/1604.06737): entity embeddings of categorical variables.
