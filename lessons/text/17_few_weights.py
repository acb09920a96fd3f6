# %% [markdown]
# # 17 · How few weights can you tune?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/17_few_weights.ipynb)
#
# Forty shops ask you to sort their customers' reviews, and each wants a classifier of its own. Forty fine-tuned copies
# of one encoder would fill gigabytes of a server's memory. What if each copy differed from the others in less than 1% of
# its numbers? You will build that, and see what it costs.

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("17_few_weights")

# %% [markdown]
# ## A working result
#
# The [*encoder*](../docs/glossary.md#encoder) is MiniLM, the small BERT of lesson 11. It is fine-tuned on 60 positive and
# 60 negative product reviews, for four epochs. Its own weights stay [*frozen*](../docs/glossary.md#freezing). We train
# only a [*head*](../docs/glossary.md#head), and some numbers next to 12 of its matrices.

# %% tags=["recorded"]
from course_utils import training
from course_utils.tasks import TextTask
from course_utils.tasks.running import NoValidation, train

LABELS, QUERY_VALUE = 60, ("query", "value")
products = TextTask("reviews", domain="products", epochs=4, split=(100, 200))


def tune(task, strategy, seed, labels=LABELS):
    return train(task, strategy, labels, seed, cbs=[NoValidation()])


# %%
lora = training.LoRA(4, 3e-3, rank=8, where=QUERY_VALUE)
learn = tune(products, lora, course.seed).learn
every = sum(weight.numel() for weight in learn.model.parameters())
tuned = sum(weight.numel() for weight in learn.model.parameters() if weight.requires_grad)
print(f"{tuned:,} of {every / 1e6:.1f} million weights train ({tuned / every:.2%})")
accuracy = products.score(learn)
print(f"accuracy on the test reviews: {accuracy:.1%}")
print(f"forty copies of the network: {160 * every / 1e9:.1f} GB; of the trained weights: {160 * tuned / 1e6:.0f} MB")

# %% [markdown]
# The method is [*LoRA*](../docs/glossary.md#lora), short for low-rank adaptation. How does its accuracy compare with that
# of full fine-tuning?

# %%
from course_utils.quiz import ask, predict

predict("17.1")

# %% [markdown]
# ## LoRA in a dozen lines
#
# Fine-tuning turns a weight matrix W into W + ΔW. Does ΔW need as many numbers as W? LoRA bets that it doesn't: it makes
# ΔW a product of two thin matrices, B·A, while W stays frozen. A has r rows; r is the [*rank*](../docs/glossary.md#rank).
# The product is multiplied by alpha / r; alpha, your choice, sets how strongly it counts.

# %%
from copy import deepcopy

import torch
from torch import nn


# %%
class LoRALinear(nn.Module):
    def __init__(self, layer, rank=8, alpha=16):
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), alpha / rank
        self.A = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.A.T) @ self.B.T


# %% [markdown]
# B starts at zero, so the network starts out exactly as the pre-trained one. After training you can add B·A to W. The
# network is then a plain one again, with nothing extra to compute. That is called [*merging*](../docs/glossary.md#merging):


# %%
def merged(lora_layer):
    lora_layer.layer.weight.data += lora_layer.scale * lora_layer.B @ lora_layer.A
    return lora_layer.layer


torch.manual_seed(0)
layer, x = nn.Linear(384, 384), torch.randn(5, 384)
lora_layer, before = LoRALinear(layer), layer(x)
assert torch.equal(lora_layer(x), before)
print(f"ΔW has {layer.weight.numel():,} numbers; A and B have {lora_layer.A.numel() + lora_layer.B.numel():,} together")

# %%
nn.init.normal_(lora_layer.B, std=0.1)  # as if it had been trained
beside = lora_layer(x)
gap = (merged(lora_layer)(x) - beside).abs().max().item()
assert gap < 1e-4
print(f"outputs reach {beside.abs().max():.0f}; merging changes them by {gap:.0e} at most")

# %%
ask("17.2")

