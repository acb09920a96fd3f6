# %% [markdown]
# # 02 · What does a pre-trained network already know?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/02_transfer_learning.ipynb)
#
# Heavy trucks wear out a bridge, so the people who run it want to count them. They already have a network that detects
# cars. Now they need one that detects trucks, and later one that reads the digits on number plates. How much of what
# the car network has learned can they reuse?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("02_transfer_learning")

# %% [markdown]
# ## One source, two targets
#
# [*Transfer learning*](../docs/glossary.md#transfer-learning) uses what was learned on one task, the *source*, for
# another, the *target*. Our source is "car or not". One target is close to it, "truck or not", and the other is far from
# it: "which digit is this?". For each target you have only 100 labelled images.

# %% tags=["recorded"]
from fastai.vision.all import set_seed

from course_utils import data


def load_tasks(seed):
    set_seed(seed)
    cars = data.vehicles("cars", n_per_class=300, size=40, bs=32, seed=seed)
    others = {"size": 40, "seed": seed + 100, "augment": False}
    trucks = data.vehicles("trucks", n_per_class=50, **others)
    return cars, {"trucks": trucks, "digits": data.digits(n_per_class=10, split=(20, 50), **others)}


# %%
from course_utils.plots import plot_images

cars, targets = load_tasks(0)
shown = [(dls.vocab, *dls.test.dataset[i]) for dls in (cars, *targets.values()) for i in (0, 125, 250, 375)]
plot_images([image for _, image, _ in shown], [vocab[label] for vocab, _, label in shown], columns=4)

# %%
from course_utils.quiz import ask

ask("02.1")

# %% [markdown]
# ## Train a car detector
#
# You train the detector from random weights, so whatever it knows in the end comes from the car task. Before the
# training you save a copy of its body, as an example of a body that has learned nothing.

# %%
from copy import deepcopy

from fastai.vision.all import accuracy, vision_learner

from course_utils.backbones import default
from course_utils.training import ReestimateBatchNorm


# %% tags=["recorded"]
def train_detector(cars):
    learn = vision_learner(cars, default(), pretrained=False, metrics=accuracy, cbs=ReestimateBatchNorm())
    untrained = deepcopy(learn.model[0])
    learn.fit_one_cycle(4, 5e-3)
    return learn, untrained


# %%
detector, untrained = train_detector(cars)
with detector.no_bar():
    on_cars = detector.validate(dl=cars.test)[1]
print(f"car or not: {on_cars:.0%} of {len(cars.test.dataset)} test images are right")

# %%
ask("02.2")

# %%
with detector.no_bar():
    answers, truth = detector.get_preds(dl=targets["trucks"].test)
says_car = (answers.argmax(dim=1) == 0).float()
of_trucks, of_others = says_car[truth == 1].mean(), says_car[truth == 0].mean()
print(f'it says "car" to {of_trucks:.0%} of the trucks and to {of_others:.0%} of the other images')

# %% [markdown]
# The detector has never seen a truck, and still its answers partly separate trucks from other images. So some of what it
# learned is useful for trucks.

# %% [markdown]
# ## Open the network
#
# There are two ways to reuse a body. In [*feature extraction*](../docs/glossary.md#feature-extraction), as here, you leave
# it as it is and fit a new model to its outputs, the features. In fine-tuning you train its weights further.
#
# Compare three bodies: the untrained copy, the car detector's, and the pre-trained one. (The small network learned
# [200 kinds of things](../course_utils/backbones/MODEL_CARD.md) from 70,000 photos.)

# %%
import torch
from fastai.vision.all import Learner, create_body, hook_outputs
from torch.nn.functional import adaptive_avg_pool2d

from course_utils.training import reestimate_batchnorm


# %% [markdown]
# Their [*BatchNorm*](../docs/glossary.md#batchnorm) layers use averages of what each body saw before: nothing, cars or
# photos. To compare the weights alone, `settle` takes these averages anew, on the target's training images.

# %% tags=["recorded"]
def settle(body, dls):
    settled = deepcopy(body)
    reestimate_batchnorm(Learner(dls, settled))
    return settled.eval()


