# %% [markdown]
# # 04 · What exactly stays still?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/04_freezing.ipynb)
#
# A recycling centre's camera at the gate tells cars from trucks. A second camera reads handwritten weighing slips. To
# save memory, both share one frozen body. After the second head's training, the gate makes new mistakes, though nobody
# has touched its head. What moved?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("04_freezing")

# %% [markdown]
# ## Predict first
#
# `vision_learner` freezes the body: where it sets `requires_grad=False`, PyTorch computes no
# [*gradient*](../docs/glossary.md#gradient), the number that says which way to change a weight. Then you train the
# second head for three epochs.

# %%
from course_utils.quiz import ask

ask("04.1")

# %% [markdown]
# ## Two heads, one body
#
# This is what the two cameras see:

# %%
from fastai.vision.all import accuracy, vision_learner

from course_utils import data
from course_utils.plots import plot_images

vehicles = data.vehicles(n_per_class=50, size=48, bs=16, augment=False)
digits = data.digits(n_per_class=10, size=48, bs=16, augment=False)
seen = [dls.train.dataset[number][0] for dls in (vehicles, digits) for number in range(0, 100, 20)]
plot_images(seen, ["gate"] * 5 + ["second camera"] * 5, columns=5)

# %% [markdown]
# First the gate: 50 labelled images per class, and a body in which nothing moves. (`batchnorm="fixed"` takes care of
# that; you will soon see how.)

# %%
from course_utils.backbones import resnet18_half
from course_utils.training import Full, HeadOnly


def right(learn):  # the accuracy on test images
    with learn.no_bar(), learn.no_logging():
        return learn.validate(dl=learn.dls.test)[1]


# %%
gate = vision_learner(vehicles, resnet18_half, metrics=accuracy)
with gate.no_bar(), gate.no_logging():
    HeadOnly(10, 1e-2, batchnorm="fixed").train(gate)
before = right(gate)
print(f"the gate gets {before:.1%} of its test images right")

# %% [markdown]
# Then the second camera: ten labelled examples of each digit. This is fastai's usual way to train a head on a frozen
# body. `snapshot` keeps a copy of all weights for later.

# %%
from course_utils.surgery import drift, freeze, freeze_to, hold_in_eval, snapshot, unfreeze

slips = vision_learner(digits, resnet18_half, metrics=accuracy)
start = snapshot(slips)
with slips.no_bar(), slips.no_logging():
    slips.fit_one_cycle(3, 1e-2)

# %% [markdown]
# One body serves both cameras, so the gate gets the one on which the second head was trained.

# %% tags=["result"]
from course_utils.display import points, show_result, show_table

gate.model[0] = slips.model[0]
shared, as_trained = right(gate), right(slips)
show_result(f"second camera: {as_trained:.1%}; gate: {before:.1%} before, {shared:.1%} after")

# %% [markdown]
# The gate's head hasn't changed, yet these are now its worst mistakes:

# %%
from course_utils.plots import plot_drift, plot_top_losses

with gate.no_bar():
    probabilities, truth = gate.get_preds(dl=vehicles.test)
images = [image for image, _ in vehicles.test.dataset]
plot_top_losses(images, truth, probabilities, vehicles.vocab, n=10)

# %% [markdown]
# ## What moved?
#
# `drift` compares each tensor of the network with its copy: how far did it move, relative to its length? The layers
# of the body have names that begin with `0.`

# %%
table = drift(start, slips)
body = table[table.layer.str.startswith("0.")].assign(moved=lambda rows: rows.change > 0)
moved = body.groupby("kind").agg(tensors=("moved", "size"), moved=("moved", "sum"), furthest=("change", "max"))
show_table(moved, decimals=2)
convolutions, statistics = moved.moved["weight"], moved.moved["statistics"]
show_result(f"moved: {convolutions} convolutions, {statistics} statistics", expected=convolutions == 0 < statistics)

# %% [markdown]
# No convolution moved (`weight`). Everything that did belongs to [*BatchNorm*](../docs/glossary.md#batchnorm) layers:
# they bring each channel to mean 0 and standard deviation 1, and then scale and shift it by two weights, gamma and beta
# (`affine`), which fastai lets train.

# %% [markdown]
# In training, BatchNorm takes mean and standard deviation from the current batch. In evaluation it uses running
# averages, the `statistics`. They aren't trained: each training step replaces a tenth of them with the batch's own. So
# `requires_grad=False` can't stop them.