# %% [markdown]
# A convolution is a matrix product at every position, so the same idea works there. A becomes a convolution with the same
# kernel size and r output channels, and B a 1 × 1 convolution. Their product is again a single kernel, of low rank, so
# you can merge here too:

# %%
conv, image = nn.Conv2d(32, 64, 3, stride=2, padding=1), torch.randn(2, 32, 16, 16)
A, B = nn.Conv2d(32, 4, 3, stride=2, padding=1, bias=False), nn.Conv2d(4, 64, 1, bias=False)
with torch.no_grad():
    beside = conv(image) + B(A(image))
    conv.weight += (B.weight.flatten(1) @ A.weight.flatten(1)).view_as(conv.weight)
    gap = (conv(image) - beside).abs().max().item()
assert gap < 1e-4
print(f"outputs before and after merging differ by {gap:.0e} at most")

# %%
ask("17.3")

# %% [markdown]
# The course's `add_lora` attaches such an A and B to layers of any network, chosen by the ends of their names;
# `training.LoRA` calls it for you. Here you merge a copy of the encoder that you tuned above:

# %%
model, (batch, labels) = deepcopy(learn.model).eval(), learn.dls.train.one_batch()
with torch.no_grad():
    beside = model(batch)
    count = training.merge_lora(model)
    gap = (model(batch) - beside).abs().max().item()
assert gap < 1e-3
print(f"{count} layers merged: no score changes by more than {gap:.0e}")

# %% [markdown]
# ## The same in peft
#
# On large networks you will use a library, most likely Hugging Face's `peft`. Does it compute the same? `as_peft` makes a
# copy of our network in which `peft`'s own layers hold the same A and B. Both then take five steps of AdamW, the
# [*optimiser*](../docs/glossary.md#optimiser) of this lesson.

# %%
ours = deepcopy(learn.model).eval()
theirs = training.as_peft(ours).eval()
print(type(theirs.encoder.encoder.layer[0].attention.self.query))


# %%
def five_steps(model):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=3e-3)
    for _ in range(5):
        nn.functional.cross_entropy(model(batch), labels).backward()
        optimiser.step()
        optimiser.zero_grad()
    return [weight.detach() for weight in weights]


# %%
pairs = list(zip(five_steps(ours), five_steps(theirs), strict=True))
gap = max((one - other).abs().max().item() for one, other in pairs)
assert gap < 1e-3
print(f"after five steps, {len(pairs)} trained tensors differ by {gap:.0e} at most: the same method")
del model, ours, theirs, pairs

# %% [markdown]
# ## Which weights?
#
# Other methods train few weights too, always with the head:
#
# - *normalisation*: the scales and shifts of the *LayerNorms*, which keep numbers in range;
# - *biases*: all of them ([*BitFit*](../docs/glossary.md#bitfit));
# - [*adapters*](../docs/glossary.md#adapter): after each layer two small ones, from 384 numbers to 16 and back;
# - *LoRA*: as above, on the *query* and *value* matrices, by which tokens find and read each other.

# %%
ask("17.4")

# %% [markdown]
# Each method needs a learning rate of its own. Each tries five, one about three times the next, on three splits that are
# used for nothing else, and keeps the one that does best on their validation reviews.

# %% tags=["recorded"]
METHODS = {
    "head only": training.HeadOnly(4),
    "normalisation": training.NormalisationOnly(4),
    "biases": training.BiasesOnly(4),
    "LoRA": training.LoRA(4, where=QUERY_VALUE),
    "adapters": training.BottleneckAdapters(4),
    "all weights": training.Full(4),
}


# %% tags=["recorded"]
RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]
LOWEST = {"head only": 5, "normalisation": 4, "biases": 3, "LoRA": 2, "adapters": 3, "all weights": 0}


# %% tags=["recorded:tuning:3"]
def tuning(seed):
    rows = []
    for name, method in METHODS.items():
        for rate in RATES[LOWEST[name] :][:5]:
            learn = tune(products, method.with_lr(rate), 1000 + seed).learn
            rows += [{"strategy": name, "learning rate": rate, "score": products.score(learn, "valid")}]
    return rows