# %% tags=["recorded"]
def three_bodies(detector, untrained, dls):
    pretrained = create_body(default()(weights="DEFAULT")).to(detector.dls.device)
    bodies = {"random": untrained, "car detector": detector.model[0], "pre-trained": pretrained}
    return {name: settle(body, dls) for name, body in bodies.items()}


# %% [markdown]
# You read each body at five depths: after its *stem*, the first layer, and after each of four
# [*stages*](../docs/glossary.md#stage). `hook_outputs` collects the [*feature maps*](../docs/glossary.md#feature-map) there.
# We average each map within the cells of a 2 × 2 grid, which leaves fewer features.

# %% tags=["recorded"]
@torch.no_grad()
def read_depths(body, batches):
    found = []
    with hook_outputs(list(body[3:8]), cpu=True) as hooks:
        for images, labels in batches:
            body(images)
            found.append([adaptive_avg_pool2d(maps, 2) for maps in hooks.stored] + [labels.cpu()])
    return [torch.cat(part).numpy() for part in zip(*found, strict=True)]


# %%
ask("02.9")

# %% [markdown]
# ## A probe at every depth
#
# What do features know about a task? Fit a simple classifier to them and see how often it is right. Our
# [*linear probe*](../docs/glossary.md#linear-probe) is a
# [*logistic regression*](../docs/glossary.md#logistic-regression). How large its weights may get is chosen by
# [*cross-validation*](../docs/glossary.md#cross-validation): each third of the training images is left out once, to score
# a probe that was fitted to the rest.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


# %% tags=["recorded"]
def fit_probe(features, labels):
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(
        regression, {"logisticregression__C": [0.001, 0.01, 0.1, 1, 10]}, scoring="neg_log_loss", cv=3
    )
    return search.fit(features, labels).best_estimator_


# %% [markdown]
# The probe gets either the `average` of each map, which no longer says where in the image something was, or the four
# averages of its `grid`.

# %% tags=["recorded"]
DEPTHS = ["stem", "stage 1", "stage 2", "stage 3", "stage 4"]


def average(maps):
    return maps.mean((2, 3))


def grid(maps):
    return maps.reshape(len(maps), -1)


# %% tags=["recorded"]
def probe_depths(body, dls, pools):
    *train, labels = read_depths(body, dls.train.new(shuffle=False, drop_last=False))
    *test, truth = read_depths(body, dls.test)
    return [
        {"depth": depth, "pooling": pool.__name__, "score": fit_probe(pool(x), labels).score(pool(x_test), truth)}
        for depth, x, x_test in zip(DEPTHS, train, test, strict=True)
        for pool in pools
    ]


# %%
ask("02.3")

# %%
import pandas as pd

bodies = three_bodies(detector, untrained, targets["trucks"])
on_trucks = {name: probe_depths(body, targets["trucks"], [average]) for name, body in bodies.items()}
table = {name: {row["depth"]: row["score"] for row in rows} for name, rows in on_trucks.items()}
pd.DataFrame(table).round(3)


# %% [markdown]
# That was one detector and one set of 100 labelled images. The course ran the same functions on photographs with ten
# seeds, for both targets:

# %% tags=["recorded"]
def probe_bodies(task, dls, detector, untrained):
    bodies = three_bodies(detector, untrained, dls) | {"random, as created": untrained.eval()}
    probed = {name: probe_depths(body, dls, [average, grid]) for name, body in bodies.items()}
    return [{"task": task, "strategy": name, **row} for name, rows in probed.items() for row in rows]


# %% tags=["recorded:depths"]
def depths(seed):
    cars, targets = load_tasks(seed)
    detector, untrained = train_detector(cars)
    return [row for task, dls in targets.items() for row in probe_bodies(task, dls, detector, untrained)]


# %% [markdown]
# ## What did the cars teach?
#
# Here come the means over the ten seeds. The dashed line will be an [*SVM*](../docs/glossary.md#svm) on the raw pixels of
# the same images. The figure also shows the pre-trained body, so make a guess about it first:

# %%
from course_utils.quiz import found, predict

predict("02.6")

# %%
from course_utils.experiments import recorded
from course_utils.plots import plot_probe_by_depth

runs = recorded("02/depths")
pixels = {task: recorded(f"02/ladder_{task}").scores("SVM on pixels").mean() for task in targets}