# %%
ask("04.6")

# %% [markdown]
# ## Which of the two did the harm?
#
# The statistics moved, and so did gamma and beta. If only the statistics do harm, we can repair both cameras without
# training: send a camera's training images through the network once, and average the statistics of their batches.
# `reestimate_batchnorm` does that and changes no weight.

# %%
from course_utils.quiz import found, predict

predict("04.2")

# %%
from course_utils.training import reestimate_batchnorm, reestimated

reestimate_batchnorm(slips)
settled = right(slips)
both = f"{as_trained:.1%} as trained, {settled:.1%} with statistics re-estimated on its own images"
show_result(f"second camera: {both}", expected=settled > as_trained + 0.1)
found("04.2", 100 * settled)

# %%
with reestimated(gate):  # until the end of this block
    repaired, meanwhile = right(gate), right(slips)
print(f"gate: {before:.1%} before, {shared:.1%} after, {repaired:.1%} with statistics re-estimated on its own images")

# %% [markdown]
# So, in this run, most of the harm came from the statistics. The training itself was fine, because it uses each batch's
# own. But evaluation uses the running averages, and after so few steps they are still on their way from photos to
# digits. They fit neither camera.

# %%
ask("04.4")

# %%
print(f"second camera, while the statistics were those of the gate: {meanwhile:.1%}")

# %% [markdown]
# ## Hold them
#
# Re-estimating repairs one camera at a time, unless each keeps statistics of its own. With the other cure, nothing
# moves: `batchnorm="fixed"`, which the course's strategies and `freeze(learn, ...)` take, freezes the weights of the
# body's BatchNorm layers and holds these layers in evaluation mode.

# %%
held = vision_learner(digits, resnet18_half, metrics=accuracy)
with held.no_bar(), held.no_logging():
    HeadOnly(3, 1e-2, batchnorm="fixed").train(held)
gate.model[0] = held.model[0]
gate_now = right(gate)
show_result(f"second camera {right(held):.1%}; gate {gate_now:.1%}, and {before:.1%} before", gate_now == before)

# %% [markdown]
# ## Was it luck?
#
# One run may be luck. So the course ran all of this with ten seeds: other training images, other heads. Both ways to
# train the second head, with BatchNorm following the digits and with BatchNorm held, take the same steps at the same
# learning rate.

# %% tags=["recorded"]
from contextlib import nullcontext

from course_utils.tasks import ImageTask
from course_utils.training import reestimated

GATE = ImageTask("vehicles", labels=50, size=48, bs=16, augment=False, arch=resnet18_half)
SLIPS = ImageTask("digits", labels=10, size=48, bs=16, augment=False, arch=resnet18_half)
CHOICES = {"train": ("as trained", "re-estimated"), "fixed": ("held",)}  # what BatchNorm does, and what is evaluated


# %% tags=["recorded"]
def train_head(task, seed, epochs, batchnorm):
    strategy = HeadOnly(epochs, 1e-2, batchnorm=batchnorm, batchnorm_statistics="as trained")
    learn = task.learner(seed, task.labels, strategy)
    with learn.no_bar(), learn.no_logging():
        return strategy.train(learn)


# %% tags=["recorded"]
def measure(statistics, camera, learn):
    task = GATE if camera == "gate" else SLIPS
    with nullcontext() if statistics == "as trained" else reestimated(learn):  # on its own images; held layers stay
        return {"strategy": statistics, "camera": camera, "score": task.score(learn)}


# %% tags=["recorded:two_heads"]
def two_heads(seed):
    gate, rows = train_head(GATE, seed, 10, "fixed"), []
    for batchnorm, ways in CHOICES.items():
        second = train_head(SLIPS, seed, 3, batchnorm)
        gate.model[0] = second.model[0]
        rows += [measure(how, camera, learn) for how in ways for camera, learn in (("second", second), ("gate", gate))]
    return rows


# %%
from course_utils.experiments import all_rungs, baselines, recorded

runs = recorded("04/two_heads")
runs

# %%
others = ("as trained", "held")
gaps = [
    {"camera": camera} | {other: points(*runs.difference("re-estimated", other, camera=camera)) for other in others}
    for camera in ("second", "gate")
]
show_table(gaps, "re-estimated minus the others, in points")

