# %% [markdown]
# # 05 · How much should I unfreeze?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/05_full_or_partial.ipynb)
#
# The head alone, everything, or something between? You run the usual answers against each other, turn the distance between
# source and target with one setting, and draw a decision chart from your own runs.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("05_full_or_partial")

# %% [markdown]
# ## Predict first
#
# We train a head on a frozen body for one epoch, unfreeze everything, and go on for three more at a lower rate. Ten labels of each
# digit make 40 steps in all.

# %%
from course_utils.quiz import ask

ask("05.1")

# %%
from fastai.vision.all import accuracy, set_seed, vision_learner
from torch import nn

from course_utils import data
from course_utils.backbones import resnet18_half

options = {"size": 32, "bs": 10, "augment": False, "split": (0.01, 0.2)}
print("parts of the network:", *[name for name, _ in resnet18_half().named_children()])

# %% [markdown]
# We shall train often, so we keep the first six, up to stage 2 (`layer2`), as in lesson 03. `vision_learner` takes any
# function that makes a network: it cuts at the last pooling layer, and adds its head.


# %%
def shorter(pretrained):
    network = resnet18_half("DEFAULT" if pretrained else None)
    return nn.Sequential(*list(network.children())[:6], nn.AdaptiveAvgPool2d(1))


# %%
digits = data.digits(n_per_class=10, seed=course.seed, **options)
set_seed(course.seed)
learn = vision_learner(digits, shorter, metrics=accuracy)

# %%
with learn.no_bar(), learn.no_logging():
    learn.freeze()
    learn.fit_one_cycle(1, 1e-2)
    head_first = learn.validate(dl=digits.test)[1]
    learn.unfreeze()
    learn.fit_one_cycle(3, 5e-3)
    then_all = learn.validate(dl=digits.test)[1]
print(f"after the head {head_first:.0%}, after all {then_all:.0%} of the test digits are right")

# %% [markdown]
# That is one strategy, called LP-FT or *head, then all*. The others differ in a line or two:
#
# - **head only**: `freeze()`, then fit
# - **full**: `unfreeze()`, then fit
# - **discriminative**: `unfreeze()`, then fit with `slice(1e-3, 1e-2)`: early blocks learn slower
# - **gradual**: `freeze()`, fit, `freeze_to(-2)`, fit, `unfreeze()`, fit

# %% [markdown]
# ## Strategies × seeds
#
# One run proves nothing. `Experiment` does what you did above, for each strategy, number of labels and seed. A seed fixes the
# split and the order, the same for all strategies, so their runs are paired.

# %%
from course_utils.experiments import Experiment
from course_utils.tasks import ImageTask
from course_utils.training import Discriminative, Full, GradualUnfreezing, HeadThenAll, LinearProbe

ways = [LinearProbe(12, 5e-2), GradualUnfreezing(4, 2e-3), Full(4, 5e-3), Discriminative(4, lr_mult=10)]
ways += [HeadThenAll(4, head_epochs=1, all_lr=5e-3)]
experiment = Experiment(ImageTask("digits", arch=shorter, **options), ways, labels=[10], seeds=range(1), jobs=2)
one = experiment.run()
print(f"{len(one)} runs, {one.error.ne('').sum()} failed")

# %% [markdown]
# Four epochs each. The linear probe trains one layer on stored features, which costs next to nothing, so it gets twelve. Now
# three seeds: `run` adds only what is missing.

# %%
from course_utils.plots import plot_grid

experiment.seeds = range(3)
table = experiment.run()
assert table.error.eq("").all(), "every run should finish: look at the table's column `error`"
plot_grid(table, title="Digits, ten labels each: accuracy by strategy")


# %%
from course_utils.statistics import paired_difference


def lead(runs, one, other):
    by_way = runs.pivot(index="seed", columns="strategy", values="score")
    return [100 * value for value in paired_difference(by_way[one], by_way[other])]


for way in ("gradual unfreezing", "discriminative", "head, then all", "linear probe"):
    print("{} over full {:+.1f} ± {:.1f} points".format(way, *lead(table, way, "full")))

# %% [markdown]
# Read each line with its interval: one that covers zero shows no difference at this size, and three seeds make wide ones.
# Gradual unfreezing shares its steps out over three stages, so few steps hit it hardest. One strategy at a time:

# %%
from course_utils.controls import strategy_explorer

strategy_explorer(table)

# %%
ask("05.6")

# %%
ask("05.10")

