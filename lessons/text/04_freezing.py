# %% [markdown]
# # 04 · What exactly stays still?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/04_freezing.ipynb)
#
# "The body is frozen" sounds as if nothing in it moves. You compare every tensor before and after training, find the ways
# in which a frozen body moves, and gain something from the case in which it doesn't.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("04_freezing")

# %% [markdown]
# ## Predict first
#
# `learn.freeze()` sets `requires_grad=False` in the body. An epoch of training follows.

# %%
from course_utils.quiz import ask

ask("04.1")

# %%
from fastai.vision.all import accuracy, set_seed, vision_learner

from course_utils import data
from course_utils.backbones import resnet18_half


def learner(seed=course.seed, bs=16, **options):
    digits = data.digits(n_per_class=10, size=48, bs=bs, augment=False, split=(0.01, 0.2), seed=seed)
    set_seed(seed)
    return vision_learner(digits, resnet18_half, metrics=accuracy, **options)


# %%
learn = learner()
learn.freeze()
before = {name: tensor.clone() for name, tensor in learn.model[0].state_dict().items()}
with learn.no_bar(), learn.no_logging():
    learn.fit_one_cycle(1, 1e-2)
after = learn.model[0].state_dict()
moved = [name for name in after if not after[name].equal(before[name])]
print(f"{len(moved)} of {len(after)} tensors of the frozen body moved")

# %%
convolutions = [name for name in after if after[name].ndim == 4]
assert moved and not set(moved) & set(convolutions), (
    "BatchNorm should move and no convolution: restart and run all cells"
)
print(f"convolutions that moved: {len(set(moved) & set(convolutions))} of {len(convolutions)}")
print("moved in the first BatchNorm layer:", ", ".join(name for name in moved if name.startswith("1.")))

# %% [markdown]
# All that moved belongs to BatchNorm: two weights (gamma, beta), two running statistics and a counter for each layer.

# %% [markdown]
# ## Who trains?
#
# `requires_grad` says which weights get a gradient. `describe` sums it up by block; the drawing is lesson 03's.

# %%
from course_utils.plots import plot_drift, plot_network
from course_utils.surgery import describe

plot_network(describe(learn), title="After learn.freeze()")

# %% [markdown]
# `freeze_to` of the course freezes up to a depth that you name, and asks what BatchNorm shall do. `"fixed"` stops its weights
# and its statistics. `drift` measures how far each tensor moved, relative to its length.

# %%
from course_utils.surgery import drift, freeze, freeze_to, snapshot, unfreeze


def train(learn, epochs=2):
    set_seed(course.seed)
    start = snapshot(learn)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, 1e-2)
    return drift(start, learn)


# %%
def drift_of(prepare):
    learn = learner()
    prepare(learn)
    return train(learn)


# %%
tables = {
    "head only": drift_of(lambda learn: freeze(learn, batchnorm="fixed")),
    "from stage 3 on": drift_of(lambda learn: freeze_to(learn, "stage 3", batchnorm="fixed")),
    "everything": drift_of(unfreeze),
}

# %%
plot_drift(tables, title="How far convolutions and linear layers moved")
still = {name: int((table.change == 0).sum()) for name, table in tables.items()}
print("tensors that did not move:", still)
assert still["head only"] > still["from stage 3 on"] > 0 == still["everything"], (
    "freezing should show: look at the figure"
)

# %% [markdown]
# Where a line touches the floor, not one bit changed. Of what trains, the last stage moves far: at one rate for all, it
# changes more than the new head.

# %%
ask("04.2")

# %% [markdown]
# ## What BatchNorm costs, or brings
#
# Five splits, both ways, the same head, epochs and rate. First in batches of 16, which makes 18 steps.


# %%
def run(batchnorm, seed, bs):
    learn = learner(seed, bs)
    freeze(learn, batchnorm=batchnorm)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(3, 1e-2)
        return learn.validate(dl=learn.dls.test)[1]