# %% [markdown]
# As trained, the second camera looks like a failure, and both cures mend it: re-estimating brings 46 points, and by
# these intervals the cures differ by less than 4. With statistics of its own, the gate gets back most of what it lost.
# With BatchNorm held, it loses nothing.

# %% [markdown]
# What are these accuracies worth? This is the ladder of baselines on the images of both cameras. We leave out training
# from scratch, since the question isn't whether pre-training pays:

# %%
import pandas as pd

rungs = {"gate": baselines(vehicles, resnet18_half, rungs=all_rungs()[:4])}
rungs["second camera"] = baselines(digits, resnet18_half, rungs=all_rungs()[:4])
pd.DataFrame({name: table.set_index("strategy").score for name, table in rungs.items()}).round(3)

# %% [markdown]
# On digits, an SVM on raw pixels and a linear probe both beat our second head. With slips alone, the centre wouldn't
# need a network. At the gate the pre-trained features pay: on this split the probe does best, then our head, then the
# classifiers on pixels.

# %% [markdown]
# ## A network without BatchNorm
#
# Is BatchNorm really the cause? `vgg16_quarter` has VGG16's layers, a quarter as wide, and was pre-trained on the same
# images, without BatchNorm. If we are right, nothing in its frozen body moves, even though nobody asks for that.

# %%
from course_utils.backbones import vgg16_quarter

vgg_gate = vision_learner(vehicles, vgg16_quarter, metrics=accuracy)
with vgg_gate.no_bar(), vgg_gate.no_logging():
    vgg_gate.fit_one_cycle(5, 1e-2)
before = right(vgg_gate)

# %%
vgg_slips = vision_learner(digits, vgg16_quarter, metrics=accuracy)
start = snapshot(vgg_slips)
with vgg_slips.no_bar(), vgg_slips.no_logging():
    vgg_slips.fit_one_cycle(3, 1e-2)
body = drift(start, vgg_slips).query("layer.str.startswith('0.')")
print(f"{(body.change > 0).sum()} of {len(body)} tensors of the body moved")

# %%
vgg_gate.model[0] = vgg_slips.model[0]
gate_now = right(vgg_gate)
show_result(f"second camera {right(vgg_slips):.1%}; gate {gate_now:.1%}, and {before:.1%} before", gate_now == before)

# %% [markdown]
# Not one tensor of the body moved, and the gate is as good as before, to the last digit. That isn't luck, so we need no
# seeds to show it: without BatchNorm nothing in this body could move. (Which network is better is another question.)

# %% [markdown]
# ## eval() doesn't last
#
# You may know `eval()`, which switches a network into evaluation mode: BatchNorm uses its running averages, and
# [*dropout*](../docs/glossary.md#dropout), which sets random activations to zero in training, does nothing. Isn't
# that enough to hold a body?

# %%
ask("04.7")


# %%
def statistics_moved(prepare):
    prepare(slips)
    start = snapshot(slips)
    with slips.no_bar(), slips.no_logging():
        slips.fit(1)
    return len(drift(start, slips).query("kind == 'statistics' and change > 0 and layer.str.startswith('0.')"))


# %%
print("running statistics of the body that moved after eval():", statistics_moved(lambda learn: learn.model[0].eval()))
print("after freeze(…, batchnorm='fixed'):", statistics_moved(lambda learn: freeze(learn, batchnorm="fixed")))

# %% [markdown]
# A learner calls `train()` on the whole network before each epoch, and your `eval()` is gone. `hold_in_eval(layer)`,
# which `batchnorm="fixed"` uses, sets the mode again whenever the layer is called. It works for dropout, too, which
# has no weights that you could freeze:

# %%
import torch

dropout = torch.nn.Dropout(0.5).train()
print("a frozen body's dropout:", dropout(torch.ones(8)).tolist())
hold_in_eval(dropout)
print("held:", dropout.train()(torch.ones(8)).tolist())

# %% [markdown]
# ## Frozen too late
#
# There is one more way to move. Suppose you have trained a weight, and freeze it then. Its
# [*optimiser*](../docs/glossary.md#optimiser), the rule that turns gradients into steps, has
# [*momentum*](../docs/glossary.md#momentum): it adds nine tenths of its last step to the new one.