# %% [markdown]
# ## How much can be copied?
#
# Unfreezing decides which blocks may change. What is each worth? We copy the first blocks of the pre-trained network into one with
# random weights, [as Yosinski and others did in 2014](https://arxiv.org/abs/1411.1792), and train the rest.

# %%
ask("05.2")

# %%
import torch

BLOCKS = ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"]
known = resnet18_half(weights="DEFAULT").state_dict()


# %%
def copied(blocks):
    network = resnet18_half(weights=None)
    network.fc = nn.Linear(256, 10)
    names = tuple(BLOCKS[: blocks + 1] if blocks else ["none"])  # the first block has two layers
    network.load_state_dict({name: known[name] for name in known if name.startswith(names)}, strict=False)
    return network


# %% [markdown]
# Training in plain torch, short enough to read: batches of 20, one cycle of the rate, and only what has `requires_grad`.
# (`fused` does AdamW's arithmetic in one go.)


# %%
def train(network, x, y, lr, steps):
    optimiser = torch.optim.AdamW([w for w in network.parameters() if w.requires_grad], lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    for _ in range(steps):
        places = torch.randperm(len(y))[:20]
        nn.functional.cross_entropy(network(x[places]), y[places]).backward()
        optimiser.step(), optimiser.zero_grad(), schedule.step()
    return network


# %%
from course_utils.surgery import freeze_to


def tensors(batches):
    return [torch.cat(part).as_subclass(torch.Tensor).cpu() for part in zip(*batches, strict=True)]


@torch.no_grad()
def test(network, x, y):
    network.eval()
    right = [network(some).argmax(1) == truth for some, truth in zip(x.split(100), y.split(100), strict=True)]
    return torch.cat(right).float().mean().item()


# %% [markdown]
# A head alone can take many more steps, since the features of a frozen body are computed once, as in lesson 04.


# %%
def train_head(network, x, y):
    head, network.fc = network.fc, nn.Identity()
    with torch.no_grad():
        features = network.eval()(x)
    network.fc = train(head, features, y, lr=2e-2, steps=200)
    return network


# %%
def transfer(seed, blocks, how):
    dls = data.digits(n_per_class=10, seed=seed, **options)
    torch.manual_seed(seed)
    network, (x, y) = copied(blocks), tensors(dls.train)
    if how == "frozen":
        freeze_to(network, blocks, batchnorm="fixed")
    network = train_head(network, x, y) if (blocks, how) == (5, "frozen") else train(network, x, y, 3e-3, 20)
    return seed, blocks, how, test(network, *tensors(dls.test))


# %%
import pandas as pd

from course_utils.experiments import run_parallel
from course_utils.plots import plot_learning_curve

copies = [(0, "tuned"), (3, "tuned"), (5, "tuned"), (1, "frozen"), (3, "frozen"), (5, "frozen")]
runs = [(seed, *copy) for seed in range(3) for copy in copies]
layers = pd.DataFrame(run_parallel(transfer, runs), columns=["seed", "blocks copied", "copies", "score"])
layers["metric"] = "accuracy"
plot_learning_curve(layers, "blocks copied", arm="copies", title="Digits: copied blocks, frozen or tuned")

# %%
mean = layers.groupby(["copies", "blocks copied"]).score.mean()
assert mean["frozen", 3] > mean["frozen", 1], "three frozen blocks should serve digits better than one: see the figure"
for how in ("frozen", "tuned"):
    print(how, {blocks: f"{part:.0%}" for blocks, part in mean[how].items()})

# %% [markdown]
# Compare the frozen copies of one, three and five blocks: what is copied must be worth more than what new blocks could learn.
# Tuned, a copy is a start that can be left again. Yosinski's loss in the *middle*, from parting layers that learned
# together, needs a longer training to show.

# %% [markdown]
# ## A distance that you can turn
#
# How far is a target from its source? With drawn vehicles you choose. The source: cars or trucks, painted, by day. Two stages
# are enough for them, and train faster.

# %%
from copy import deepcopy

from course_utils.data.images.drawings import SceneSettings


def vehicles(labels, seed, task="cars or trucks", **look):
    settings = SceneSettings(**look)
    dls = data.vehicles(task, labels, seed=seed, size=48, augment=False, split=(1, 100), settings=settings)
    return *tensors(dls.train.new(shuffle=False, drop_last=False)), *tensors(dls.test)


# %%
torch.manual_seed(course.seed)
source = resnet18_half(weights="DEFAULT")
source.layer3 = source.layer4 = nn.Identity()
source.fc = nn.Linear(64, 2)
x, y, x_test, y_test = vehicles(150, seed=course.seed + 10)
train(source, x, y, 3e-3, 80)
at_home = test(source, x_test, y_test)
assert at_home > 0.75, "the source network should know its own images: restart and run all cells"

# %%
from course_utils.quiz import found, predict

predict("05.5")

# %%
shifts = {"at home": {}, "night": {"night": 0.7}, "noise": {"noise": 60}, "pencil": {"style": "sketch"}}
seen = {name: vehicles(1, course.seed + 10, **look)[2:] for name, look in shifts.items()}
reads = {name: test(source, *images) for name, images in seen.items()}
print("right without any tuning:", ", ".join(f"{name} {part:.0%}" for name, part in reads.items()))
found("05.5", 100 * reads["night"])

# %%
from course_utils.plots import plot_images

shown = [
    (name, data.vehicles(n_per_class=1, seed=3, split=(1, 1), settings=SceneSettings(**look)))
    for name, look in shifts.items()
]
plot_images([dls.test.dataset[0][0] for _, dls in shown], [name for name, _ in shown], columns=4)

# %% [markdown]
# The accuracy that is left is a measure of distance: same scenes, same labels, other looks.
#
# Now two shifts of pure kinds, made from the images of home. One has other *looks*: negatives, as on old film. The other has
# other *names*: cars are called trucks, and trucks cars.

# %%
ask("05.3")

# %% [markdown]
# ## Surgical fine-tuning
#
# Three ways, each from the same source network with its head kept. BatchNorm stays fixed in all of them (`eval`), so that they
# differ in what trains alone.

# %%
PARTS = {"head": "fc", "first block": ("conv1", "bn1", "layer1"), "all": ""}


def adapt(part, x, y):
    network = deepcopy(source).eval()
    for name, weights in network.named_parameters():
        weights.requires_grad = name.startswith(PARTS[part])
    return train_head(network, x, y) if part == "head" else train(network, x, y, 2e-3, 20)


# %%
def shifted(target, labels, seed):
    x, y, x_test, y_test = vehicles(labels, seed)
    if target == "negatives":
        x, x_test = -x, -x_test
    else:
        y, y_test = 1 - y, 1 - y_test
    torch.manual_seed(seed)
    return [(target, labels, part, seed, test(adapt(part, x, y), x_test, y_test)) for part in PARTS]


# %%
targets = ("negatives", "swapped names")


def measure(labels):
    found = run_parallel(shifted, [(target, labels, seed) for target in targets for seed in range(4)])
    rows = [row for rows in found for row in rows]
    return pd.DataFrame(rows, columns=["target", "labels", "strategy", "seed", "score"]).assign(metric="accuracy")


many = measure(20)

# %%
grid = pd.concat([measure(5), many])
plot_grid(grid[grid.labels == 20], columns="target", title="20 labels a class: accuracy by what trains")

# %% [markdown]
# For each field, take the strategy with the best mean, and compare it with the others, paired by seed. If the interval of the
# difference covers zero, it is a tie. One field by hand:

# %% tags=["result"]
negatives, swapped = (many[many.target == target] for target in targets)
print("negatives: first block over all {:+.1f} ± {:.1f} points".format(*lead(negatives, "first block", "all")))
first, head = lead(negatives, "first block", "head"), lead(swapped, "head", "all")
assert head[0] > 15, "for swapped names the head should lead by far: look at the grid"
said = "negatives, first block over head {:+.1f} ± {:.1f} points; swapped names, head over all {:+.1f} ± {:.1f}"
print(f"{said.format(*first, *head)} points")

# %% [markdown]
# ## Your decision chart
#
# `plot_decision` does this for all fields.

# %%
from course_utils.plots import plot_decision

plot_decision(grid, title="What to unfreeze: drawn from your runs")

# %% [markdown]
# Where one name stands alone, your runs tell it from the rest. A hatched field is a tie: take the cheapest there.

# %% [markdown]
# ## Right at home, wrong abroad
#
# [Kumar and others](https://arxiv.org/abs/2202.10054) tested where they had not trained: full
# tuning 85.8% at home and 66.8% out of distribution, a linear probe 83.5 and 71.6, head, then all 86.5 and 74.4.

# %%
ask("05.4")

# %% [markdown]
# Our miniature: trucks against anything else, 25 labels each by day, tested by day and at night. The new head is random.


# %%
def abroad(seed):
    x, y, *home = vehicles(25, seed + 20, "trucks")
    tests = {"day": home} | {name: vehicles(1, seed + 20, "trucks", **shifts[name])[2:] for name in ("night",)}
    rows = []
    for way in ("linear probe", "full", "head, then all"):
        network = new_task(seed, way, x, y)
        rows += [(way, name, seed, test(network, *images)) for name, images in tests.items()]
    return rows


# %%
def new_task(seed, way, x, y):
    torch.manual_seed(seed)
    network = deepcopy(source).eval()
    network.fc = nn.Linear(64, 2)
    if way != "full":
        train_head(network, x, y)
    return network if way == "linear probe" else train(network, x, y, 1e-3, 12)


# %%
rows = [row for rows in run_parallel(abroad, [(seed,) for seed in range(4)]) for row in rows]
elsewhere = pd.DataFrame(rows, columns=["strategy", "tested", "seed", "score"]).assign(metric="accuracy")
plot_grid(elsewhere, columns="tested", title="Trucks, tuned by day: accuracy by where it is tested")
for tested, runs in elsewhere.groupby("tested", sort=False):
    print("{}: head, then all over full {:+.1f} ± {:.1f} points".format(tested, *lead(runs, "head, then all", "full")))

# %% [markdown]
# Judge by the intervals: with four seeds and a small test part, a few points can't be seen. The fall from day to night can:
# test where you will use it.

# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 05.A — freeze to a depth, and count
#
# Write `share(depth)`: the share of all weights of a fresh `resnet18_half(weights="DEFAULT")` that train after it is frozen up
# to `depth` (a block's name), BatchNorm fixed. Guess first: what share trains from stage 4 on?


# %% tags=["solution"]
def share(depth):
    ### BEGIN SOLUTION
    network = resnet18_half(weights="DEFAULT")
    freeze_to(network, depth, batchnorm="fixed")
    sizes = [(weights.numel(), weights.requires_grad) for weights in network.parameters()]
    return sum(size for size, trains in sizes if trains) / sum(size for size, _ in sizes)
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("05.A", share)

# %% [markdown] tags=["exercise"]
# ### Exercise 05.B — choose from your runs
#
# `decisions(runs)`, from `course_utils.plots.decision`, gives a row a field: `target`, `labels`, `best`, `tied` (all that tie
# with the best, itself included). Write `choose(runs, target, labels)`: the tied strategy that trains the fewest weights of
# `source`. The order of cost: first block, head, all? Count. Then try it on your `grid`.


# %% tags=["solution"]
def choose(runs, target, labels):
    ### BEGIN SOLUTION
    from course_utils.plots.decision import decisions

    tied = decisions(runs).set_index(["target", "labels"]).tied[target, labels]
    sizes = {part: sum(w.numel() for n, w in source.named_parameters() if n.startswith(PARTS[part])) for part in tied}
    return min(tied, key=sizes.get)
    ### END SOLUTION


# %% tags=["check"]
check("05.B", choose)

# %% [markdown]
# ## What would break this
#
# - **Rates.** Each way has one rate, chosen beforehand. `Experiment(lrs=...)` lets all of them choose on the same budget;
#   a lead of a few points can turn.
# - **Longer training and more labels.** Everything here is 60 steps or less; unfreezing more asks for more of both.
# - **Many comparisons.** The best of three is picked after looking, and one interval in twenty misses: a chart of fields
#   can hold a false lead.
# - **Other shifts.** Negatives were picked after trials: with noise and at night the head alone did as well.
# - **One source network**, drawn images, a small test part: the chart is yours, and not a law.

# %% [markdown]
# ## Recap
#
# - Which blocks train, at which rate, and in which order: each strategy is a choice of these three.
# - What is copied and frozen must be worth more than what new blocks can learn from your labels.
# - Try to unfreeze where the change sits: the input's side for new looks, the head for new names.
# - Pair runs by seed, and call a difference a tie when its interval covers zero.
# - A test from home can't tell what happens elsewhere.

# %% [markdown]
# ## Quiz

# %%
ask("05.7")

# %%
ask("05.8")

# %%
ask("05.9")

# %%
from course_utils.quiz import summary

summary("05")

# %% [markdown]
# ## Further reading
#
# - [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792): copied layers, frozen and tuned.
# - [Howard and Ruder 2018](https://arxiv.org/abs/1801.06146): gradual unfreezing and discriminative rates.
# - [Kumar et al. 2022](https://arxiv.org/abs/2202.10054): why head, then all.
# - [Lee et al. 2022](https://arxiv.org/abs/2210.11466): surgical fine-tuning.
