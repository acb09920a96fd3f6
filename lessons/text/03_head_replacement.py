# %% [markdown]
# # 03 · How do I give it new classes?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/03_head_replacement.ipynb)
#
# The recycling plant of lesson 01 has a network that tells 200 kinds of things apart, and none of them is "cardboard".
# You remove its last layer and put one with six classes in its place. Does it matter what you put there, and where you
# cut?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("03_head_replacement")

# %% [markdown]
# ## One line of surgery
#
# `resnet18_half` is a ResNet with 18 layers, each half as wide as usual. It was pre-trained on 200 kinds of things, so
# it gives 200 scores. Its last layer is called `fc`, as in all of torchvision's ResNets. One line replaces it.

# %%
import torch
from torch import nn

from course_utils.backbones import resnet18_half

network = resnet18_half(weights="DEFAULT").eval()
images = torch.rand(2, 3, 72, 72)
print("old:", network.fc, "gives", tuple(network(images).shape))
network.fc = nn.Linear(256, 6)
print("new:", network.fc, "gives", tuple(network(images).shape))

# %%
from course_utils.quiz import ask

ask("03.1")

# %% [markdown]
# Two images went in, and six scores came out for each. The new layer starts from random weights, so these scores mean
# nothing yet. Let's train this layer's weights, and no others, on 20 labelled photos per material.

# %%
from fastai.vision.all import Learner, accuracy

from course_utils import data
from course_utils.training import ReestimateBatchNorm

dls = data.recycling(n_per_class=20, size=72, bs=16)
network.requires_grad_(False)
network.fc.requires_grad_(True)
learn = Learner(dls, network, metrics=accuracy, cbs=ReestimateBatchNorm())

# %% tags=["result"]
from course_utils.display import points, show_result, show_table

with learn.no_logging():
    before = learn.validate(dl=dls.test)[1]
    learn.fit_one_cycle(6, 1e-2)
    after = learn.validate(dl=dls.test)[1]
tested = len(dls.test.dataset)
show_result(f"a new last layer, right on {tested} test images: {before:.1%} before, {after:.1%} after training")

# %% [markdown]
# The layer that you removed knew which features point to which of 200 classes. The new one is learning the same for
# six, and in this run it gets about half of the test photos right.

# %% [markdown]
# The part that you replace is the [*head*](../docs/glossary.md#head), and what you keep is the *body*. `describe`
# groups the layers into blocks, and shows what each block gives for one image. A ResNet's blocks are a stem, four
# [*stages*](../docs/glossary.md#stage) and the head. You can cut the body after any of its blocks.

# %%
from course_utils.plots import plot_network
from course_utils.surgery import describe

network = resnet18_half(weights="DEFAULT").eval()
table = describe(network)
plot_network(table, title="resnet18_half, block by block")

# %%
share = table.parameters.iloc[-1] / table.parameters.sum()
last_stage = table.parameters[table.block == "stage 4"].item() / table.parameters.iloc[:-1].sum()
print(f"the head holds {share:.1%} of all weights; stage 4 holds {last_stage:.0%} of the body's")

# %% [markdown]
# ## Read the error
#
# The first time you replace a head, you may well get a shape error, so it helps to be able to read one. Here we remove
# the last two layers, the pooling and `fc`, and put a linear layer on what is left.

# %%
body = nn.Sequential(*list(network.children())[:-2])
print("the body gives", tuple(body(torch.rand(2, 3, 64, 64)).shape))
try:
    nn.Sequential(body, nn.Linear(256, 6))(torch.rand(2, 3, 64, 64))
except RuntimeError as error:
    print("error:", error)

# %% [markdown]
# For each image the body gives 256 [*feature maps*](../docs/glossary.md#feature-map) of 2 × 2 values. In the message,
# the first pair of numbers is what came: 2 × 256 × 2 rows of 2 values each. The second pair belongs to the layer,
# which works on the *last* dimension and expected 256 values there.

# %%
ask("03.2")


