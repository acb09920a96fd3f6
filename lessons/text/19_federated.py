# %% [markdown]
# # 19 · Can you train on data that may not travel?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/19_federated.ipynb)
#
# Ten sorting plants photograph rubbish on their belts. They belong to rival companies, so no photograph may leave the
# plant that took it, and each plant has too few for a good network. Hospitals have the same problem with their patients'
# scans. Can they still train one network together, and what does that give away?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("19_federated")

# %% [markdown]
# ## A working result
#
# The photographs are those of lesson 01: rubbish of six materials. Each plant, called a
# [*client*](../docs/glossary.md#client), trains a [head](../docs/glossary.md#head) on the
# course's [frozen](../docs/glossary.md#freezing) network, and sends its weights to a server, which sends back their average.
# After five such [*rounds*](../docs/glossary.md#communication-round):

# %%
from course_utils import surgery, training
from course_utils.tasks import ImageTask
from course_utils.training import federated

learn = ImageTask("recycling", size=48, bs=16, head="linear").learner(course.seed, 40, training.HeadOnly(1))
surgery.freeze(learn, batchnorm="fixed")
clients = federated.clients_of(learn, clients=10, alpha=0.1, seed=course.seed)
federated.federate(learn.model, clients, rounds=5, lr=0.3, batchnorm="fixed")
print(f"{federated.accuracy(learn.model, federated.pooled(learn, 'test')):.1%} of the test photographs right")

# %% [markdown]
# Only weights would have travelled. From here on we compute each photograph's [features](../docs/glossary.md#feature), the
# output of the frozen body, only once, and keep them. A head then trains in a fraction of a second.

# %% tags=["recorded"]
from copy import deepcopy
from functools import partial
from math import inf

import numpy as np
import torch

from course_utils import surgery, training

# %% tags=["recorded"]
from course_utils.data.clients import label_counts, split_among_clients
from course_utils.experiments import Experiment, all_rungs, recorded
from course_utils.tasks import ImageTask
from course_utils.training import federated

PLANTS, LABELS, ROUNDS = 10, 40, 20
plants = ImageTask("recycling", size=48, bs=16, head="linear")


# %% tags=["recorded"]
def frozen_features(seed, labels=LABELS):
    learn = plants.learner(seed, labels, training.HeadOnly(1, 1e-2))
    body = torch.nn.Sequential(learn.model[0], *list(learn.model[1].children())[:-1])
    splits = ("train", "valid", "test")
    features = federated.through(body, [federated.pooled(learn, split) for split in splits])
    return {"head": deepcopy(learn.model[1][-1])} | dict(zip(splits, features, strict=True))


# %% tags=["recorded"]
MIXES = {"alike": inf, "skewed": 0.1}


def divided(everyone, mix, seed):
    parts = split_among_clients(everyone.labels.cpu().numpy(), PLANTS, MIXES[mix], seed=seed)
    return [federated.Client(everyone.inputs[part], everyone.labels[part]) for part in parts]


# %% tags=["recorded"]
def after(model, clients, lr, seed, **how):
    return federated.federate(deepcopy(model), clients, **{"rounds": ROUNDS, "lr": lr, "seed": seed} | how).model


# %%
own = frozen_features(course.seed)
clients = divided(own["train"], "skewed", course.seed)
together = after(own["head"], clients, 0.3, course.seed)
alone = [after(own["head"], [client], 0.3, course.seed) for client in clients]
print(f"together, 20 rounds: {federated.accuracy(together, own['test']):.1%} of the test photographs right")
print(f"each plant alone: {np.mean([federated.accuracy(head, own['test']) for head in alone]):.1%} on average")
print(f"always the most frequent material: {int(own['test'].counts(6).max()) / len(own['test']):.1%}")

# %% [markdown]
# A plant was asked about all six materials, but most have only ever seen two or three, and only those come down their belts.
# So we also weight the test photographs by each plant's *own mix* of materials:


# %% tags=["recorded"]
def scores(models, clients, photos):
    recalls = {model: federated.recalls(model, photos, 6) for model in set(models)}
    mixes = [each.counts(6).cpu().numpy() / len(each) for each in (photos, *clients)]
    every = [recalls[model] @ mixes[0] for model in models]
    own = [recalls[model] @ mix for model, mix in zip(models, mixes[1:], strict=True)]
    return {"all photographs": np.mean(every), "own mix": np.mean(own)}


# %%
from course_utils.quiz import ask, predict

predict("19.1")

# %% [markdown]
# ## Who has what
#
# We divide each material among the plants in random shares from a *Dirichlet distribution*. The smaller its parameter *alpha*,
# the more [*skewed*](../docs/glossary.md#skewed-labels) are the labels. A disc's area shows how many photographs a plant has.

# %%
from course_utils.controls import clients_slider

names, labels = list(learn.dls.vocab), own["train"].labels.cpu().numpy()
clients_slider(labels, names, clients=PLANTS, alpha=0.1, seed=course.seed)

# %%
for alpha in (0.1, 0.3, 1, inf):
    parts = split_among_clients(labels, PLANTS, alpha, seed=course.seed)
    counts = label_counts(labels, parts, names)
    print(f"alpha {alpha}: a plant has {(counts > 0).sum(axis=1).mean():.1f} of the six materials on average")