def plot_probes(pooling, title):
    chosen = runs.table[(runs.table.pooling == pooling) & runs.table.strategy.isin(bodies)]
    chosen = chosen.sort_values("task", ascending=False, kind="stable").rename(columns={"strategy": "network"})
    plot_probe_by_depth(chosen, {"trucks": 1 / 2, "digits": 1 / 10}, pixels=pixels, depths=DEPTHS, title=title)


# %%
plot_probes("average", "Probes on averaged maps")

# %% [markdown]
# Random weights do far better than chance. So ask what the training on cars added to them. Here is the detector's
# accuracy minus that of its untrained copy, in percentage points with a 95%
# [*interval*](../docs/glossary.md#interval):

# %%
from itertools import product

from course_utils.display import points, show_result


def gains(network, pooling, against="random"):
    table = {task: {} for task in targets}
    for task, depth in product(targets, DEPTHS):
        table[task][depth] = points(*runs.difference(network, against, task=task, depth=depth, pooling=pooling))
    return pd.DataFrame(table)


gains("car detector", "average")

# %% [markdown]
# For trucks the gain grows with depth. On these averages digits gain too, at stages 2 to 4. But at the stem, the detector
# was worse at digits than its untrained copy. When a source makes the result on a target worse, that is called
# [*negative transfer*](../docs/glossary.md#negative-transfer).

# %%
ask("02.7")

# %% [markdown]
# How good is the copy that you compare with? Here is what it gains if you don't settle it, and its BatchNorm layers keep
# the averages that it was created with:

# %%
gains("random, as created", "average")

# %% [markdown]
# On digits, random weights as created gain more at stages 2 to 4 than the detector did. So the detector gained there only
# over settled random weights. (We recorded no detector that keeps averages of its own.)

# %% [markdown]
# ## What does the stem know?
#
# Layers near the image are said to be general, that is, useful for every task. So it is odd that the detector's stem does
# so badly on digits. Why does it?

# %%
ask("02.4")

# %%
plot_probes("grid", "Probes on a 2 × 2 grid")

# %%
gains("car detector", "grid")

# %% [markdown]
# The grid keeps some of the *where*, and with it even the random stem reads digits well: the average had lost what the
# probe needs. But that doesn't explain why the detector's stem is still behind. Of its later stages, only stage 3 still
# gains on digits.

# %% [markdown]
# Random weights get worse with depth on trucks, and the detector doesn't. But you may read each body where it is best. Here
# is the detector's best depth and pooling against the best of its settled copy, both chosen by these test results:

# %%
from course_utils.statistics import paired_difference


def best(network, task):
    of_network = runs.table[(runs.table.strategy == network) & (runs.table.task == task)]
    depth, pooling = of_network.groupby(["depth", "pooling"]).score.mean().idxmax()
    return runs.scores(network, task=task, depth=depth, pooling=pooling)


for task in targets:
    print(f"{task}: {points(*paired_difference(best('car detector', task), best('random', task)))} points")

# %% [markdown]
# On trucks we could see no difference of more than five points, and on digits of more than two. So the cars taught the
# later stages something, but little that you couldn't get from random weights at another depth.

# %% [markdown]
# ## What did the photos teach?
#
# The pre-trained body learned from far more. Its 200 classes include sports cars and moving vans, but no digits.

# %%
pd.concat({pooling: gains("pre-trained", pooling) for pooling in ("average", "grid")}, axis=1)

# %%
mean, half = runs.difference("pre-trained", "random", task="digits", depth="stage 4", pooling="average")
found("02.6", 100 * mean)

# %% [markdown]
# For trucks the pre-trained body is ahead of settled random weights at every depth, and most at the later stages. For
# digits it is ahead at stages 2 to 4, by less; at stage 1 that depends on how you read the maps. And against random
# weights as created?

# %%
pd.concat({pooling: gains("pre-trained", pooling, "random, as created") for pooling in ("average", "grid")}, axis=1)

# %% [markdown]
# For trucks it stays far ahead. For digits the lead at stage 4 is gone: on averages, random weights as created are ahead
# there, and on the grid these runs don't decide.
#
# How do the settled bodies change from stage 1 to stage 4, read on the grid?