# %%
weight = torch.nn.Parameter(torch.ones(1))
optimiser = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
weight.sum().backward()
optimiser.step()
print(f"after one step of training: {weight.item():.3f}")

# %%
weight.requires_grad_(False)
for gradient in (None, torch.zeros(1)):
    weight.grad = gradient
    optimiser.step()
    print(f"after a step while frozen, with gradient {gradient}: {weight.item():.3f}")

# %%
ask("04.3")


# %% [markdown]
# So three things can still change what a body with frozen weights puts out: BatchNorm's statistics, dropout, and old
# gradients.

# %% [markdown]
# [*Weight decay*](../docs/glossary.md#weight-decay), which shrinks each weight a little in every step, also acts on a
# weight whose gradient is zero. Does this happen in practice? Train a whole network for an epoch, freeze it, train on,
# and look at the convolutions:

# %%
def late(freeze_it):
    learn = GATE.learner(course.seed, 50, HeadOnly())
    with learn.no_bar(), learn.no_logging():
        Full(1, 1e-3).train(learn)
        freeze_it(learn)
        start = snapshot(learn)
        learn.fit_one_cycle(1, 1e-2, wd=0.1)
    return drift(start, learn).query("kind == 'weight' and layer.str.startswith('0.')").change.max()


# %%
by_fastai, by_course = late(lambda learn: learn.freeze()), late(lambda learn: freeze(learn, batchnorm="fixed"))
moves = f"fastai's freeze {by_fastai:.2%}, the course's {by_course:.2%}"
show_result(f"largest move of a frozen convolution: {moves}", expected=by_fastai > 0 == by_course)


# %% [markdown]
# With fastai's `freeze` the old gradients stay, set to zero; the course's `freeze` drops them. You are on the safe side
# if you freeze before you train, as `vision_learner` does.

# %% [markdown]
# ## Freeze to a depth
#
# You needn't freeze the whole body. `freeze_to` names the first block that trains. We train the gate's network in
# three ways and draw how far each layer moved:

# %%
def moved_by(prepare):
    learn = GATE.learner(course.seed, 50, HeadOnly())
    prepare(learn)
    start = snapshot(learn)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-2)
    return drift(start, learn)


# %%
tables = {
    "head only": moved_by(lambda learn: freeze(learn, batchnorm="fixed")),
    "from stage 3 on": moved_by(lambda learn: freeze_to(learn, "stage 3", batchnorm="fixed")),
    "everything": moved_by(unfreeze),
}
plot_drift(tables, title="How far convolutions and linear layers moved")

# %% [markdown]
# Where a line touches the floor, not one bit changed.

# %% [markdown]
# ## What a frozen step costs
#
# A training step has a forward pass, and a backward pass that computes gradients from the last layer back to the first
# one that trains. With a frozen body that should be quick. We time a few steps at each depth, after a first one that
# doesn't count:

# %%
from course_utils.controls import freeze_slider
from course_utils.experiments import freezing_costs

learn = GATE.learner(course.seed, 50, HeadOnly())
costs = {how: freezing_costs(learn, batchnorm=how, repeats=3, images=200) for how in ("fixed", "train")}

# %%
for how, table in costs.items():
    share = table[["seconds", "memory_mb"]].iloc[-1] / table[["seconds", "memory_mb"]].iloc[0]
    print(
        f"frozen body, BatchNorm {how}: {share.seconds:.0%} of a full step's time, {share.memory_mb:.0%} of its memory"
    )

# %% [markdown]
# If BatchNorm trains, the weights of its first layer need a gradient, so the backward pass has to go all the way, and
# freezing saves less. Milliseconds vary with the machine and with what else it is doing; memory is counted tensor by
# tensor. Move the slider: the linear probe reads what the frozen blocks put out.

# %%
freeze_slider(costs["fixed"])

# %% [markdown]
# ## Frozen means cached
#
# What else can you gain from a body in which nothing moves?

# %%
ask("04.9")

# %% [markdown]
# The course's strategies store the body's features where that changes nothing (`cache="when exact"`). How much faster
# are ten epochs of head training then?

# %%
predict("04.8")

# %%
from time import perf_counter


def timed(cache):
    strategy = HeadOnly(10, 1e-2, batchnorm="fixed", cache=cache)
    learn, began = GATE.learner(course.seed, 50, strategy), perf_counter()
    with learn.no_bar(), learn.no_logging():
        strategy.train(learn)
    return perf_counter() - began, snapshot(learn)