# %%
from course_utils.display import points, show_result, show_table
from course_utils.experiments import Experiment, recorded, step_costs
from course_utils.plots import plot_by_weights, plot_trade_off

means = recorded("17/tuning").summary()
tried = 100 * means.pivot(index="strategy", columns="learning rate", values="mean").loc[list(METHODS)]
show_table(tried.rename(columns="{:g}".format), "Accuracy (%) on validation reviews, by learning rate", decimals=1)

# %% tags=["recorded"]
BEST = {"head only": 3e-2, "normalisation": 1e-2, "biases": 3e-3, "LoRA": 3e-3, "adapters": 1e-2, "all weights": 1e-4}
TUNED = {name: METHODS[name].with_lr(rate) for name, rate in BEST.items()}

# %%
for name, rate in BEST.items():
    own = tried.loc[name].dropna()
    assert own.idxmax() == rate and own.index.min() < rate < own.index.max()
    print(f"{name}: best at {rate:g}, tried from {own.index.min():g} to {own.index.max():g}")

# %% [markdown]
# No method's best is at an end of its grid. Now each trains at its own best, on the same ten splits: 60 reviews per class,
# 32 steps.

# %% [markdown]
# A tuned encoder may [*forget*](../docs/glossary.md#forgetting) what it could do before, so we measure an old skill as
# well. MiniLM was trained to place similar sentences close together. Our query is every third word of a film sentence.
# Is that sentence, among all those of a test set, the one whose vector is closest to the query's?

# %% tags=["recorded"]
import torch

from course_utils import data


def queries(seed):
    texts = data.reviews(domain="films", n_per_class=2, split=(2, 100), seed=seed).texts("test")
    words = [text.split() for text in texts if len(text.split()) > 7]
    return [" ".join(each[::3]) for each in words], [" ".join(each) for each in words]


# %% tags=["recorded"]
@torch.no_grad()
def vectors(learn, texts):
    model = learn.model.eval().to(learn.dls.device)
    tokens = learn.dls.tokenizer(texts, padding=True, return_tensors="pt").to(learn.dls.device)
    found = model.embed({key: tokens[key] for key in ("input_ids", "attention_mask")})
    return torch.nn.functional.normalize(found).cpu()


# %% tags=["recorded"]
def finds(learn, seed):
    asked, sentences = (vectors(learn, side) for side in queries(seed))
    return ((asked @ sentences.T).argmax(1) == torch.arange(len(asked))).float().mean().item()


# %% tags=["recorded:methods"]
def methods(seed):
    untouched = products.learner(seed, LABELS, TUNED["LoRA"])
    rows = [{"strategy": "not tuned", "weights": 0, "skill": "search", "score": finds(untouched, seed)}]
    for name, strategy in TUNED.items():
        done = tune(products, strategy, seed)
        scores = {"reviews": products.score(done.learn), "search": finds(done.learn, seed)}
        rows += [{"strategy": name, "weights": done.trainable, "skill": k, "score": v} for k, v in scores.items()]
    return rows


# %%
from course_utils.experiments.text.ladder import FrozenEncoder, all_text_rungs
from course_utils.quiz import found
from course_utils.statistics import paired_difference

runs = recorded("17/methods")
of_reviews = runs.table[runs.table.skill == "reviews"]
plot_by_weights(of_reviews, title="Accuracy on reviews by the number of weights that train")

# %% tags=["result"]
for other in ("head only", "all weights"):
    for name in [name for name in TUNED if name != other]:
        print(f"{name} minus {other}: {points(*runs.difference(name, other, skill='reviews'))} percentage points")
lead = runs.difference("LoRA", "all weights", skill="reviews")
found("17.1", 100 * lead[0])
show_result(f"LoRA minus all weights: {points(*lead)} points, with 0.33% of them", lead[0] > -0.03)

