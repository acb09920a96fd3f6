# %% [markdown]
# # 03 · How do I give it new classes?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/03_head_replacement.ipynb)
#
# A pre-trained network answers with the classes of its source. You take that answer off, put your own in its place, and
# measure which head to choose and where to cut.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("03_head_replacement")

# %% [markdown]
# ## One line of surgery
#
# `resnet18_half` was pre-trained on 200 kinds of things, so it gives 200 scores. Its last layer is called `fc`, as in all
# ResNets of torchvision. To replace it takes one line.

# %%
import torch
from torch import nn

from course_utils.backbones import resnet18_half

network = resnet18_half(weights="DEFAULT").eval()
images = torch.rand(2, 3, 64, 64)
print("old:", network.fc, "gives", tuple(network(images).shape))
network.fc = nn.Linear(256, 10)
print("new:", network.fc, "gives", tuple(network(images).shape))

# %% [markdown]
# Two images, ten scores each. The layer that was taken away knew which features speak for which of 200 classes. The new
# one starts from random weights.

# %%
from course_utils.quiz import ask

ask("03.1")

# %%
network = resnet18_half(weights="DEFAULT").eval()
for name, part in network.named_children():
    print(f"{name:8} {sum(weights.numel() for weights in part.parameters()):>10,}")

# %% [markdown]
# A *head* is what is replaced, the *body* what is kept. The body can be cut at any of these lines. `describe` groups them
# into *blocks* and adds what each block puts out for one image.

# %%
from course_utils.plots import plot_network
from course_utils.surgery import describe

table = describe(network)
share = table.parameters.iloc[-1] / table.parameters.sum()
print(f"the head holds {share:.1%} of all weights")
plot_network(table, title="resnet18_half, block by block")

# %% [markdown]
# ## Read the error
#
# Most first attempts end in a shape error. We cut off the last two parts, pooling and `fc`, and put a linear layer on what is
# left.

# %%
body = nn.Sequential(*list(network.children())[:-2])
print("the body gives", tuple(body(images).shape))
try:
    nn.Sequential(body, nn.Linear(256, 10))(images)
except RuntimeError as error:
    print("error:", error)

# %% [markdown]
# For each image the body gives 256 maps of 2 × 2. A linear layer works on the *last* dimension, which is 2 here, and it
# expected 256. The first pair in the message is what came, the second one the layer's weights.

# %%
ask("03.2")

# %%
head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))
for side in (64, 96):
    print(f"{side} px:", tuple(nn.Sequential(body, head)(torch.rand(2, 3, side, side)).shape))

# %% [markdown]
# Pooling made the head independent of the image's size.

# %%
ask("03.6")

# %% [markdown]
# ## Which head?
#
# Now real images: digits, 20 labels per. The body stays as it is, so each image passes it once, as in lesson 02,
# and only heads are trained.

# %%
from course_utils import data


@torch.no_grad()
def features(body, seed):
    dls = data.digits(n_per_class=20, size=48, seed=seed, augment=False, split=(0.05, 0.3))
    in_order = dls.train.new(shuffle=False, drop_last=False)
    found = [[(body(x.cpu()), y.cpu()) for x, y in part] for part in (in_order, dls.test)]
    return [torch.cat(each).as_subclass(torch.Tensor) for part in found for each in zip(*part, strict=True)]


# %% [markdown]
# Three heads: one linear layer; two layers with a ReLU between; and `create_head`, which `vision_learner` uses. It also
# takes each map's maximum, and drops a part of its inputs at random. All of them normalise first: features differ in scale.

# %%
from fastai.vision.all import create_head


def linear(channels):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(channels), nn.Linear(channels, 10))


def two_layers(channels):
    return nn.Sequential(*linear(channels)[:3], nn.Linear(channels, 512), nn.ReLU(), nn.Linear(512, 10))


# %%
heads = {"linear": linear, "two layers": two_layers, "fastai's": lambda channels: create_head(channels, 10)}
for name, make in heads.items():
    print(f"{name:10} {sum(weights.numel() for weights in make(256).parameters()):>8,} weights")