# %% tags=["result"]
climb = {}
for name, task in product(["random", "pre-trained"], targets):
    first, last = (runs.scores(name, task=task, depth=f"stage {n}", pooling="grid") for n in (1, 4))
    climb[name, task] = f"{name}, {task} {points(*paired_difference(last, first))}"
show_result(f"stage 4 minus stage 1, in points: {'; '.join(climb.values())}")

# %% [markdown]
# In the pre-trained body, stage 4 is better on the near target and worse on the far one. This fits the saying that early
# stages are *general* and late ones *specific*. But random weights get worse on both targets, so depth alone may explain
# the loss on digits.

# %% [markdown]
# ## Is that any good?
#
# Here are the lower rungs of lesson 01's ladder on the same images. The probes read averaged maps of the pre-trained
# body, with its own BatchNorm averages. Lessons 05 and 07 add the rungs that train a network.

# %% tags=["recorded"]
from course_utils.experiments import Experiment, all_rungs
from course_utils.tasks import ImageTask
from course_utils.training import MultiDepthProbe

rungs = [*all_rungs()[:-1], MultiDepthProbe(pools=("average",))]


# %% tags=["recorded:ladder_digits"]
def ladder_digits(seed):
    task = ImageTask("digits", size=40, split=(20, 50))
    return Experiment(task, rungs, labels=[10], seeds=[seed + 100]).run()


# %% tags=["recorded:ladder_trucks"]
def ladder_trucks(seed):
    task = ImageTask("vehicles", task="trucks", size=40)
    return Experiment(task, rungs, labels=[50], seeds=[seed + 100]).run()


# %%
recorded("02/ladder_trucks")

# %%
recorded("02/ladder_digits")

# %%
for task, labels in {"trucks": 50, "digits": 10}.items():
    lead = recorded(f"02/ladder_{task}").difference("multi-depth probe", "SVM on pixels", labels=labels)
    print(f"{task}: multi-depth probe minus SVM on pixels: {points(*lead)} points")

# %% [markdown]
# For trucks the frozen body is far ahead of raw pixels. For small, centred digits we could see no difference of more than
# 3 points. (Stages 1 and 2 lie above the dashed line in the second figure, but you would be choosing them by their test
# results. Choose on validation images, or by cross-validation.)

# %% [markdown]
# ## Neighbours without labels
#
# Which images look alike to a body? Here are two test images of trucks, each with the four training images whose
# features are closest to its own at the last stage of the pre-trained body:

# %%
from sklearn.neighbors import NearestNeighbors

trucks = targets["trucks"]
*known, labels = read_depths(bodies["pre-trained"], trucks.train.new(shuffle=False, drop_last=False))
*queries, truth = read_depths(bodies["pre-trained"], trucks.test)
scaler = StandardScaler().fit(average(known[-1]))
search = NearestNeighbors(n_neighbors=4).fit(scaler.transform(average(known[-1])))
near = search.kneighbors(scaler.transform(average(queries[-1])), return_distance=False)

# %%
from course_utils.plots import plot_neighbours

shown = [250, 251]
images = [[trucks.train.dataset[i][0] for i in near[row]] for row in shown]
kinds = [[trucks.vocab[labels[i]] for i in near[row]] for row in shown]
plot_neighbours([trucks.test.dataset[i][0] for i in shown], images, [trucks.vocab[truth[i]] for i in shown], kinds)

# %% [markdown]
# What else do the neighbours have in common: the background, a colour, the angle? All features count alike here. A probe
# learns from your labels which of them matter.

# %% [markdown]
# ## Look inside
#
# The first layer, a [*convolution*](../docs/glossary.md#convolution), slides small *filters* over the image. A filter has
# one weight for each pixel and colour that it covers, so you can look at it as a small image:

# %%
from course_utils.plots import plot_filters

plot_filters(bodies["car detector"][0].weight.detach().cpu(), title="First layer of the car detector")
plot_filters(bodies["pre-trained"][0].weight.detach().cpu(), title="First layer of the pre-trained body")

# %% [markdown]
# The detector's filters still look like the random numbers that they started from. The pre-trained ones have become edges
# and patches of colour, though nobody designed them. Now follow one truck through the
# stages. The maps get coarser, and each of their values depends on a larger part of the image.