# %%
ask("19.2")

# %% [markdown]
# ## Federated averaging in twenty lines
#
# You have just used [*federated averaging*](../docs/glossary.md#federated-averaging), or FedAvg. In each round, a client trains
# for some *local* [epochs](../docs/glossary.md#epoch). The server averages what comes back, and a client with twice as many
# photographs counts twice as much.


# %%
def train_locally(model, client, epochs, lr):
    optimiser = torch.optim.SGD(model.parameters(), lr)
    for _ in range(epochs):
        for batch in torch.randperm(len(client)).split(16):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(client.inputs[batch]), client.labels[batch]).backward()
            optimiser.step()


# %%
def averaged(models, shares):
    states = [model.state_dict() for model in models]
    return {name: sum(share * state[name] for share, state in zip(shares, states, strict=True)) for name in states[0]}


# %%
def fedavg(model, clients, rounds, epochs, lr):
    shares = [len(client) / sum(map(len, clients)) for client in clients]
    for _ in range(rounds):
        local = [deepcopy(model) for _ in clients]
        for own, client in zip(local, clients, strict=True):
            train_locally(own, client, epochs, lr)
        model.load_state_dict(averaged(local, shares))


# %%
ours = deepcopy(own["head"])
torch.manual_seed(course.seed)
fedavg(ours, clients, rounds=ROUNDS, epochs=1, lr=0.3)
print(f"our own lines: {federated.accuracy(ours, own['test']):.1%} right")

# %% [markdown]
# The course's `federate` does the same. Why average? Suppose that each client takes a single step, on all of its photographs.
# The weighted average of their [gradients](../docs/glossary.md#gradient) is the gradient on all photographs. So such a round
# is one step of ordinary training, however skewed the labels are:

# %%
one_round = after(own["head"], clients, 0.3, 0, rounds=1, bs=1000)
one_step = after(own["head"], [federated.merged(clients)], 0.3, 0, rounds=1, bs=1000)
gap = (one_round.weight - one_step.weight).abs().max().item()
assert gap < 1e-5
moved = (one_step.weight - own["head"].weight).abs().max()
print(f"the step moves a weight by up to {moved:.3f}; the two results differ by {gap:.0e}")

# %%
ask("19.3")

# %% [markdown]
# With several local steps, that no longer holds. Each client moves towards weights that suit its own labels, and the
# average of ten such moves may suit nobody: [*client drift*](../docs/glossary.md#client-drift).

# %% [markdown]
# ## Alone, together, or in one place?
#
# We compare four ways to train a head, each with twenty passes. *Together* is FedAvg with one local epoch. *Together, then
# alone* is fifteen rounds of it, and then five epochs at each plant by itself. *One place* breaks the rule, and collects all
# photographs.


# %% tags=["recorded"]
def trained_heads(way, head, clients, lr, seed):
    if way == "alone":
        return [after(head, [client], lr, seed) for client in clients]
    if way == "together, then alone":
        shared = after(head, clients, lr, seed, rounds=15)
        return [after(shared, [client], lr, seed, rounds=5) for client in clients]
    return [after(head, [federated.merged(clients)] if way == "one place" else clients, lr, seed)] * PLANTS


# %% tags=["recorded"]
def head_score(way, mix, asked, features, seed, lr, split="test"):
    clients = divided(features["train"], mix, seed)
    heads = trained_heads(way, features["head"], clients, lr, seed)
    return scores(heads, clients, features[split])[asked]


WAYS = [("together", "alike"), ("together", "skewed"), ("alone", "skewed")]
WAYS += [("together, then alone", "skewed"), ("one place", "skewed")]

# %% tags=["recorded"]
RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]


def search(score):
    tried = {rate: score(rate) for rate in (0.03, 0.1, 0.3)}
    while (best := max(tried, key=tried.get)) in (min(tried), max(tried)) and RATES[0] < best < RATES[-1]:
        further = RATES[RATES.index(best) + (1 if best == max(tried) else -1)]
        tried[further] = score(further)
    return tried


# %% tags=["recorded"]
def tune(score, starts, **arm):
    tried = search(lambda rate: np.mean([score(start, seed, rate, "valid") for seed, start in starts.items()]))
    return [arm | {"lr": rate, "score": value} for rate, value in tried.items()]


def best_rates(experiment, *factors):
    tried = recorded(f"19/{experiment}").table
    return tried.loc[tried.groupby(list(factors)).score.idxmax()].set_index(list(factors)).lr.to_dict()


# %% tags=["recorded:head_tuning:1"]
def head_tuning(seed):
    rows, starts = [], {split: frozen_features(split) for split in (1000, 1001, 1002)}
    for way, mix in WAYS:
        for asked in ("all photographs", "own mix"):
            score = partial(head_score, way, mix, asked)
            rows += tune(score, starts, strategy=way, mix=mix, asked=asked)
    return rows


# %% tags=["recorded:heads"]
def heads(seed):
    features, rows = frozen_features(seed), []
    for (way, mix, asked), lr in best_rates("head_tuning", "strategy", "mix", "asked").items():
        score = head_score(way, mix, asked, features, seed, lr)
        rows += [{"strategy": way, "mix": mix, "asked": asked, "score": score}]
    return rows