# %% [markdown]
# Each head sees all 200 images 60 times, in plain torch. Dropout and BatchNorm need `train()` in training and `eval()` in
# the test.

# %%
def train_head(head, x, y, steps=60, lr=3e-3):
    optimiser = torch.optim.AdamW(head.train().parameters(), lr)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(head(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head.eval()


# %%
ask("03.3")


# %%
def test_accuracy(make, x, y, x_test, truth):
    head = train_head(make(x.shape[1]), x, y)
    return (head(x_test).argmax(1) == truth).float().mean().item()


# %%
by_head = {name: [] for name in heads}
for seed in range(5):
    parts = features(body, seed)
    for name, make in heads.items():
        torch.manual_seed(seed)
        by_head[name].append(test_accuracy(make, *parts))

# %%
from course_utils.statistics import mean_interval, paired_difference

for name in heads:
    mean, half = mean_interval(by_head[name])
    over, spread = paired_difference(by_head[name], by_head["linear"])
    print(f"{name:10} {mean:.1%} ± {half:.1%}, {100 * over:+.1f} ± {100 * spread:.1f} points over linear")
assert min(map(min, by_head.values())) > 0.5, "every head should read the frozen features: restart and run all cells"

# %% [markdown]
# Five splits, the same for all heads. Where the interval of a difference includes zero, the larger head brought nothing
# that we could measure. fastai's head is not only larger than the two layers: it also has maxima and dropout.

# %% [markdown]
# ## Remove more than one layer
#
# In lesson 02 the last stage was not needed to tell digits apart. So cut it off too: `cut` keeps the blocks up to the one
# that you name. The head stays linear, and as wide as the block before it.

# %%
from course_utils.quiz import found, predict

predict("03.5")

# %%
from course_utils.surgery import cut

kept = ["stage 1", "stage 2", "stage 3", "stage 4"]
by_cut = {last: [] for last in kept}
for seed in range(5):
    for last in kept:
        torch.manual_seed(seed)
        by_cut[last].append(test_accuracy(linear, *features(cut(network, last), seed)))

# %% tags=["result"]
for last in kept:
    print("up to {}: {:.1%} ± {:.1%}".format(last, *mean_interval(by_cut[last])))
gain, half = (100 * value for value in paired_difference(by_cut["stage 3"], by_cut["stage 4"]))
assert gain > -5, "stage 3 should serve digits about as well as stage 4: restart and run all cells"
print(f"digits, frozen body: cutting the last stage off changes accuracy by {gain:+.1f} ± {half:.1f} points")
found("03.5", gain)

# %% [markdown]
# Read the last line with the table at the top: the last stage holds most of the body's weights. Late blocks are the most
# specific to their source, so a shorter body can be as good, and it is smaller and faster.

# %%
last_stage = table.parameters[table.block == "stage 4"].item()
print(f"the last stage holds {last_stage / table.parameters[:-1].sum():.0%} of the body's weights")

# %% [markdown]
# ## Other names, other shapes
#
# Each family of networks names its head in its own way. To look at structure needs no weights: on torch's `meta` device, layers
# have shapes but no numbers, and a VGG16 takes no memory.

# %%
from torchvision.models import resnet34, vgg16

with torch.device("meta"):
    others = {"resnet34": resnet34(), "vgg16": vgg16()}
print("resnet34.fc:", others["resnet34"].fc)
print("vgg16.classifier:", *others["vgg16"].classifier, sep="\n  ")

# %%
for name, other in others.items():
    last = other.fc if name == "resnet34" else other.classifier
    part, whole = (sum(weights.numel() for weights in each.parameters()) for each in (last, other))
    print(f"{name}: {part:,} of {whole:,} weights are the head's, {part / whole:.0%}")

# %%
ask("03.4")

# %%
with torch.device("meta"):
    other = vgg16()
    other.classifier[-1] = nn.Linear(4096, 10)
    other.features.requires_grad_(False)
count = sum(weights.numel() for weights in other.parameters() if weights.requires_grad)
print(f"VGG16, last line replaced, features frozen: {count:,} weights train")

# %% [markdown]
# ## One channel in place of three
#
# Digits are grey. Scans and spectrograms too. One way is to copy the one channel three times, as our digits do. The other is
# surgery at the input: one set of weights takes the place of three.

# %%
ask("03.7")

# %%
from course_utils.surgery import change_input_channels

grey = torch.rand(2, 1, 64, 64)
before = network(grey.expand(-1, 3, -1, -1))
change_input_channels(network, 1)
same = torch.allclose(network(grey), before, atol=1e-4)
assert same, "the sum of the weights should give what three equal channels gave"
print("first layer:", network.conv1, "same scores:", same)

# %% [markdown]
# A convolution adds up its channels. Three equal ones times three weights are one channel times their sum: nothing learned is
# lost, and the first layer does a third of the work.

# %% [markdown]
# ## The helper, and fastai
#
# `replace_head` does all of this for a torchvision network or a learner, and checks that the head fits. `vision_learner` cuts and
# joins in one call; its model is `Sequential(body, head)`.

# %%
from fastai.vision.all import vision_learner

from course_utils.surgery import replace_head

dls = data.digits(n_per_class=20, size=48, bs=16)
learn = vision_learner(dls, resnet18_half)
print("fastai's head:", f"{sum(weights.numel() for weights in learn.model[1].parameters()):,} weights")
replace_head(learn, "linear")
print("linear head:", f"{sum(weights.numel() for weights in learn.model[1].parameters()):,} weights")

# %%
plot_network(describe(learn), title="A new head on a pre-trained body")

# %% [markdown]
# The head trains. In the body `vision_learner` froze the convolutions, but the BatchNorm layers still train: "in part".
# What that means is lesson 04's question. A head that doesn't fit is refused:

# %%
from course_utils.errors import CourseError

try:
    replace_head(learn, linear(512))
except CourseError as error:
    print("refused:", error)


# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.A — a head of your own
#
# Write `make_head(channels, classes)`, which returns a head: average pooling, flattening, dropout of one half, a linear layer.
# It must fit a body that gives so many channels, whatever the image's size.

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
# Write `shortened(last)`, which returns a network for 10 classes: it keeps the pre-trained `resnet18_half` up to the block `last`,
# `"stage 2"` for example, and has a linear head as wide as that block. How will your function know the width?

# %% tags=["solution"]
def shortened(last):
    ### BEGIN SOLUTION
    body = cut(resnet18_half(weights="DEFAULT").eval(), last)
    width = body(images).shape[1]
    return nn.Sequential(body, linear(width))
    ### END SOLUTION


# %% tags=["check"]
check("03.B", shortened)

# %% [markdown]
# ## What would break this
#
# - **A trained body.** Here the body stood still. When it is tuned too, late blocks can become what the target needs, and the
#   best cut moves back: lesson 05.
# - **More labels.** A larger head has more to gain from them; 200 images are few.
# - **Another target.** For a near one, the last stage may be the best: lesson 02's trucks.
# - **Skip connections.** A cut inside a residual block breaks its sum: cut between blocks.

# %% [markdown]
# ## Recap
#
# - Head and body are a cut that you choose; the head is what starts anew.
# - Read a shape error from its two pairs: what came, and what the layer expected.
# - Pooling before the linear layer makes the head independent of the image's size.
# - A larger head is not a better one; what it reads, and from which depth, matters as much.
# - A head can hold most of a network's weights: count before you say "only the head".

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
# - [fastai's vision learner](https://docs.fast.ai/vision.learner.html): `create_body`, `create_head` and their arguments.
# - [Evci et al. 2022](https://arxiv.org/abs/2201.03529): Head2Toe, which reads all layers at once.
# - [Simonyan and Zisserman 2014](https://arxiv.org/abs/1409.1556): VGG16, and why its head is so wide.