# %% [markdown]
# Each method that reaches into the encoder is ahead of the head alone, by two to four points. From full fine-tuning we
# could not tell any of them: LoRA, for one, may be two points behind it, or three ahead.

# %% [markdown]
# How good is that, compared with simpler methods? Here are cheaper rungs of the ladder, on the same reviews and splits:


# %% tags=["recorded:ladder"]
def ladder(seed):
    return Experiment(products, all_text_rungs(), labels=[LABELS], seeds=[seed]).run()


# %%
rungs = recorded("17/ladder")
for name in rungs.table.strategy.unique():
    gap = paired_difference(runs.scores("LoRA", skill="reviews").tolist(), rungs.scores(name).tolist())
    print(f"{name}: {rungs.scores(name).mean():.1%}; LoRA minus it: {points(*gap)} percentage points")

# %% [markdown]
# Counting words is about seven points behind LoRA; a logistic regression on the frozen encoder, solved in seconds, about
# two. Those two points are what tuning the body is worth here.

# %% [markdown]
# ## What the encoder forgets
#
# The same runs measured the old skill, the share of queries that find their film sentence. It only shows what is lost:
# for the search itself, counting words does better, since the query's words are the sentence's own.

# %%
ask("17.7")

# %%
from sklearn.feature_extraction.text import TfidfVectorizer

asked, sentences = queries(course.seed)
counts = TfidfVectorizer().fit(sentences)
best = (counts.transform(asked) @ counts.transform(sentences).T).toarray().argmax(1)
print(f"counting words finds {(best == range(len(asked))).mean():.1%}", end="; ")
print(f"the encoder, not tuned, {runs.scores('not tuned', skill='search').mean():.1%} (mean of ten splits)")

# %%
for name, other in [*((name, "not tuned") for name in TUNED), ("LoRA", "all weights")]:
    print(f"search, {name} minus {other}: {points(*runs.difference(name, other, skill='search'))} points")
both = runs.table[runs.table.strategy != "not tuned"]
plot_trade_off(both, "search", "reviews", by="skill", title="What fine-tuning gains on reviews, and loses on search")

# %% [markdown]
# The head alone leaves the encoder as it is. LoRA costs it about 20 points; full fine-tuning may cost five more at most.
# Frozen weights don't protect an old skill while LoRA is added to them. Normalisation and adapters lost about half as
# much, all at learning rates chosen for reviews.

# %% [markdown]
# ## Which learning rate does LoRA need?
#
# Suppose you skip the search, and give LoRA the learning rate that was best for full fine-tuning.

# %%
ask("17.6")

# %% [markdown]
# The recorded search shows what happens:

# %%
for rate in (BEST["LoRA"], BEST["all weights"]):
    print(f"LoRA at a learning rate of {rate:g}: {tried.loc['LoRA', rate]:.1f}% of the validation reviews right")

# %% [markdown]
# B starts at zero, and Adam moves each number by about the learning rate in a step. In 32 steps of 0.0001, neither B nor
# the new head gets far. Which of them is to blame? Solve the head anew, as a logistic regression on the tuned encoder:

# %%
slow = tune(products, lora.with_lr(BEST["all weights"]), course.seed).learn
as_trained = products.score(slow)
FrozenEncoder().train(slow)
print(f"LoRA at {BEST['all weights']:g}: {as_trained:.1%}; with its head solved anew: {products.score(slow):.1%}")
del slow

# %% [markdown]
# Mostly the head. With a better one you are about where the frozen encoder was: LoRA has hardly changed it.

# %% [markdown]
# ## Rank, and where to put it
#
# Rank 8 on query and value was our choice. Would a smaller or a larger rank be better, or other layers, those of the *MLP*
# that follows the attention? All get the learning rate of rank 8; the factor alpha / r is there to let one rate suit
# several ranks.

# %% tags=["recorded"]
MLP = ("intermediate.dense", "layer.*.output.dense")
PLACES = {"rank 1": (1, QUERY_VALUE), "rank 32": (32, QUERY_VALUE), "rank 8 on the MLP": (8, MLP)}


