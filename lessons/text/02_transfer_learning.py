# %% [markdown]
# # 02 · What does a pre-trained network already know?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/02_transfer_learning.ipynb)
#
# You train a network to spot cars. Then you open it and measure, depth by depth, what it learned that helps to spot
# trucks, and whether that helps to read digits too.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("02_transfer_learning")

# %% [markdown]
# ## One source, two targets
#
# *Transfer learning* uses what a network learned on a *source* task for a *target* task. Our source is "car or not".
# The near target is "truck or not". The far one is "which digit?". An image of each row:

# %%
from course_utils import data
from course_utils.plots import plot_images

cars = data.vehicles("cars", n_per_class=500, size=48, bs=32, augment=False)
trucks = data.vehicles("trucks", n_per_class=250, size=48, seed=1, augment=False)  # other images than those of cars
numbers = data.digits(n_per_class=50, size=48, split=(1, 50), augment=False)
shown = [(dls.vocab, *dls.test.dataset[place]) for dls in (cars, trucks, numbers) for place in (0, 125, 250, 375)]
plot_images([image for _, image, _ in shown], [vocab[label] for vocab, _, label in shown], columns=4)

# %% [markdown]
# Below, a *body* has five depths: the *stem*, its first layer, and four *stages* of several layers each.

# %%
from course_utils.quiz import ask

ask("02.1")

# %% [markdown]
# ## A car detector in front of you
#
# As in lesson 01, but `pretrained=False`: the detector starts from random weights, and cars are all it will ever learn.

# %%
from fastai.vision.all import accuracy, create_body, hook_outputs, vision_learner

from course_utils.backbones import default

arch = default()
detector = vision_learner(cars, arch, pretrained=False, metrics=accuracy)
detector.fit_one_cycle(3, 5e-3)

# %%
with detector.no_bar():
    guess, truth = detector.get_preds(dl=cars.test)
on_cars = accuracy(guess, truth).item()
assert on_cars > 0.6, "the detector should beat a coin clearly: restart and run all cells"
print(f"car or not: {on_cars:.0%} of {len(truth)} test images are right, a coin gets 50%")

# %% [markdown]
# A modest detector, after three looks at 1,000 images. It never saw a truck.

# %%
ask("02.2")

# %%
with detector.no_bar():
    guess, truth = detector.get_preds(dl=trucks.test)
says_car = (guess.argmax(dim=1) == 0).float()  # classes: cars has (car, other), trucks has (other, truck)
of_trucks, of_others = says_car[truth == 1].mean().item(), says_car[truth == 0].mean().item()
assert of_trucks > max(0.5, of_others), "more trucks than others should pass for cars: look at the detector's accuracy"
print(f'"car" is said of {of_trucks:.0%} of the trucks and of {of_others:.0%} of the other images')

# %% [markdown]
# The detector is wrong about trucks, and yet it knows something about them: its "car" already separates them from
# the rest. That overlap is what a transfer can use.

# %% [markdown]
# ## Open the network
#
# To reuse a body has two ways. *Feature extraction* leaves it as it is; its outputs feed a new, small model. *Fine-tuning*
# goes on training some or all of its weights. Both are transfer learning; here we do the first.

# %% [markdown]
# One architecture, three sets of weights: random, your detector's, and *pre-trained* ones, which come from photographs of
# [200 kinds of things](../course_utils/backbones/MODEL_CARD.md).

# %%
import torch
from torch.nn.functional import adaptive_avg_pool2d

bodies = {
    "random": create_body(arch(weights=None)),
    "car detector": detector.model[0],
    "pre-trained": create_body(arch(weights="DEFAULT")),
}
bodies = {name: body.to(course.device).eval() for name, body in bodies.items()}


# %% [markdown]
# `hook_outputs` keeps what the parts of a body put out while a batch passes. Each *feature map*, one a channel, is
# averaged over a grid of 2 × 2 fields.

# %%
@torch.no_grad()
def read_depths(body, batches):
    found = []
    with hook_outputs([body[2], *body[4:8]], cpu=True) as hooks:
        for images, labels in batches:
            body(images)
            found.append([*(adaptive_avg_pool2d(maps, 2) for maps in hooks.stored), labels.cpu()])
    return [torch.cat(part).numpy() for part in zip(*found, strict=True)]


# %% [markdown]
# A frozen body gives the same output for the same image every time. So each image passes each body once, and we keep
# the results.