# %%
from course_utils.experiments import run_parallel
from course_utils.statistics import mean_interval, paired_difference


def compare(bs):
    fixed, trained = (run_parallel(run, [(how, seed, bs) for seed in range(5)]) for how in ("fixed", "train"))
    print("BatchNorm fixed {:.1%} ± {:.1%}, ".format(*mean_interval(fixed)), end="")
    print("train {:.1%} ± {:.1%}".format(*mean_interval(trained)))
    return [100 * value for value in paired_difference(trained, fixed)]


# %%
short, short_half = compare(bs=16)

# %% [markdown]
# Now twice the steps on the same images, in as many epochs: batches of 8.

# %% tags=["result"]
longer, longer_half = compare(bs=8)
assert short < longer, "more steps should help BatchNorm that trains: look at the runs one by one"
said = f"{short:+.1f} ± {short_half:.1f} points, {longer:+.1f} ± {longer_half:.1f} in twice the steps"
print(f"BatchNorm training in a frozen body: {said}")

# %% [markdown]
# A side effect that nobody asked for cost this much. It is a matter of steps: name what BatchNorm does when you report
# "frozen", and fix it when the training is short.

# %% [markdown]
# ## eval() doesn't last
#
# `eval()` stops running statistics and dropout. But a learner calls `train()` before each epoch, for the whole network.

# %%
body = learn.model[0]
body.eval()
print("in training mode after eval():", body.training)
_ = learn.model.train()
print("in training mode after the next train():", body.training)

# %% [markdown]
# So dropout in a frozen body stays active too. `hold_in_eval(layer)` of the course sets the mode again each time that the layer is
# called; `batchnorm="fixed"` uses it.

# %% [markdown]
# ## Frozen too late
#
# Now the subtle one. Train everything, then freeze, then train on. The gradients of the body are still there, set to zero. An
# optimiser with weight decay shrinks every weight that has a gradient.


# %%
def late(freeze_it):
    learn = learner(wd=0.1, train_bn=False)
    learn.unfreeze()
    train(learn, 1)
    freeze_it(learn)
    table = train(learn, 2)
    return table[(table.kind == "weight") & table.layer.str.startswith("0.")].change.max()


# %%
by_fastai, by_course = late(lambda learn: learn.freeze()), late(lambda learn: freeze(learn, batchnorm="fixed"))
print(f"largest move of a 'frozen' convolution: fastai's freeze {by_fastai:.2%}, gradients dropped {by_course:.2%}")
assert by_fastai > 0 == by_course, "weights with a zero gradient should shrink, those without stay: restart and run all"

# %%
ask("04.3")

# %% [markdown]
# ## What a frozen step costs
#
# The backward pass stops at the first block that trains. We time steps on one batch, by depth, and take the fastest of seven: the machine can only add time.

# %%
from itertools import pairwise
from time import perf_counter


def milliseconds(learn, repeats=7):
    times = [perf_counter()]
    for _ in range(repeats):
        learn.loss_func(learn.model(x), y).backward()
        times.append(perf_counter())
    return 1000 * min(end - begin for begin, end in pairwise(times))


# %%
learn = learner()
x, y = learn.dls.train.one_batch()
unfreeze(learn)
_ = learn.model.train()

# %%
cost = {"stem": milliseconds(learn)}
for depth in ("stage 2", "stage 4", "head"):
    freeze_to(learn, depth, batchnorm="fixed")
    cost[depth] = milliseconds(learn)
print("ms a step, by the first block that trains:", {depth: round(time) for depth, time in cost.items()})
assert cost["head"] < cost["stem"], "a step with a frozen body should be shorter: run the cell again on a quiet machine"

# %% [markdown]
# With a frozen body about the forward pass is left. Memory shrinks too: what does not train needs no gradient, no averages of
# the optimiser, and no outputs kept for the backward pass. Move the slider; `accuracy` is that of a linear layer on what the
# frozen blocks give.