# %%
def linear_head(channels, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


for side in (64, 96):
    print(f"{side} px:", tuple(nn.Sequential(body, linear_head(256, 6))(torch.rand(2, 3, side, side)).shape))

# %% [markdown]
# Thanks to the pooling, the head takes images of any size.

# %%
ask("03.6")

# %% [markdown]
# ## Which head?
#
# People often put more than one linear layer on the body. fastai's `vision_learner` does: its head has two linear
# layers and [*dropout*](../docs/glossary.md#dropout), and it reads each map's maximum as well as its average. Which of
# these makes a difference?

# %%
ask("03.3")

# %% [markdown]
# A frozen body always gives an image the same features, so each image has to go through it only once.
# `pooled_features` keeps what comes out: the average and the maximum of each feature map, stage by stage.

# %% tags=["recorded"]
from operator import itemgetter

import torch
from fastai.vision.all import create_head, vision_learner
from torch import nn

from course_utils import backbones, data
from course_utils.training.probing import pooled_features


# %% tags=["recorded"]
def frozen_features(dls, network, stages):
    learn = vision_learner(dls, network)
    parts = []
    for dl in (dls.train, dls.valid, dls.test):
        features, labels = pooled_features(learn, dl, stages, ("average", "max"))
        parts.append(({stage: torch.from_numpy(x) for stage, x in features.items()}, torch.from_numpy(labels)))
    return parts


# %% [markdown]
# We compare three heads on these features: one linear layer; two linear layers with a
# [*ReLU*](../docs/glossary.md#relu) between them; and fastai's head, without its pooling. All three begin with
# [*BatchNorm*](../docs/glossary.md#batchnorm), which brings the features to the same scale.

# %% tags=["recorded"]
def linear(inputs, classes):
    return nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, classes))


def two_layers(inputs, classes):
    return nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, 512), nn.ReLU(), nn.Linear(512, classes))