# %%
depths = ["stem", "stage 1", "stage 2", "stage 3", "stage 4"]
tasks = {"trucks (near)": trucks, "digits (far)": numbers}
pool, test = {}, {}
for task, dls in tasks.items():
    in_order = dls.train.new(shuffle=False, drop_last=False)
    for name, body in bodies.items():
        pool[task, name], test[task, name] = read_depths(body, in_order), read_depths(body, dls.test)

# %% [markdown]
# ## A probe at every depth
#
# A *linear probe* asks what can be read at a depth by the simplest means: a logistic regression on the frozen features,
# each first brought to mean 0 and spread 1. Good accuracy means that the classes lie apart there.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def probe(features, labels, test_features, test_labels):
    reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return reader.fit(features, labels).score(test_features, test_labels)


# %%
ask("02.3")

# %%
from course_utils.quiz import found, predict

predict("02.6")

# %% [markdown]
# One draw of labels proves little. We cut the pool into five draws of 100 labels, with no image in two of them. All
# bodies and depths get the same draws, so their results are *paired*.

# %%
rows = []
for (task, name), (*maps, labels) in pool.items():
    *test_maps, truth = test[task, name]
    draws = StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels)
    for draw, (_, chosen) in enumerate(draws):
        for depth, x, x_test in zip(depths, maps, test_maps, strict=True):
            right = probe(x[chosen].mean((2, 3)), labels[chosen], x_test.mean((2, 3)), truth)
            rows.append((task, name, depth, draw, right))

# %%
import pandas as pd

from course_utils.plots import plot_probe_by_depth

table = pd.DataFrame(rows, columns=["task", "network", "depth", "draw", "score"]).assign(metric="accuracy")
chance = {"trucks (near)": 1 / 2, "digits (far)": 1 / 10}
plot_probe_by_depth(table, chance, title="Probe accuracy by depth (mean, 95% interval)")

# %% [markdown]
# The random body is far above chance on both targets. What the training brought is each body's distance from it:

# %%
from course_utils.statistics import paired_difference

runs = table.pivot(index=["task", "draw"], columns=["network", "depth"], values="score")


def gain(task, depth, network="car detector"):
    mean, half = paired_difference(runs.loc[task][network, depth], runs.loc[task]["random", depth])
    return 100 * mean, 100 * half


for task in tasks:
    row = ["{} {:+.1f} ± {:.1f}".format(depth, *gain(task, depth)) for depth in depths]
    print(f"car detector over random, points, {task}: {', '.join(row)}")

# %% tags=["result"]
near, far = (gain(task, "stage 4") for task in tasks)
assert near[0] - near[1] > 0, "at the last stage, training on cars should help to find trucks: look at the figure"
assert far[0] + far[1] < near[0] - near[1], "the last stage should serve trucks more than digits: look at the figure"
best_far = max(depths, key=lambda depth: gain("digits (far)", depth)[0])
assert best_far != "stage 4", "for digits the best depth should lie before the last stage: look at the figure"
said = "trucks {:+.1f} ± {:.1f} points, digits {:+.1f} ± {:.1f}".format(*near, *far)
print(f"what training on cars added at the last stage: {said}")

# %% [markdown]
# On trucks the gain grows with depth: what cars needed last, trucks need too. On digits it is small at best, and at the last
# stage nothing is left. What that stage keeps is *specific* to its source.

# %% [markdown]
# A gain can be negative. Then the source did harm, which is *negative transfer*. We claim it only where the whole interval
# lies below zero.

# %%
for task in tasks:
    harmed = [depth for depth in depths if gain(task, depth)[0] + gain(task, depth)[1] < 0]
    print(f"{task}: worse than random weights at {', '.join(harmed) or 'no depth'}")

# %%
ask("02.7")

# %% [markdown]
# Which depths are listed for digits changes from one detector to the next: put `COURSE_SEED=1` before the setup cell to train
# another. The two rows of gains keep their shapes.

# %% [markdown]
# ## The pre-trained body
#
# Its source was far richer: 200 classes of photographs, not two. What does it bring to each target?

# %%
for task in tasks:
    row = ["{} {:+.1f} ± {:.1f}".format(depth, *gain(task, depth, "pre-trained")) for depth in depths]
    print(f"pre-trained over random, points, {task}: {', '.join(row)}")
found("02.6", gain("digits (far)", "stage 4", "pre-trained")[0])