# %%
from course_utils.controls import depth_slider

truck, _ = trucks.test.dataset[-1]
with torch.no_grad(), hook_outputs(list(bodies["pre-trained"][3:8]), cpu=True) as hooks:
    bodies["pre-trained"](trucks.test_dl([truck]).one_batch()[0])
maps = {depth: stored[0] for depth, stored in zip(DEPTHS, hooks.stored, strict=True)}
depth_slider(maps, truck)

# %% [markdown]
# ## What larger experiments found
#
# [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792) froze a network's first layers and trained the rest on other
# classes of ImageNet. With all but the last layer frozen, they report a drop of 8% for a random split of the classes, and
# of 25% between man-made and natural things.

# %% [markdown]
# ## For your own work
#
# - **Do** fit a probe before you fine-tune. It takes seconds.
# - **Do** read the maps in more than one way. Averages made the stem look poor at digits.
# - **Don't** praise pre-training before you know what raw pixels reach. On digits, an SVM kept up.

# %%
ask("02.8")


# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 02.A — neighbours that agree
#
# Write `agreement(known, labels, queries, truth)`. `known` and `queries` have one row of features for each image, `labels` and
# `truth` are their classes. For each query, find the five nearest rows of `known`, and return the share of all these
# neighbours that have the label of their query. Then call it on `average(known[-1])`, `labels`, `average(queries[-1])` and
# `truth`. What would you get if the features said nothing about trucks?

# %% tags=["solution"]
def agreement(known, labels, queries, truth):
    ### BEGIN SOLUTION
    near = NearestNeighbors(n_neighbors=5).fit(known).kneighbors(queries, return_distance=False)
    return (labels[near] == truth[:, None]).mean()
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("02.A", agreement)


# %% [markdown] tags=["exercise"]
# ### Exercise 02.B — choose a depth
#
# Which depth would you use for trucks? Write `choose_depth(maps, labels)`. `maps` has five arrays, one for each depth, as
# `read_depths` gives them for training images. Return the name, from `DEPTHS`, of the depth at which a logistic regression
# on the `average` of the maps has the highest accuracy, by scikit-learn's `cross_val_score`. Then call it on `known` and
# `labels`.

# %% tags=["solution"]
def choose_depth(maps, labels):
    ### BEGIN SOLUTION
    from sklearn.model_selection import cross_val_score

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = [cross_val_score(model, average(x), labels, cv=5).mean() for x in maps]
    return DEPTHS[scores.index(max(scores))]
    ### END SOLUTION


# %% tags=["check"]
check("02.B", choose_depth, DEPTHS=DEPTHS)

# %% [markdown]
# ## What would break this
#
# - **Another way to read the maps.** With averages alone, you would have said that the stem knows least about digits.
# - **Other BatchNorm averages.** As created, random weights read digits far better at stage 4.
# - **More features.** Later stages have more feature maps, which may help a probe.
# - **A better source.** Each detector saw 600 photos; the pre-trained body saw 70,000.
# - **Another pre-trained body.** We have only one, so no interval includes the luck of its training.
# - **A depth chosen on the test set.** The best of five test results is optimistic. The ladder chose its *best depth* by
#   cross-validation.

# %% [markdown]
# ## Recap
#
# - Transfer learning reuses what was learned on a source for a target; feature extraction leaves the body as it is.
# - Compare a body with random weights and with raw pixels, because being better than chance says little.
# - Training on cars helped with trucks at the later stages. With digits, it depended on BatchNorm's averages.
# - In the pre-trained body, read on a grid, trucks gained from stage 1 to stage 4 and digits lost; in random weights, both
#   lost.
# - A probe shows what can be read in one particular way. The features may hold more than that.

# %% [markdown]
# ## Quiz

# %%
ask("02.5")

# %%
from course_utils.quiz import summary

summary("02")

# %% [markdown]
# ## Further reading
#
# - [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792): the experiment behind "general early, specific late".
# - [Alain and Bengio 2016](https://arxiv.org/abs/1610.01644): linear probes at every depth.
# - [Evci et al. 2022](https://arxiv.org/abs/2201.03529): probes that read several depths at once.
# - [Kornblith et al. 2019](https://arxiv.org/abs/1805.08974): do better source networks transfer better?