# %%
(slow, plainly), (fast, stored) = timed("never"), timed("when exact")
furthest = max((plainly[name].float() - stored[name].float()).abs().max().item() for name in plainly)
faster = f"{slow:.1f} s, cached {fast:.1f} s: {slow / fast:.1f} times as fast"
show_result(f"{faster}; largest difference of a weight {furthest:.0e}", expected=furthest < 1e-3 and fast < slow)
found("04.8", slow / fast)

# %% [markdown]
# The weights are the same, or differ by rounding where sums are taken in another order. Features are kept on disk as
# well, up to `COURSE_FEATURES_GB`, so a second start needs no pass through the body. `cached_body` does this for any
# learner, and refuses where the result would change:

# %%
from course_utils.errors import CourseError
from course_utils.training import cached_body

learn = vision_learner(vehicles, resnet18_half)
try:
    with cached_body(learn):
        learn.fit(1)
except CourseError as error:
    print("refused:", error)


# %% [markdown]
# Random augmentation changes the images in every epoch. `cache=4` stores four augmented versions of each. That
# changes the training, so you have to ask.

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** hold BatchNorm where something else uses the body, such as another head.
# - **Do** re-estimate the statistics after a short training in which they moved.
# - **Do** report which of the two you did.
# - **Don't** trust `requires_grad` or `eval()`: compare tensors.

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are
# in the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 04.A — freeze by hand
#
# Write `unfreeze_end(network)` in plain PyTorch: it sets `requires_grad` of all weights of a `resnet18_half()` so
# that only `layer4` and `fc` train, and returns the number of weights that train.

# %% tags=["solution"]
def unfreeze_end(network):
    ### BEGIN SOLUTION
    for name, weights in network.named_parameters():
        weights.requires_grad = name.startswith(("layer4", "fc"))
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("04.A", unfreeze_end)

# %% [markdown] tags=["exercise"]
# ### Exercise 04.B — nothing at all
#
# Make a learner on `digits`, as above, and freeze it so that nothing in its body moves, not one bit. Train it for an
# epoch, and bind the table that `drift` returns to `moved`.

# %% tags=["solution"]
### BEGIN SOLUTION
quiet = vision_learner(digits, resnet18_half)
freeze(quiet, batchnorm="fixed")
start = snapshot(quiet)
with quiet.no_bar(), quiet.no_logging():
    quiet.fit_one_cycle(1, 1e-2)
moved = drift(start, quiet)
### END SOLUTION

# %% tags=["check"]
check("04.B", moved)

# %% [markdown]
# ## What would break this
#
# - **Images like those of the pre-training.** Digits are far from photos. With photos, the statistics may have less
#   far to move, but no cell shows that: try `data.recycling(...)` for the second camera.
# - **More steps.** As in Question 04.6, what is left of the old averages shrinks with every step. We haven't measured
#   what the gate makes of averages that have arrived at the digits.
# - **Other normalisation.** LayerNorm and
#   [GroupNorm](https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html) keep no running statistics, so
#   none can lag.
# - **Small batches.** [Wu and He 2018](https://arxiv.org/abs/1803.08494) report that BatchNorm's error grows quickly as
#   batches get smaller. Re-estimating uses batches of 64 images here.

# %% [markdown]
# ## Recap
#
# - `requires_grad=False` stops the gradient of a weight, and nothing else.
# - BatchNorm's running statistics follow the training images and, in a short training, lag behind.
# - Hold them, re-estimate them, or use a network without BatchNorm. In a shared body, hold them.
# - Momentum and weight decay move a weight whose gradient is zero, but not one that has no gradient.
# - What really stays still can be computed once and stored.

# %% [markdown]
# ## Quiz

# %%
ask("04.5")

# %%
from course_utils.quiz import summary

summary("04")

# %% [markdown]
# ## Further reading
#
# - [Ioffe and Szegedy 2015](https://arxiv.org/abs/1502.03167): BatchNorm.
# - [Li et al. 2016](https://arxiv.org/abs/1603.04779): one network, with its own BatchNorm statistics for each kind of
#   image.
# - [PyTorch's `update_bn`](https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema):
#   re-estimating in plain PyTorch.
# - [fastai's training callbacks](https://docs.fast.ai/callback.training.html): `BnFreeze` and others.