# %% tags=["recorded:places:5"]
def places(seed):
    rows = []
    for name, (rank, where) in PLACES.items():
        done = tune(products, training.LoRA(4, 3e-3, rank=rank, where=where), seed)
        rows += [{"strategy": name, "weights": done.trainable, "score": products.score(done.learn)}]
    return rows


# %%
others, ours = recorded("17/places"), runs.scores("LoRA", skill="reviews")
for name in PLACES:
    theirs, count = others.scores(name), others.table.set_index("strategy").weights[name].iloc[0]
    gap = paired_difference(theirs.tolist(), ours[theirs.index].tolist())
    print(f"{name}, {count:,} weights: {points(*gap)} percentage points against rank 8 on query and value")

# %% [markdown]
# On five splits, ranks 1 and 32 are within two points of rank 8; for the MLP, we can't tell. For a
# language model of 175 billion weights, [Hu and others](https://arxiv.org/abs/2106.09685) report an accuracy of 91.3% at
# rank 1, 91.6% at 8 and 91.4% at 64 (table 6, MultiNLI validation).

# %% [markdown]
# ## The bill
#
# How much memory does LoRA save? For each weight that trains, Adam keeps two numbers of four bytes, and the gradient is a
# third. What the forward pass keeps for the backward pass, the *activations*, has to be measured.

# %%
ask("17.5")

# %%
import gc


def costs(spare, batch, strategy):
    strategy.phases()[0].trains.select(spare, "fixed")
    trained = sum(weight.numel() for weight in spare.model.parameters() if weight.requires_grad)
    measured = step_costs(spare.model.to(spare.dls.device), *batch, by_part=True)
    gc.collect()
    return {"trained": trained, "computed: Adam's MB": 8 * trained / 2**20} | measured


# %%
spare = products.learner(course.seed, LABELS, lora)
bill = {name: costs(spare, (batch, labels), TUNED[name]) for name in ("head only", "all weights", "LoRA")}
show_table([{"method": name} | cost for name, cost in bill.items()], "One step of 16 reviews", decimals=2)
del spare

# %% [markdown]
# Gradients and Adam's numbers shrink by a factor of 300. The activations shrink by only about a third, since the gradient
# must still pass back through the frozen layers. On our CPU a step was faster, too.

# %% [markdown]
# ## Forty shops on one body
#
# A server keeps a set of trained weights for every shop, and the frozen body just once. Here are two such sets, for
# products and for films. `tuned_weights` copies what was trained, and `put_on` loads it into a network.

# %%
from time import perf_counter

from course_utils.errors import CourseError

films = products.changed(domain="films", split=(20, 20))
other = tune(films, training.LoRA(2, 3e-3, where=QUERY_VALUE), course.seed, labels=40).learn
kept = {"products": training.tuned_weights(learn), "films": training.tuned_weights(other)}
del other
print(f"each {kept['films'].megabytes:.1f} MB; the whole network {4 * every / 1e6:.0f} MB")

# %%
scores = {"at first": accuracy}
for name in ("films", "products"):
    began = perf_counter()
    kept[name].put_on(learn)
    print(f"weights for {name}, loaded in {1000 * (perf_counter() - began):.0f} ms:", end=" ")
    scores[name] = products.score(learn)
    print(f"{scores[name]:.1%} of the product reviews right")
assert scores["products"] == scores["at first"]

# %% [markdown]
# With the weights for products, you get exactly the accuracy you started with, since the body is the same to the last
# bit. On a body that has changed, they no longer mean the same. Suppose that somebody merges one shop's LoRA into the
# shared body:

# %%
other_body = deepcopy(learn.model)
training.merge_lora(other_body)
training.add_lora(other_body, rank=8, where=QUERY_VALUE)
try:
    kept["films"].put_on(other_body)
except CourseError as refusal:
    print(refusal)