# %%
from course_utils.display import points, show_result, show_table
from course_utils.plots import plot_trade_off
from course_utils.quiz import found
from course_utils.statistics import paired_difference

runs = recorded("19/heads")
skewed = runs.table[runs.table["mix"] == "skewed"]
plot_trade_off(skewed, "all photographs", "own mix", by="asked", title="Ten plants with skewed labels")

# %% tags=["result"]
lead = runs.difference("alone", "together", mix="skewed", asked="own mix")
found("19.1", 100 * lead[0])
cost = runs.difference("together", "alone", mix="skewed", asked="all photographs")
print(f"all photographs: together minus alone, {points(*cost)} points")
show_result(f"own mix: alone minus together, {points(*lead)} points", lead[0] > 0.1)

# %%
for one, other, asked in (
    ("one place", "together", "all photographs"),
    ("together, then alone", "alone", "own mix"),
    ("together, then alone", "together", "all photographs"),
):
    print(f"{asked}: {one} minus {other}, {points(*runs.difference(one, other, mix='skewed', asked=asked))} points")
alike = (runs.scores("together", mix=mix, asked="all photographs") for mix in MIXES)
print(f"all photographs, together: equal mixes minus skewed ones, {points(*paired_difference(*alike))} points")


# %%
def commonest(seed):  # always the material that a plant has most of
    everything = np.repeat(range(6), LABELS)
    parts = split_among_clients(everything, PLANTS, MIXES["skewed"], seed=seed)
    return np.mean([np.bincount(everything[part]).max() / len(part) for part in parts])


rung = [commonest(seed) for seed in range(runs.seeds)]
above = paired_difference(runs.scores("alone", mix="skewed", asked="own mix"), rung)
print(f"own mix, always a plant's commonest material: {np.mean(rung):.1%}; alone minus that, {points(*above)} points")

# %% [markdown]
# Trained together, the head gets more than twice as many of all photographs right as one trained alone. On a plant's own mix,
# its own head is far ahead. But always answering with the plant's commonest material gets three quarters right without a
# network. We come back to that.

# %% [markdown]
# ## Does a good start help?
#
# Now the whole network trains for ten passes, from [pre-trained](../docs/glossary.md#pre-trained) weights or from random
# ones. Rounds cost traffic, so you want few, with many steps in each; skewed labels want the opposite. Plants have
# equal mixes (*alike*) or skewed ones.

# %%
predict("19.4")

# %% tags=["recorded"]
PASSES, STARTS = 10, {"pre-trained": training.Full(), "from scratch": training.FromScratch()}
small = plants.changed(size=36)


def begin(start, seed):
    learn = small.learner(seed, LABELS, STARTS[start])
    surgery.unfreeze(learn)  # fastai freezes the body of a pre-trained learner
    return learn