# %%
for task in tasks:
    reached = runs.loc[task]["pre-trained"]
    best = reached.mean()[depths].idxmax()
    behind, half = (100 * value for value in paired_difference(reached[best], reached["stage 4"]))
    print(f"{task}, pre-trained: best at {best}, the last stage is {behind:.1f} ± {half:.1f} points behind")

# %% [markdown]
# It helps both targets, at nearly every depth. Is its last stage too special? The best depth was chosen after looking, so a
# distance that is no larger than its ± shows nothing.

# %% [markdown]
# Rich isn't all, though. On drawn trucks your small detector keeps up at the last stage, for its source looked alike. On
# photographs it falls behind.

# %%
for_trucks = runs.loc["trucks (near)"]
ahead, half = paired_difference(for_trucks["car detector", "stage 4"], for_trucks["pre-trained", "stage 4"])
assert course.images == "photographs" or ahead + half > 0, "on drawings the detector should keep up: see the figure"
print(f"trucks, last stage: the car detector is {100 * ahead:+.1f} ± {100 * half:.1f} points from the pre-trained body")

# %% [markdown]
# ## Neighbours without labels
#
# A good space puts like beside like, before any label is used. For each test image we look up the five nearest in the
# truck pool, at the last stage, and count how many share its class.

# %%
from sklearn.neighbors import NearestNeighbors


def nearest(name, task="trucks (near)"):
    known, queries = (part[task, name][-2].mean((2, 3)) for part in (pool, test))  # -2: stage 4, the labels are last
    scaler = StandardScaler().fit(known)
    known, queries = scaler.transform(known), scaler.transform(queries)
    return NearestNeighbors(n_neighbors=5).fit(known).kneighbors(queries, return_distance=False)


# %%
labels, truth = pool["trucks (near)", "random"][-1], test["trucks (near)", "random"][-1]
share = {name: (labels[nearest(name)] == truth[:, None]).mean() for name in bodies}
assert share["car detector"] > share["random"], "the detector should put trucks beside trucks: look at its accuracy"
print("neighbours of the same class:", ", ".join(f"{name} {part:.0%}" for name, part in share.items()))

# %%
from course_utils.plots import plot_neighbours

shown = [250, 251]
rows = nearest("pre-trained")[shown, :4]
queries, near = trucks.test.dataset, trucks.train.dataset
kinds = [[trucks.vocab[label] for label in row] for row in labels[rows]]
images = [[near[place][0] for place in row] for row in rows]
plot_neighbours([queries[i][0] for i in shown], images, [trucks.vocab[truth[i]] for i in shown], kinds)

# %% [markdown]
# Look at what the neighbours share besides the class: sky, ground, colour. A body sorts by all that it sees; a probe picks
# out what its labels ask for.

# %% [markdown]
# ## Look inside
#
# The stem's filters read pixels, so they can be seen as images. Neighbouring weights of a random filter have
# nothing to do with each other; in an edge or a colour patch they are alike. We measure that too.

# %%
from course_utils.plots import plot_filters

first = {name: body[0].weight.detach().cpu() for name, body in bodies.items()}
alike = {name: ((w[..., 1:] * w[..., :-1]).sum() / (w**2).sum()).item() for name, w in first.items()}
assert alike["pre-trained"] > alike["random"] + 0.3, "pre-trained filters should be smooth: look at the weights"
print("neighbouring weights, 0 unrelated, 1 equal:", ", ".join(f"{name} {part:.2f}" for name, part in alike.items()))
plot_filters(first["car detector"], title="The car detector's first layer")
plot_filters(first["pre-trained"], title="The pre-trained first layer")

# %% [markdown]
# The detector's filters still look like noise: 93 steps have hardly moved its stem, and a poor stem is what the probes saw.
# The pre-trained ones are edges at many angles, and colour patches. Nobody drew them: 200 kinds of things asked for them.

# %%
from course_utils.controls import depth_slider
from course_utils.plots import plot_feature_maps

truck, _ = trucks.test.dataset[-1]
with torch.no_grad(), hook_outputs([bodies["pre-trained"][place] for place in (2, 4, 5, 6, 7)], cpu=True) as hooks:
    bodies["pre-trained"](trucks.test_dl([truck]).one_batch()[0])
maps = {depth: stored[0] for depth, stored in zip(depths, hooks.stored, strict=True)}
depth_slider(maps, truck)

# %% [markdown]
# At the stem you still see the truck. At stage 3 a map has 3 × 3 values, each about a large part of the image: less where,
# more what.