# %% [markdown]
# Can the encoder still search? Measure it with LoRA on, take LoRA off, and measure again:

# %%
with_lora = finds(learn, course.seed)
training.remove_additions(learn)
print(f"with LoRA on, {with_lora:.1%} of the queries find their sentence; off, {finds(learn, course.seed):.1%}")
fresh = products.network.build("DEFAULT").to(learn.dls.device).state_dict()
assert all(torch.equal(tensor, fresh[name]) for name, tensor in learn.model.encoder.state_dict().items())
del fresh

# %% [markdown]
# With LoRA off, the encoder is as it was pre-trained: each of its tensors is the same to the last bit.

# %% [markdown]
# ## BatchNorm in a frozen body
#
# So far we tuned a transformer, whose LayerNorm computes everything anew for each token. The ResNet of the first lessons
# has BatchNorm, the trap of lesson 04. What does that mean for a body that forty sets of LoRA weights share?

# %%
ask("17.8")

# %% [markdown]
# We add LoRA to all convolutions of the bundled ResNet and teach it to tell cars from trucks. Its old skill is to read
# *digits*, with a head that was trained before. Many notebooks freeze a network like this: they set `requires_grad` to
# False, add LoRA, and train.

# %% tags=["recorded"]
from course_utils.tasks import ImageTask

photos = ImageTask("vehicles", size=48, bs=16, flip=True, head="linear")
digits = ImageTask("digits", size=32, bs=16, head="linear", split=(2, 0.3))


# %% tags=["recorded"]
def careless(seed):
    learn = photos.learner(seed, 40, training.LoRA())
    learn.model[0].requires_grad_(False)
    training.add_lora(learn, rank=8)
    learn.create_opt()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(4, 3e-3, cbs=NoValidation())
    return learn


# %%
body = {name: t.clone() for name, t in photos.learner(0, 40, training.LoRA()).model[0].state_dict().items()}


def moved(learn):
    training.remove_additions(learn)
    now = learn.model[0].state_dict()
    return sum(not torch.equal(now[name], tensor) for name, tensor in body.items())


frozen = tune(photos, training.LoRA(4, 3e-3), course.seed, labels=40).learn
print(f"tensors of the body that have changed, once LoRA is taken off: {moved(careless(course.seed))} of {len(body)}")
print(f"with BatchNorm's running statistics frozen: {moved(frozen)}")

# %% [markdown]
# They are the running means and variances and the counters of the BatchNorm layers. `training.LoRA` freezes them too (`batchnorm="fixed"`). What does each way do to the old skill and to the new one?

# %% tags=["recorded"]
SMALL = {
    "head only": training.HeadOnly(4, 3e-2, "fixed"),
    "LoRA, statistics frozen": training.LoRA(4, 3e-3),
    "LoRA, statistics follow": None,
    "all weights": training.Full(4, 1e-3),
}


# %% tags=["recorded"]
def reads_digits(reader, learn):
    reader.model[0] = learn.model[0]
    return digits.score(reader)


# %% tags=["recorded"]
def skills(learn, reader, name):
    scores = {"vehicles": photos.score(learn)}
    with training.reestimated(learn):
        scores["vehicles, re-estimated"] = photos.score(learn)
    if "LoRA" in name:
        training.remove_additions(learn)
    scores["digits"] = reads_digits(reader, learn)
    return [{"strategy": name, "skill": skill, "score": score} for skill, score in scores.items()]


# %% tags=["recorded:images"]
def images(seed):
    reader = tune(digits, training.HeadOnly(8, 1e-2, "fixed"), seed, 20).learn
    rows = [{"strategy": "not tuned", "skill": "digits", "score": digits.score(reader)}]
    for name, strategy in SMALL.items():
        learn = careless(seed) if strategy is None else tune(photos, strategy, seed, 40).learn
        rows += skills(learn, reader, name)
    return rows