# %%
from course_utils.controls import freeze_slider

digits = data.digits(n_per_class=10, size=48, bs=16, augment=False, split=(0.2, 0.2))
freeze_slider(vision_learner(digits, resnet18_half))

# %% [markdown]
# And a frozen body gives the same numbers for the same image in every epoch.

# %%
ask("04.4")

# %% [markdown]
# ## Frozen means cached
#
# In lesson 03 you stored features by hand. `cached_body` does so for a learner: same order, same random numbers, and so the same
# weights at the end.

# %%
from course_utils.quiz import found, predict

predict("04.8")

# %%
from contextlib import nullcontext

from course_utils.training import cached_body


def head_only(how):
    learn, start = learner(), perf_counter()
    freeze(learn, batchnorm="fixed")
    with how(learn):
        train(learn, epochs=10)
    return perf_counter() - start, snapshot(learn)


# %%
(slow, plain), (fast, stored) = head_only(nullcontext), head_only(cached_body)
furthest = max((plain[name].float() - stored[name].float()).abs().max().item() for name in plain)
print(f"uncached {slow:.1f} s, cached {fast:.1f} s: {slow / fast:.1f} times as fast; largest difference {furthest:.0e}")
assert furthest < 1e-3 and fast < slow, "the cache should give the same weights in less time: run the cell again"
found("04.8", slow / fast)

# %% [markdown]
# The difference is rounding. The cached time includes the one pass over the images; more epochs gain more. It refuses
# whenever the result would change:

# %%
from course_utils.errors import CourseError

learn = learner()
try:
    with cached_body(learn):
        learn.fit(1)
except CourseError as error:
    print("refused:", error)

# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 04.A — freeze by hand
#
# Write `unfreeze_end(network)`, in plain torch: it sets `requires_grad` of all weights of a `resnet18_half()` so that only
# `layer4` and `fc` train, and returns the number of weights that train.


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
# Make a learner with `learner()`, freeze it so that its body doesn't move in an epoch, not one bit, and train it for one
# epoch with `train`. Bind what `train` returns to `moved`.

# %% tags=["solution"]
### BEGIN SOLUTION
quiet = learner()
freeze(quiet, batchnorm="fixed")
moved = train(quiet, 1)
### END SOLUTION

# %% tags=["check"]
check("04.B", moved)

# %% [markdown]
# ## What would break this
#
# - **Networks without BatchNorm** (VGG16, transformers) have no statistics to move: the first trap is gone, the others stay.
# - **Longer training.** Given steps, BatchNorm's statistics arrive, and then following the data may help.
# - **Another optimiser.** Plain torch sets gradients to `None` by default; the late freeze shrinks nothing there unless you
#   ask for zeros.
# - **Small batches.** BatchNorm that trains on a few images follows noise.

# %% [markdown]
# ## Recap
#
# - `requires_grad=False` stops the gradient, and nothing else.
# - BatchNorm moves in training mode, whatever is frozen, and lags in short runs: choose "train" or "fixed", and say which.
# - `eval()` lasts until the next `train()`.
# - Freeze before training, or drop old gradients: decay and momentum act on zeros.
# - What is really frozen can be computed once: the same weights, sooner.

# %% [markdown]
# ## Quiz

# %%
ask("04.5")

# %%
ask("04.6")

# %%
ask("04.7")

# %%
ask("04.9")

# %%
from course_utils.quiz import summary

summary("04")

# %% [markdown]
# ## Further reading
#
# - [Ioffe and Szegedy 2015](https://arxiv.org/abs/1502.03167): BatchNorm.
# - [Li et al. 2016](https://arxiv.org/abs/1603.04779): adapting a network by its BatchNorm statistics alone.
# - [fastai's training callbacks](https://docs.fast.ai/callback.training.html): `BnFreeze` and its kin.