# %% tags=["recorded"]
def network(mix, epochs, learn, seed, lr):
    clients = divided(federated.pooled(learn), mix, seed)
    return after(learn.model, clients, lr, seed, rounds=PASSES // epochs, epochs=epochs), clients


def network_score(mix, epochs, learn, seed, lr, split="test"):
    model, clients = network(mix, epochs, learn, seed, lr)
    federated.pool_statistics(model, clients)  # BatchNorm's: see the next section
    return federated.accuracy(model, federated.pooled(learn, split))


# %% tags=["recorded:tuning:1"]
def tuning(seed):
    rows = []
    for start in STARTS:
        starts = {split: begin(start, split) for split in (1000, 1001)}
        for mix, epochs in [("alike", 1), ("alike", 5), ("skewed", 1), ("skewed", 5)]:
            score = partial(network_score, mix, epochs)
            rows += tune(score, starts, strategy=start, mix=mix, epochs=epochs)
    return rows


# %% tags=["recorded:rounds"]
def rounds(seed):
    learns, rows = {start: begin(start, seed) for start in STARTS}, []
    for (start, mix, epochs), lr in best_rates("tuning", "strategy", "mix", "epochs").items():
        score = network_score(mix, epochs, learns[start], seed, lr)
        rows += [{"strategy": start, "mix": mix, "epochs": epochs, "score": score}]
    return rows


# %% tags=["recorded:ladder"]
def ladder(seed):
    return Experiment(small, all_rungs(), labels=[LABELS], seeds=[seed]).run()


# %% [markdown]
# Each arm has its own learning rate, chosen on validation photographs of two other splits. `search` tries three, and
# extends the range until the best one lies between two worse ones:


# %%
def tried_rates(experiment):
    tried = recorded(f"19/{experiment}").table.sort_values("lr").set_index("lr")
    for arm, own in tried.groupby([name for name in tried if name not in ("seed", "metric", "score", "seconds")]):
        yield ", ".join(map(str, arm if isinstance(arm, tuple) else [arm])), own.score


for arm, tried in tried_rates("tuning"):
    assert tried.iloc[1:-1].max() == tried.max()  # the best isn't only at an end
    print(f"{arm}: {tried.idxmax():g}, tried from {tried.index[0]:g} to {tried.index[-1]:g}")


# %%
def show_means(runs, rows, columns, caption):
    means = runs.summary()
    means["said"] = [f"{100 * row['mean']:.1f} ± {100 * row['half_width']:.1f}" for _, row in means.iterrows()]
    table = means.pivot(index=rows, columns=columns, values="said").reset_index().rename_axis(columns=None)
    show_table(table, f"{caption}, {runs.seeds} seeds, with 95% intervals")


# %%
runs = recorded("19/rounds")
show_means(runs, ["mix", "epochs"], "strategy", "Accuracy (%) on test photographs")

# %%
from itertools import product

from course_utils.plots import plot_differences
from course_utils.statistics import mean_interval


def skew_costs(start, epochs):
    one, other = (runs.scores(start, mix=mix, epochs=epochs) for mix in ("alike", "skewed"))
    return one - other


# %%
arms = {f"{start}, {epochs} local": (start, epochs) for start in STARTS for epochs in (1, 5)}
costs = {name: mean_interval(skew_costs(*arm)) for name, arm in arms.items()}
plot_differences(costs, against="the same arm with skewed labels", title="What skewed labels cost")

# %%
more = {n: paired_difference(skew_costs("from scratch", n), skew_costs("pre-trained", n)) for n in (1, 5)}
found("19.4", 100 * more[5][0])
for epochs, gap in more.items():
    print(f"local epochs: {epochs}; cost of skew from scratch minus its cost pre-trained: {points(*gap)} points")

# %%
for mix, epochs in product(MIXES, (1, 5)):
    lead = runs.difference("pre-trained", "from scratch", mix=mix, epochs=epochs)
    print(f"{mix}, local epochs: {epochs}; pre-trained minus from scratch: {points(*lead)} points")

# %%
for start, mix in product(STARTS, MIXES):
    gap = paired_difference(*(runs.scores(start, mix=mix, epochs=epochs) for epochs in (1, 5)))
    print(f"{start}, {mix}: one local epoch minus five, {points(*gap)} points")

# %% [markdown]
# In each case the pre-trained network is ahead, by seventeen points or more. With one local epoch, skew takes about nine
# points from it, and rather more from the other, though only just by these seeds. With five it's the other way round, but there
# the network from scratch is near guessing anyway.

# %% [markdown]
# What are these numbers worth? Here is the ladder of baselines. Its rungs use all photographs in one place, which our plants
# couldn't do.

# %%
rungs = recorded("19/ladder")
for name in rungs.table.strategy.unique():
    print(f"{name}, one place: {rungs.scores(name).mean():.1%}")
for mix, rung in (("skewed", "SVM on pixels"), ("alike", "multi-depth probe")):
    gap = paired_difference(runs.scores("pre-trained", mix=mix, epochs=1), rungs.scores(rung))
    print(f"pre-trained, {mix}, one local epoch, minus {rung} in one place: {points(*gap)} points")

# %% [markdown]
# With skew, we can't tell the pre-trained network from an SVM on pixels; without, not from a probe of the frozen network.


# %% [markdown]
# ## BatchNorm in many places
#
# [*BatchNorm*](../docs/glossary.md#batchnorm) normalises by the batch while it trains, and a plant's batch may hold
# nothing but glass. Which running statistics does the network use afterwards?

# %% [markdown]
# Four ways are in use:
#
# - *averaged*: the server averages them like weights;
# - *re-estimated*: in the end, each client sends means and variances of its own photographs;
# - *fixed*: the pre-trained statistics are kept;
# - *local*: each client keeps its own BatchNorm layers ([FedBN](https://arxiv.org/abs/2102.07623)).

# %%
ask("19.5")

# %% [markdown]
# We re-estimated them above: *fixed* would leave a network from scratch with meaningless statistics. These cells train with
# *fixed* and *local* ones, and in the next section's ways to send less:

# %% tags=["recorded"]
PARTS = [(part, "fixed", "all photographs") for part in ("everything", "LoRA and head", "head")]
PARTS += [("everything", norm, "own mix") for norm in ("fixed", "local")]


# %% tags=["recorded"]
def begin_part(part, seed):
    learn = begin("pre-trained", seed)
    if part in ("LoRA and head", "head"):
        surgery.freeze(learn, batchnorm="fixed")
    if part == "LoRA and head":
        training.add_lora(learn, rank=4)
    return learn


# %% tags=["recorded"]
def part_score(norm, asked, learn, seed, lr, split="test"):
    clients = divided(federated.pooled(learn), "skewed", seed)
    how = {"rounds": PASSES, "lr": lr, "seed": seed, "batchnorm": norm}
    done = federated.federate(deepcopy(learn.model), clients, **how)
    models = [done.model_of(client) for client in range(PLANTS)] if done.kept else [done.model] * PLANTS
    return scores(models, clients, federated.pooled(learn, split))[asked]


# %% tags=["recorded:part_tuning:1"]
def part_tuning(seed):
    rows = []
    for part, norm, asked in PARTS:
        starts = {split: begin_part(part, split) for split in (1000, 1001)}
        rows += tune(partial(part_score, norm, asked), starts, strategy=part, norm=norm, asked=asked)
    return rows


# %% tags=["recorded:parts"]
def parts(seed):
    rows = []
    for (part, norm, asked), lr in best_rates("part_tuning", "strategy", "norm", "asked").items():
        score = part_score(norm, asked, begin_part(part, seed), seed, lr)
        rows += [{"strategy": part, "norm": norm, "asked": asked, "score": score}]
    return rows


# %%
runs = recorded("19/parts")
fixed = runs.scores("everything", norm="fixed", asked="all photographs")
again = recorded("19/rounds").scores("pre-trained", mix="skewed", epochs=1)
print(f"all photographs: re-estimated minus fixed, {points(*paired_difference(again, fixed))} points")
own_mix = (runs.scores("everything", norm=norm, asked="own mix") for norm in ("local", "fixed"))
print(f"own mix: local minus fixed, {points(*paired_difference(*own_mix))} points")

# %% [markdown]
# Between *re-estimated*, *fixed* and *local* ones, ten seeds showed no clear difference. *Local* ones have a handicap: a plant
# makes so few steps that its statistics are still partly the pre-trained ones.

# %% [markdown]
# ## What travels
#
# In each round, each client receives and sends all the weights that train. [LoRA](../docs/glossary.md#lora), from lesson 17,
# trains a small change of each frozen layer. How much traffic does that save?

# %%
import pandas as pd

sizes = {
    part: federated.megabytes_sent(begin_part(part, course.seed).model, "fixed")
    for part in ("everything", "LoRA and head", "head")
}
traffic = pd.DataFrame({"MB per plant and round, one way": sizes}).rename_axis("what trains")
traffic["MB in 10 rounds, 10 plants, both ways"] = 2 * PLANTS * PASSES * pd.Series(sizes)
traffic.round(3)

# %%
ask("19.6")

# %%
ask("19.10")

# %%
runs = recorded("19/parts")
every = {part: runs.scores(part, asked="all photographs", norm="fixed") for part in sizes}
for part, scores_of in every.items():
    share = sizes[part] / sizes["everything"]
    print(f"{part}: {scores_of.mean():.1%} with {sizes[part]:.3f} MB, {share:.2%} of everything")
for part in ("LoRA and head", "head"):
    print(f"{part} minus everything: {points(*paired_difference(every[part], every['everything']))} points")

# %% [markdown]
# In these ten passes, LoRA was no worse than training everything, rather better, with a small part of the traffic. Of the
# head alone we can't say it, give or take four points.

# %% [markdown]
# ## Plants that drop out, and one that lies
#
# Our *poisoner* sends the opposite of what it learned, ten times as large; that can move an average as far as it likes. The
# [*median*](../docs/glossary.md#coordinate-wise-median) of each weight stays in the range of what honest clients sent. So does
# a *trimmed mean*, which leaves out the two largest and the two smallest values.

# %% tags=["recorded"]
HOW = {"average": {}, "five local epochs": {"epochs": 5, "rounds": ROUNDS // 5}, "half drop out": {"dropout": 0.5}}
ROBUST = {"median": {"average": federated.coordinate_median}, "trimmed mean": {"average": federated.trimmed_mean}}
POISON = {"attacks": {0: federated.flipped(10)}}
for name, how in ({"average": {}} | ROBUST).items():
    HOW |= {name: how, f"{name}, one poisons": how | POISON}


# %% tags=["recorded"]
def robust_score(how, mix, features, seed, lr, split="test"):
    model = after(features["head"], divided(features["train"], mix, seed), lr, seed, **HOW[how])
    return federated.accuracy(model, features[split])


# %% tags=["recorded:robust_tuning:1"]
def robust_tuning(seed):
    rows, starts = [], {split: frozen_features(split) for split in (1000, 1001, 1002)}
    for how in HOW:
        for mix in MIXES:
            rows += tune(partial(robust_score, how, mix), starts, strategy=how, mix=mix)
    return rows


# %% tags=["recorded:robust"]
def robust(seed):
    features, rows = frozen_features(seed), []
    for (how, mix), lr in best_rates("robust_tuning", "strategy", "mix").items():
        rows += [{"strategy": how, "mix": mix, "score": robust_score(how, mix, features, seed, lr)}]
    return rows


# %%
for how in ("average", "average, one poisons", "median", "median, one poisons"):  # at one learning rate, to illustrate
    print(f"{how}: {robust_score(how, 'skewed', own, course.seed, 0.1):.1%}")

# %%
runs = recorded("19/robust")
show_means(runs, ["strategy"], "mix", "Accuracy (%) of the head on test photographs")

# %%
for name, mix in product(("median", "trimmed mean"), MIXES):
    lied = f"{name}, one poisons"
    pairs = [("average", name), (name, lied), (lied, "average, one poisons")]
    price, harm, lead = (points(*runs.difference(*pair, mix=mix)) for pair in pairs)
    print(f"{mix}: average minus {name} {price} points; {name} minus itself poisoned {harm};")
    print(f"    both poisoned: {name} minus average {lead}")

# %%
both = runs.difference("trimmed mean, one poisons", "median, one poisons", mix="skewed")
drop = {mix: points(*runs.difference("average", "half drop out", mix=mix)) for mix in MIXES}
print(f"average minus average with dropouts: {drop}")
print(f"skewed and poisoned: trimmed mean minus median, {points(*both)} points")

# %% [markdown]
# With equal mixes, we couldn't see either cost more than about a point, and both withstood the poisoner, for three or four.
# With skewed ones, both cost several points, perhaps since they ignore what a single plant knows, or how many photographs it
# has: we'll see. Poisoned, the trimmed mean was then ahead; of the median, we can't say it.

# %% [markdown]
# Dropouts cost five or six points; they also halve the steps.

# %%
ask("19.7")

# %% [markdown]
# ## What an update gives away
#
# No photograph has left its plant. Are its secrets safe? The gradient of the head's bias is, for each class, the mean
# predicted probability minus the share of the class in the batch. So only a class that is there can have a negative entry.


# %%
def bias_gradient(chosen):
    model, everyone = deepcopy(own["head"]), own["train"]
    torch.nn.functional.cross_entropy(model(everyone.inputs[chosen]), everyone.labels[chosen]).backward()
    return model.bias.grad


# %%
def read_labels(seed):
    secret = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:8]
    truth = torch.bincount(own["train"].labels[secret], minlength=len(names))
    return truth, federated.labels_from_bias(bias_gradient(secret), examples=8)


# %%
for title, counts in zip(("in the batch:          ", "read from the gradient:"), read_labels(1), strict=True):
    print(title, dict(zip(names, counts.tolist(), strict=True)))
wrong = [(read - truth).abs().sum().item() / 2 for truth, read in map(read_labels, range(100))]
print(f"of eight labels, {np.mean(wrong):.1f} are read wrongly, on average over a hundred batches")

# %%
ask("19.8")

# %% [markdown]
# And the photographs? For a single one, the gradient of each row of a linear layer's weights is the input, times the gradient
# of that row's bias. If a network starts with such a layer, a division gives the photograph back:

# %%
photos = federated.pooled(learn)
photo = photos.inputs[[0]]
flat = torch.nn.Linear(photo.numel(), 6).to(photo.device)
torch.nn.functional.cross_entropy(flat(photo.flatten(1)), photos.labels[[0]]).backward()
back = federated.input_from_linear(flat.weight.grad, flat.bias.grad).view_as(photo)
print(f"largest difference from the photograph: {(back - photo).abs().max():.0e}")

# %%
from fastai.vision.core import imagenet_stats

from course_utils.plots import plot_images

mean, std = (torch.tensor(each).view(3, 1, 1) for each in imagenet_stats)
pair = [(each[0].cpu() * std + mean).clamp(0, 1) for each in (photo, back)]
plot_images(pair, ["at the plant", "computed by the server"])

# %% [markdown]
# This is the easy case. But [Geiping and others](https://arxiv.org/abs/2003.14053) report images reconstructed from the
# gradients of trained deep networks, and that averaging over images or steps is no guarantee.

# %% [markdown]
# ## What hiding costs
#
# [*Differential privacy*](../docs/glossary.md#differential-privacy) makes a promise: with or without any one photograph,
# all that is sent looks nearly the same, but for a small probability δ, here 0.001.

# %% [markdown]
# Each photograph's gradient is scaled down to at most a fixed length, and noise is added. The smaller ε, the stronger the
# promise; `opacus` computes it. Each plant now has 48 photographs.

# %% tags=["recorded"]
LIMITS, DELTA = {"plain": None, "clipped": inf, "epsilon 10": 10, "epsilon 3": 3, "epsilon 1": 1}, 1e-3


def hidden(limit, clients):
    if not limit:
        return {}
    fewest = min(map(len, clients))
    noise = 0 if limit == inf else federated.noise_for(fewest, 16, ROUNDS, limit, DELTA)
    return {"train": federated.ClipAndNoise(clip=1.0, noise=noise)}


# %% tags=["recorded"]
def private_score(limit, where, features, seed, lr, split="test"):
    clients = divided(features["train"], "alike", seed) if where == "plants" else [features["train"]]
    model = after(features["head"], clients, lr, seed, **hidden(LIMITS[limit], clients))
    return federated.accuracy(model, features[split])


# %% tags=["recorded:private_tuning:1"]
def private_tuning(seed):
    rows, starts = [], {split: frozen_features(split, 80) for split in (1000, 1001)}
    for limit, where in [*((limit, "plants") for limit in LIMITS), ("plain", "one place"), ("epsilon 3", "one place")]:
        rows += tune(partial(private_score, limit, where), starts, strategy=limit, where=where)
    return rows


# %% tags=["recorded:private"]
def private(seed):
    features, rows = frozen_features(seed, 80), []
    for (limit, where), lr in best_rates("private_tuning", "strategy", "where").items():
        rows += [{"strategy": limit, "where": where, "score": private_score(limit, where, features, seed, lr)}]
    return rows


# %%
from course_utils.errors import CourseError

many = frozen_features(course.seed, 80)

# %%
try:
    for limit in ("plain", "epsilon 3"):  # at one learning rate, to illustrate
        print(f"{limit}: {private_score(limit, 'plants', many, course.seed, 0.1):.1%}")
    noises = {photographs: federated.noise_for(photographs, 16, ROUNDS, 3, DELTA) for photographs in (48, 480)}
    print(f"noise for epsilon 3: {noises[48]:.1f} with 48 photographs, {noises[480]:.1f} with 480")
except CourseError as missing:
    print(missing)

# %%
runs = recorded("19/private")
for limit in list(LIMITS)[1:]:
    cost = runs.difference("plain", limit, where="plants")
    print(f"{limit}: {runs.scores(limit, where='plants').mean():.1%}; plain minus {limit}: {points(*cost)} points")
for limit in ("plain", "epsilon 3"):
    both = (runs.scores(limit, where=where) for where in ("one place", "plants"))
    print(f"{limit}: one place minus ten plants, {points(*paired_difference(*both))} points")

# %% [markdown]
# We couldn't see clipping alone cost more than four points. Noise is what costs: an ε of 10 takes about thirteen points, 3
# nearly twice as many, and with 1 the head is hardly better than always giving the most frequent material. Hiding is cheaper
# in a crowd: 480 photographs in one place need less than half the noise.

# %%
ask("19.9")

# %% [markdown]
# ## Was the comparison fair?
#
# A plant that trains alone sees which materials it has, and how often; the shared head was never told. But a plant may add
# the logarithm of each material's share to the shared head's bias, which shifts its answers towards its own mix:


# %% tags=["recorded"]
def told(head, client):
    own = deepcopy(head)
    own.bias.data += (client.counts(6) / len(client)).clamp(min=1e-4).log()
    return own


# %% tags=["recorded:fair"]
def fair(seed):
    features, rates = frozen_features(seed), best_rates("head_tuning", "strategy", "mix", "asked")
    clients = divided(features["train"], "skewed", seed)
    shared = after(features["head"], clients, rates["together", "skewed", "own mix"], seed)
    found = scores([told(shared, client) for client in clients], clients, features["test"])
    return [{"strategy": "together, told the mix", "asked": asked, "score": found[asked]} for asked in found]


# %%
fair_runs, runs = recorded("19/fair"), recorded("19/heads")
own_mix = fair_runs.scores("together, told the mix", asked="own mix")
every = fair_runs.scores("together, told the mix", asked="all photographs")
print(f"together and told: own mix {own_mix.mean():.1%}, all photographs {every.mean():.1%}")
for way in ("alone", "together, then alone"):
    other = runs.scores(way, mix="skewed", asked="own mix")
    print(f"own mix: together and told, minus {way}: {points(*paired_difference(own_mix, other))} points")

# %% [markdown]
# So the comparison wasn't fair. Knowing the mix is enough to make up for the whole lead: once told, the shared head is ahead.
# It then knows less of other materials, so a plant keeps the original too.

# %% [markdown]
# ## Three more rivals
#
# The median and the trimmed mean count every plant alike, while FedAvg counts photographs. So what of a plain mean of the plants?
# BatchNorm's statistics could simply be averaged. And how far would the whole network get if all photographs were in one place?

# %%
predict("19.11")

# %% tags=["recorded"]
PLAIN = {"average": partial(federated.trimmed_mean, trim=0)}  # trims nothing, and ignores the plants' sizes
HOW |= {"plain mean": PLAIN, "plain mean, one poisons": PLAIN | POISON}
RIVALS = [("heads", how, mix) for how in ("plain mean", "plain mean, one poisons") for mix in MIXES]
RIVALS += [("ten plants, averaged", "pre-trained", "skewed")]
RIVALS += [("one place", start, "skewed") for start in STARTS]


# %% tags=["recorded"]
def whole_score(where, learn, seed, lr, split="test"):
    clients = divided(federated.pooled(learn), "skewed", seed)
    clients = clients if where == "ten plants, averaged" else [federated.merged(clients)]
    model = after(learn.model, clients, lr, seed, rounds=PASSES)
    if where != "ten plants, averaged":
        federated.pool_statistics(model, clients)
    return federated.accuracy(model, federated.pooled(learn, split))


# %% tags=["recorded"]
def rival(where, name, mix):
    if where == "heads":  # its rate is chosen on as many splits as those of the other heads
        return frozen_features, partial(robust_score, name, mix), (1000, 1001, 1002)
    return partial(begin, name), partial(whole_score, where), (1000, 1001)


# %% tags=["recorded:rival_tuning:1"]
def rival_tuning(seed):
    rows = []
    for where, name, mix in RIVALS:
        start, score, splits = rival(where, name, mix)
        rows += tune(score, {split: start(split) for split in splits}, strategy=name, mix=mix, where=where)
    return rows


# %% tags=["recorded:rivals"]
def rivals(seed):
    rates, rows = best_rates("rival_tuning", "where", "strategy", "mix"), []
    for where, name, mix in RIVALS:
        start, score, _ = rival(where, name, mix)
        found_score = score(start(seed), seed, rates[where, name, mix])
        rows += [{"strategy": name, "mix": mix, "where": where, "score": found_score}]
    return rows


# %%
counted_alike, robust_runs = recorded("19/rivals"), recorded("19/robust")
lead = {}
for mix in MIXES:
    both = counted_alike.scores("plain mean", mix=mix), robust_runs.scores("average", mix=mix)
    lead[mix] = paired_difference(*both)
found("19.11", 100 * lead["skewed"][0])
print("plain mean minus FedAvg's average, points:", {mix: points(*gap) for mix, gap in lead.items()})

# %%
for name, how in product(("median", "trimmed mean"), ("", ", one poisons")):
    robust_one = robust_runs.scores(f"{name}{how}", mix="skewed")
    gap = paired_difference(robust_one, counted_alike.scores(f"plain mean{how}", mix="skewed"))
    print(f"skewed{how}: {name} minus plain mean, {points(*gap)} points")

# %% [markdown]
# So it isn't the sizes that cost the median and the trimmed mean: a plain mean ignores them too, and does no worse than FedAvg,
# rather better. What costs is probably that they ignore what a single plant knows. Against a liar, both are well ahead of a plain mean.

# %%
whole_runs, rounds_runs = recorded("19/rivals"), recorded("19/rounds")
for start, mix in product(STARTS, MIXES):
    ceiling = whole_runs.scores(start, where="one place")
    gap = paired_difference(ceiling, rounds_runs.scores(start, mix=mix, epochs=1))
    print(f"{start}: one place {ceiling.mean():.1%}, minus ten plants, {mix}: {points(*gap)} points")

# %%
averaged_runs = whole_runs.scores("pre-trained", where="ten plants, averaged")
gap = paired_difference(rounds_runs.scores("pre-trained", mix="skewed", epochs=1), averaged_runs)
print(f"BatchNorm's statistics, skewed: re-estimated minus averaged, {points(*gap)} points")

# %% [markdown]
# With equal mixes and a pre-trained start, ten plants cost the network no more than about a point that we could see. With skewed
# ones, they cost about eight; from scratch, twenty. Statistics that are re-estimated at the end are slightly ahead of averaged ones.

# %% [markdown]
# Learning rates can be unfair as well. Each arm had its own; the one at an end is clipping alone:

# %%
for name in ("head_tuning", "tuning", "robust_tuning", "private_tuning", "rival_tuning"):
    inside = [tried.iloc[1:-1].max() == tried.max() for _, tried in tried_rates(name)]
    print(f"{name}: in {sum(inside)} of {len(inside)} arms, the best learning rate lies inside the range tried")

# %% [markdown]
# ## Real sites
#
# [Flower](https://flower.ai) sends weights between machines. The app in
# [docs/flower_app](../docs/flower_app/README.md) trains with this lesson's functions.

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** ask what each client wants: one head can serve all, with a client's mix added to its bias.
# - **Do** begin pre-trained, and average often.
# - **Don't** use robust averages of skewed clients without need.
# - **Don't** promise secrecy because no image was sent; name ε and δ.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 19.A — average what came back
#
# Write `average(weights, sizes)`. `weights` has a NumPy array for each client, all of the same shape, or None where the
# client dropped out; at least one came back. `sizes` are the clients' numbers of photographs. Return the average that FedAvg takes.


# %% tags=["solution"]
def average(weights, sizes):
    ### BEGIN SOLUTION
    came_back = [(weight, size) for weight, size in zip(weights, sizes, strict=True) if weight is not None]
    total = sum(size for _, size in came_back)
    return sum(size / total * weight for weight, size in came_back)
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("19.A", average)

# %% [markdown] tags=["exercise"]
# ### Exercise 19.B — clip
#
# Write `clipped(gradients, clip)`. `gradients` is a NumPy array with a row for each photograph. Return the sum of the rows,
# each scaled down to a length of at most `clip`. Rows that are shorter stay as they are.


# %% tags=["solution"]
def clipped(gradients, clip):
    ### BEGIN SOLUTION
    total = 0 * gradients[0]
    for row in gradients:
        length = (row**2).sum() ** 0.5
        total = total + (row * clip / length if length > clip else row)
    return total
    ### END SOLUTION


# %% tags=["check"]
check("19.B", clipped)

# %% [markdown]
# ## What would break this
#
# - **Other cameras at each plant.** Ours differ in labels alone; FedBN was made for inputs that differ.
# - **A belt whose mix changes.** We tested each plant on its photographs' mix.
# - **Other lies.** We tried one. Small ones are harder to stop.
# - **A server that can't look.** With [secure aggregation](https://eprint.iacr.org/2017/281) it sees sums alone, and can't take
#   a median either.
# - **A promise for a plant.** Our ε hides single photographs; to hide a plant, noise must cover its whole update.

# %% [markdown]
# ## Recap
#
# - Federated averaging averages clients' weights; with one full step in a round, it is ordinary training.
# - With five local epochs and skewed labels, the pre-trained network got worse; a pre-trained start lifted each case.
# - A plant's own head beat the shared one on its belt, until the shared one was told the plant's mix.
# - With equal mixes, median and trimmed mean withstood our poisoner; with skewed ones, they cost several points.
# - An update can give away labels, and in simple cases the image; differential privacy costs accuracy.

# %% [markdown]
# ## Quiz

# %%
from course_utils.quiz import summary

summary("19")

# %% [markdown]
# ## Further reading
#
# - [McMahan et al. 2017](https://arxiv.org/abs/1602.05629): federated averaging.
# - [Hsieh et al. 2020](https://arxiv.org/abs/1910.00189): what skewed labels do, and BatchNorm's part in it.
# - [Nguyen et al. 2023](https://arxiv.org/abs/2206.15387): where to begin? They report that a pre-trained start lessens what
#   skew does, as ours did with one local epoch, if only just.
# - [Yin et al. 2018](https://arxiv.org/abs/1803.01498): median and trimmed mean.
# - [Abadi et al. 2016](https://arxiv.org/abs/1607.00133): training with differential privacy.
# - [Flower](https://flower.ai/docs/framework/): the engine for real sites.