# %%
small, SKILLS = recorded("17/images"), ("vehicles", "vehicles, re-estimated", "digits")
print(f"digits, before tuning: {small.scores('not tuned', skill='digits').mean():.1%}")
rows = [{"strategy": name} | {skill: small.scores(name, skill=skill).mean() for skill in SKILLS} for name in SMALL]
show_table(rows, "Accuracy, means of ten seeds; digits with LoRA taken off")
for name in ("LoRA, statistics frozen", "LoRA, statistics follow"):
    print(f"vehicles, {name} minus head only: {points(*small.difference(name, 'head only', skill=SKILLS[1]))} points")

# %% [markdown]
# Each way has its price. With frozen statistics the digits come back exactly, but vehicles gain three points at most over
# the head alone. When the statistics follow, vehicles gain about seven points, and the shared body is spoilt. The way out
# is to keep the statistics with each task's weights, as `tuned_weights` does.

# %% [markdown]
# ## When it isn't worth it
#
# This ResNet is small. Is LoRA worth it there? (Each learning rate is the best of three or four on a single validation
# split.)

# %%
for name in ("head only", "LoRA, statistics follow", "LoRA, statistics frozen"):
    gap = paired_difference(*(small.scores(each, skill=SKILLS[1]).tolist() for each in (name, "all weights")))
    print(f"{name} minus all weights: {points(*gap)} percentage points on vehicles")
spare = photos.learner(course.seed, 40, training.LoRA())
batch = spare.dls.train.one_batch()
bill = {name: costs(spare, batch, SMALL[name]) for name in ("all weights", "LoRA, statistics frozen")}
show_table([{"method": name} | cost for name, cost in bill.items()], "One step of 16 photos", decimals=2)

# %% [markdown]
# At its best LoRA is level with all weights, within two points. It saves no time, and few megabytes. If a small network
# serves one task, fine-tune all of it.

# %% [markdown]
# ## Sixteen bits and four
#
# The billions of weights of a large language model may not fit on a card even frozen. Since they don't change, they needn't
# be precise. [*bfloat16*](../docs/glossary.md#bfloat16) has 16 bits: the range of *float32*, the usual 32, but
# two or three decimal digits. A weight that trains in it can lose steps that are small compared with it:

# %%
weight = torch.tensor(1.0)
print("float32: ", (weight + 0.001).item(), "  bfloat16:", (weight.bfloat16() + 0.001).item())
for bits in (32, 16, 4.5):
    print(f"7 billion weights of {bits:>4} bits: {7e9 * bits / 8 / 1e9:.1f} GB")

# %%
ask("17.10")

# %% [markdown]
# [*QLoRA*](../docs/glossary.md#qlora) stores frozen weights in four bits: each is rounded to one of 16 levels; 64 share a
# scale (the half bit in 4.5). LoRA trains on top, in 16 or 32 bits. [Dettmers and
# others](https://arxiv.org/abs/2305.14314) report that a model of 65 billion weights was fine-tuned this way on a single
# 48 GB GPU, and matched 16 bits.

# %%
levels = torch.distributions.Normal(0, 1).icdf(torch.linspace(1 / 32, 31 / 32, 16))
levels = levels / levels.max()


def four_bits(weight):
    blocks = weight.detach().reshape(-1, 64)
    scale = blocks.abs().amax(1, keepdim=True)
    codes = torch.bucketize(blocks / scale, (levels[1:] + levels[:-1]) / 2)
    return (levels[codes] * scale).reshape(weight.shape)


# %%
training.add_lora(learn, rank=8, where=QUERY_VALUE)
kept["products"].put_on(learn)
linear = [layer for layer in learn.model.encoder.modules() if isinstance(layer, nn.Linear)]
frozen_layers = [layer for layer in linear if not layer.weight.requires_grad]
for layer in frozen_layers:
    layer.weight.data = four_bits(layer.weight)
print(f"{len(frozen_layers)} frozen layers rounded to 16 levels, with your LoRA: {products.score(learn):.1%}")
print(f"in 32 bits: {scores['products']:.1%}")