def fastai_head(inputs, classes):
    return create_head(inputs // 2, classes)[2:]  # it counts feature maps, and reads two numbers of each


# %% [markdown]
# Each head is trained for 100 steps with each of four learning rates, and we keep the one that does best on the
# validation images.

# %% tags=["recorded"]
def train_head(head, x, y, lr):
    optimiser = torch.optim.AdamW(head.train().parameters(), lr)
    for _ in range(100):
        loss = nn.functional.cross_entropy(head(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head.eval()


# %% tags=["recorded"]
@torch.no_grad()
def share_right(head, x, y):
    return (head(x).argmax(1) == y).float().mean().item()


# %% tags=["recorded"]
def test_accuracy(make, parts, read, seed):
    torch.manual_seed(seed)
    (x, y), (x_valid, y_valid), (x_test, y_test) = [(read(features), labels) for features, labels in parts]
    heads = [train_head(make(x.shape[1], int(y.max()) + 1), x, y, lr) for lr in (3e-4, 1e-3, 3e-3, 1e-2)]
    best = max(heads, key=lambda head: share_right(head, x_valid, y_valid))
    return share_right(best, x_test, y_test)


# %% [markdown]
# Now we vary what the head reads (averages, maxima, a second stage) and how many layers it has, one change at a time.
# fastai's head differs from our two layers on maxima in two ways: it has dropout and a second BatchNorm.

# %% tags=["recorded"]
def averages(features):
    return features["stage 4"][:, :256]


def two_stages(features):
    return torch.cat([features["stage 3"], features["stage 4"]], dim=1)


# %% tags=["recorded"]
layers = {"linear": linear, "two layers": two_layers}
inputs = {"on averages": averages, "on maxima too": itemgetter("stage 4"), "on two stages": two_stages}
HEADS = {f"{name} {what}": (layers[name], inputs[what]) for what in inputs for name in layers}
HEADS["fastai's head"] = fastai_head, itemgetter("stage 4")


# %% tags=["recorded:heads"]
def heads(seed, labels=(20, 60)):
    rows = []
    for n in labels:
        dls = data.recycling(n_per_class=n, size=72, seed=seed, augment=False)
        parts = frozen_features(dls, backbones.resnet18_half, ["stage 3", "stage 4"])
        for name, (make, read) in HEADS.items():
            rows.append({"strategy": name, "labels": n, "score": test_accuracy(make, parts, read, seed)})
    return rows


# %% [markdown]
# Here is one seed, live. Don't read much into it: with other training images, the order of the heads may change.

# %%
import pandas as pd

pd.DataFrame(heads(course.seed, labels=[20])).round(3)

# %% [markdown]
# And these are 20 seeds, recorded with the same functions:

# %%
from course_utils.experiments import recorded

runs = recorded("03/heads")
runs

# %%
pairs = [
    ("two layers on averages", "linear on averages"),
    ("linear on maxima too", "linear on averages"),
    ("fastai's head", "two layers on maxima too"),
    ("linear on two stages", "linear on maxima too"),
    ("two layers on two stages", "linear on two stages"),
]

# %%
gaps = {labels: [points(*runs.difference(*pair, labels=labels)) for pair in pairs] for labels in (20, 60)}
names = {"compared": [f"{first} minus {second}" for first, second in pairs]}
show_table(pd.DataFrame(names | {f"points, {labels} labels": said for labels, said in gaps.items()}))

# %% [markdown]
# A second layer gains about three to five points, a second stage about four, and the two gains add up. For maxima in a
# linear head we saw no clear gain (about two points at most), and none for fastai's dropout and second BatchNorm (one
# at most). If a linear head disappoints you, add a layer, a stage, or both.

# %% [markdown]
# Are these accuracies any good? Here is the ladder of baselines that lesson 01 recorded on the same task:

# %%
recorded("01/ladder")

# %%
from course_utils.statistics import paired_difference

for labels in (20, 60):
    for other in ("fine_tune", "multi-depth probe"):
        rung = recorded("01/ladder").scores(other, labels=labels)
        own = runs.scores("two layers on two stages", labels=labels).loc[rung.index]  # the seeds that both have
        gap = points(*paired_difference(own, rung))
        print(f"{labels} labels: two layers on two stages minus {other}: {gap} points")

# %% [markdown]
# Every head is ahead of the SVM and of training from scratch. These runs don't decide between two layers on two stages
# and fine-tuning. With 60 labels the multi-depth probe, which also learns from mirrored images, is a little ahead.

# %% [markdown]
# ## Remove more than one layer
#
# A smaller network is cheaper. You can cut off whole stages and put a linear head on what is left, but what does
# it cost in accuracy? With 20 labels per class, we try two tasks: photos of rubbish, which resemble the
# pre-training images, and handwritten digits, which don't.

# %%
from course_utils.quiz import found, predict

predict("03.5")

# %% [markdown]
# Without stage 4, a quarter of the body's weights is left, and the head reads what stage 3 gives: half as many
# channels.

# %% tags=["recorded"]
NETWORKS = {
    "resnet18_half": ["stage 1", "stage 2", "stage 3", "stage 4"],
    "vgg16_quarter": ["stage 1", "stage 2", "stage 3", "stage 4", "stage 5"],
}
TASKS = {"recycling": (data.recycling, 72), "digits": (data.digits, 48)}


# %% tags=["recorded"]
def cut_accuracies(dls, network, seed):
    parts = frozen_features(dls, getattr(backbones, network), NETWORKS[network])
    return {stage: test_accuracy(linear, parts, itemgetter(stage), seed) for stage in NETWORKS[network]}


# %% tags=["recorded:cuts"]
def cuts(seed):
    rows = []
    for task, (load, size) in TASKS.items():
        dls = load(n_per_class=20, size=size, seed=seed, augment=False)
        for network in NETWORKS:
            for stage, score in cut_accuracies(dls, network, seed).items():
                rows.append({"strategy": f"{network} up to {stage}", "task": task, "score": score})
    return rows


# %%
by_cut = recorded("03/cuts")
by_cut

# %%
for task in ("recycling", "digits"):
    change, half = by_cut.difference("resnet18_half up to stage 3", "resnet18_half up to stage 4", task=task)
    print(
        f"{task}: cutting off the ResNet's last stage changes accuracy by {100 * change:+.1f} ± {100 * half:.1f} points"
    )
found("03.5", 100 * change)

# %% [markdown]
# With a frozen body, the ResNet without its last stage is better on both tasks. One possible reason is that the last
# stage was trained to tell 200 other classes apart, and can't adapt while it is frozen. (You don't need a network for
# digits, though. Lesson 07 shows how far an SVM gets.)

# %% [markdown]
# ## Other names, other shapes
#
# Other families of networks have other names for their heads. You can inspect them without any weights: on torch's
# `meta` device, layers have shapes but no numbers.

# %%
from torchvision.models import resnet34, vgg16

with torch.device("meta"):
    others = {"resnet34": resnet34(), "vgg16": vgg16()}
print("resnet34.fc:", others["resnet34"].fc)
print("vgg16.classifier:", *others["vgg16"].classifier, sep="\n  ")

# %%
ask("03.4")

# %%
with torch.device("meta"):
    other = vgg16()
    other.classifier[-1] = nn.Linear(4096, 6)
    other.features.requires_grad_(False)
count = sum(weights.numel() for weights in other.parameters() if weights.requires_grad)
print(f"VGG16, last layer replaced, body frozen: {count:,} weights train")

# %% [markdown]
# The course comes with a VGG16 at a quarter of the usual width, pre-trained like the ResNet. Its `classifier` is a
# single layer, so you again need only one line, and you train it as above:

# %%
from course_utils.backbones import vgg16_quarter

plain = vgg16_quarter(weights="DEFAULT")
plain.requires_grad_(False)
plain.classifier = nn.Linear(128, 6)
learn = Learner(dls, plain, metrics=accuracy)
with learn.no_logging():
    learn.fit_one_cycle(6, 1e-2)
    print(f"VGG16 at quarter width, a new last layer: {learn.validate(dl=dls.test)[1]:.1%}; the ResNet: {after:.1%}")

# %% [markdown]
# That is one run of each. The table of cuts above has 20, and calls VGG16's five blocks stages. On photos of rubbish,
# VGG16 also does better without its last stage (best with three, at 51.0%). The ResNet is ahead when both are whole,
# and when both lose their last stage:

# %%
vgg = [f"vgg16_quarter up to stage {stage}" for stage in (4, 5)]
res = [f"resnet18_half up to stage {stage}" for stage in (3, 4)]
for first, second in ((vgg[0], vgg[1]), (res[0], vgg[0]), (res[1], vgg[1])):
    difference, half = by_cut.difference(first, second, task="recycling")
    print(f"recycling: {first} minus {second}: {points(difference, half)} points")

# %% [markdown]
# ## One channel in place of three
#
# Many scans and spectrograms are greyscale: they have one [*channel*](../docs/glossary.md#channel), and the network
# expects three. You can copy the channel three times, or you can change the first layer so that one set of weights
# replaces three.

# %%
ask("03.7")

# %%
from course_utils.surgery import change_input_channels

greyscale = torch.rand(2, 1, 64, 64)
before = network(greyscale.expand(-1, 3, -1, -1))
change_input_channels(network, 1)
same = torch.allclose(network(greyscale), before, atol=1e-4)
show_result(f"first layer: {network.conv1}; same scores: {same}", expected=same)

# %% [markdown]
# A convolution multiplies each channel by its weights and adds up the results. If all three channels are equal, that
# is the same as one channel times the sum of the weights, so on greyscale images the network gives the same scores as
# before.

# %% [markdown]
# ## The helper, and fastai
#
# `replace_head` replaces the head of a network or of a fastai learner, and checks that the new one fits. Here it gives
# a learner a linear head that reads two stages. You train it like any other head.

# %%
from course_utils.surgery import MultiDepthHead, replace_head

learn = vision_learner(dls, resnet18_half, metrics=accuracy, cbs=ReestimateBatchNorm())
replace_head(learn, MultiDepthHead(["stage 3", "stage 4"]))
with learn.no_logging():
    learn.fit_one_cycle(6, 5e-3)
    print(f"a linear head on two stages: {learn.validate(dl=dls.test)[1]:.1%}")

# %% [markdown]
# A head that doesn't fit is refused:

# %%
from course_utils.errors import CourseError

try:
    replace_head(learn, linear_head(512, 6))
except CourseError as error:
    print("refused:", error)


# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are
# in the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.A — a head of your own
#
# Write `make_head(channels, classes)`, which returns a head with average pooling, flattening, dropout of one half and
# a linear layer. It must fit a body that gives `channels` feature maps, whatever the image's size.

# %% tags=["solution"]
def make_head(channels, classes):
    ### BEGIN SOLUTION
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels, classes))
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("03.A", make_head)


# %% [markdown] tags=["exercise"]
# ### Exercise 03.B — shorter networks
#
# `cut(network, "stage 2")` from `course_utils.surgery` keeps a network's blocks up to stage 2. Write
# `shortened(last)`, which returns a network for 10 classes: the pre-trained `resnet18_half` up to the block `last`,
# and a linear head as wide as that block. How will your function know the width?

# %% tags=["solution"]
def shortened(last):
    ### BEGIN SOLUTION
    from course_utils.surgery import cut

    body = cut(resnet18_half(weights="DEFAULT").eval(), last)
    width = body(images).shape[1]
    return nn.Sequential(body, linear_head(width, 10))
    ### END SOLUTION


# %% tags=["check"]
check("03.B", shortened)

# %% [markdown]
# ## What would break this
#
# - **A body that trains.** Here the body is frozen. If you train it too, its late stages can adapt to the new task,
#   and the comparison may come out differently (lesson 05).
# - **Another task or more labels.** We measured the differences between heads on photos of rubbish with 20 and 60
#   labels per class. Measure them on your own task.
# - **A cut inside a stage.** It can break a [*residual connection*](../docs/glossary.md#residual-connection), which
#   adds the input of some layers to their output. `cut` cuts only between stages.

# %% [markdown]
# ## Recap
#
# - The head is the part that you replace, and it starts from random weights; the body is the part that you keep.
# - A shape error shows two pairs of numbers: what came, and what the layer expected.
# - With pooling before the linear layer, the head takes images of any size.
# - What a head reads can matter as much as its size: try an earlier stage, or several, as well as a second layer.
# - A head can hold most of a network's weights, so count them before you say "only the head".

# %% [markdown]
# ## Quiz

# %%
ask("03.8")

# %%
ask("03.9")

# %%
from course_utils.quiz import summary

summary("03")

# %% [markdown]
# ## Further reading
#
# - [fastai's vision learner](https://docs.fast.ai/vision.learner.html): `create_body`, `create_head` and their
#   arguments.
# - [Evci et al. 2022](https://arxiv.org/abs/2201.03529): Head2Toe, which reads all layers at once.
# - [Simonyan and Zisserman 2014](https://arxiv.org/abs/1409.1556): VGG16, with its three fully connected layers.