# %%
plot_feature_maps(maps["stem"], truck, title="stem")
plot_feature_maps(maps["stage 3"], truck, title="stage 3")

# %% [markdown]
# ## General early, specific late
#
# [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792) copied the first layers of a network, froze them and trained the
# rest on ImageNet's other classes. Seven copied layers cost 8.3 points, from natural to man-made things 25. Copies that
# were fine-tuned gained 1 to 2.

# %% [markdown]
# Our miniature only reads and trains nothing above, so one of their losses can't appear here: frozen layers 4 and 5 cost 2 to 3 points
# even [on their own task](https://arxiv.org/abs/1411.1792), since layers that learned together were parted.

# %%
ask("02.4")

# %%
ask("02.5")

# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %%
*digit_maps, labels = pool["digits (far)", "random"]
*digit_test_maps, truth = test["digits (far)", "random"]
draws = [chosen for _, chosen in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels)]


# %% [markdown] tags=["exercise"]
# ### Exercise 02.A — keep the grid
#
# Averaging hides where something is. Write `grid_accuracies(maps, test_maps)`: it takes maps of shape (images, channels, 2, 2),
# of the pool and of the test part, gives the probe all four fields of each channel, and returns the accuracies of the five
# `draws`. Then call it on the random stem's maps, `digit_maps[0]` and `digit_test_maps[0]`. Averaged, they gave
# `runs.loc["digits (far)"]["random", "stem"]`. Guess first: will the grid help a stem that was never trained?

# %% tags=["solution"]
def grid_accuracies(maps, test_maps):
    ### BEGIN SOLUTION
    x, x_test = (part.reshape(len(part), -1) for part in (maps, test_maps))
    return [probe(x[chosen], labels[chosen], x_test, truth) for chosen in draws]
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("02.A", grid_accuracies, labels=labels, truth=truth)


# %% [markdown] tags=["exercise"]
# ### Exercise 02.B — no network at all
#
# A transfer should beat the obvious. Write `pixel_accuracies(batches, test_batches)`: each batch is a pair of images and
# labels. Scale the images to 8 × 8 pixels with `adaptive_avg_pool2d(images, 8)`, flatten them, and return the probe's
# accuracies for the five `draws`. Then call it on `in_order`, which holds the pool's batches, and on `numbers.test`. Which bodies
# beat it, at which depth?

# %% tags=["solution"]
def pixel_accuracies(batches, test_batches):
    ### BEGIN SOLUTION
    def rows(batches):
        return torch.cat([adaptive_avg_pool2d(images, 8).flatten(1).cpu() for images, _ in batches]).numpy()

    x, x_test = rows(batches), rows(test_batches)
    return [probe(x[chosen], labels[chosen], x_test, truth) for chosen in draws]
    ### END SOLUTION


# %% tags=["check"]
check("02.B", pixel_accuracies, labels=labels, truth=truth)

# %% [markdown]
# ## What would break this
#
# - **Another detector, another random body.** The intervals cover the luck of the labels alone: each body is one draw.
# - **Another reader.** Averaging hides *where* (Exercise A), and later stages have more channels: compare bodies at one
#   depth rather than depths of one body.
# - **The best depth** was picked on the test part, which flatters it.
# - **Raw pixels.** On small, centred digits they are a strong baseline (Exercise B). A transfer that loses to it is
#   worthless.
# - **How near is near?** The pre-trained body's classes include sports cars and moving vans, as photographs: near in kind,
#   far in looks from a drawing.

# %% [markdown]
# ## Recap
#
# - Transfer learning reuses a source for a target, by feature extraction or by fine-tuning.
# - Compare with random weights and with raw pixels; better than chance means little.
# - What training on cars added grew with depth for trucks, and was gone at the last stage for digits: late is specific.
# - General features need a rich source: the pre-trained body helped both targets at nearly every depth.
# - A probe shows what can be read linearly, which is less than what is there.

# %% [markdown]
# ## Quiz

# %%
ask("02.8")

# %%
ask("02.9")

# %%
from course_utils.quiz import summary

summary("02")

# %% [markdown]
# ## Further reading
#
# - [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792): the experiment behind "general early, specific late".
# - [Alain and Bengio 2016](https://arxiv.org/abs/1610.01644): linear probes at every depth.
# - [Kornblith et al. 2019](https://arxiv.org/abs/1805.08974): do better source networks transfer better?