# %% [markdown]
# This is a single network, and shows only that it still works. QLoRA rounds before training, so that LoRA can make up
# for it, and its levels differ a little. We still computed in 32 bits: savings need a library such as `bitsandbytes`, and
# an NVIDIA card. If you have one, the next cell times 16 bits:

# %%
if torch.cuda.is_available():
    for dtype in (torch.float32, torch.bfloat16):
        print(dtype, step_costs(learn.model, *learn.dls.train.one_batch(), dtype=dtype))
else:
    print("There is no NVIDIA card here, so this cell has nothing to time.")

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** search for each method's own learning rate.
# - **Do** keep A and B after merging: you can't undo it without them.
# - **Do** keep BatchNorm's statistics with each task, or freeze them, if tasks share a body.
# - **Don't** expect the encoder to keep its old skills while LoRA is active.
# - **Don't** use LoRA on a small network that serves one task.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 17.A — count the weights
#
# Write `lora_weights(shapes, rank)`: the number of weights that LoRA trains at this rank. `shapes` lists the shapes of the
# layers' weights, (outputs, inputs) for a linear layer and (outputs, inputs, height, width) for a convolution.


# %% tags=["solution"]
def lora_weights(shapes, rank):
    ### BEGIN SOLUTION
    count = 0
    for outputs, inputs, *kernel in shapes:
        positions = 1
        for side in kernel:
            positions *= side
        count += rank * (inputs * positions + outputs)
    return count
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("17.A", lora_weights)

# %% [markdown] tags=["exercise"]
# ### Exercise 17.B — merge, and take it back
#
# You merged a shop's LoRA into W, and want the original back. Write `unmerged(weight, A, B, alpha)`: the weight as it was
# before. A is (rank, inputs) and B is (outputs, rank), all NumPy arrays; the change was scaled by alpha / rank.


# %% tags=["solution"]
def unmerged(weight, A, B, alpha):
    ### BEGIN SOLUTION
    rank = len(A)
    return weight - alpha / rank * B @ A
    ### END SOLUTION


# %% tags=["check"]
check("17.B", unmerged)

# %% [markdown]
# ## What would break this
#
# - **More labels.** We have 60 per class. Ben Zaken and others found that biases beat full fine-tuning on small training
#   sets of question answering, and lose on larger ones.
# - **A task far from what the encoder knows.** MiniLM was trained on English sentences. We didn't try another language.
# - **More steps.** 32 are few, and a method that needs more looks bad here.
# - **Another network.** On a larger one, the bill tips further towards LoRA.
# - **Layers that are never called.** torch's attention reads its output layer's weight without calling the layer, so LoRA
#   there would do nothing; `add_lora` leaves such layers out.

# %% [markdown]
# ## Recap
#
# - LoRA freezes W and trains a product B·A beside it; merged, it leaves a plain network with the same outputs.
# - On our reviews, each method that reaches into the encoder beat the head alone; from full fine-tuning we could tell
#   none of them.
# - Gradients and Adam's memory shrink with the number of trained weights; the activations shrink much less.
# - While LoRA is active, the encoder has lost part of its old skill; take it off, and the old encoder is back exactly.
# - With BatchNorm, that holds only if the running statistics are frozen, or kept with each task's weights.

# %% [markdown]
# ## Quiz

# %%
ask("17.9")

# %%
from course_utils.quiz import summary

summary("17")

# %% [markdown]
# ## Further reading
#
# - [Hu et al. 2021](https://arxiv.org/abs/2106.09685): LoRA; they report 10,000 times fewer trained weights on GPT-3, and
#   a third of the memory.
# - [Houlsby et al. 2019](https://arxiv.org/abs/1902.00751): adapters.
# - [Ben Zaken et al. 2021](https://arxiv.org/abs/2106.10199): BitFit, biases alone.
# - [Dettmers et al. 2023](https://arxiv.org/abs/2305.14314): QLoRA.
# - [peft](https://huggingface.co/docs/peft): the library, with many more methods.
