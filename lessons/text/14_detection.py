# %% [markdown]
# # 14 · Where is it, and what should a detector start from?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/14_detection.ipynb)
#
# A city's cameras count cars, trucks and people. The detector was trained by day, and by night it misses too many. You
# have an evening, enough to draw boxes in 48 images. What should training start from: this detector, a network that was
# pre-trained on photographs, or random weights? And what if your images show no street at all?

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("14_detection")

# %% [markdown]
# ## A working result
#
# A classifier says *what* is in an image. A [*detector*](../docs/glossary.md#detector) also says *where*: it puts a box
# around each thing, with a class and a [*confidence*](../docs/glossary.md#confidence), which says how sure it is. Ours
# was trained on 10,000 drawn streets by day. It has never seen a street by night, such as these:

# %%
from course_utils import data
from course_utils.backbones import street_detector
from course_utils.display import points, show_result, show_table
from course_utils.plots import plot_boxes
from course_utils.tasks import detect, mean_average_precision

detector = street_detector("DEFAULT")
day, night = (data.streets(48, seed=course.seed, night=dark, split=(60, 100)) for dark in (0.0, 1.0))
detected = {"by day": detect(detector, day.images["test"]), "by night": detect(detector, night.images["test"])}

# %%
seen = [each.above(0.5) for each in detected["by night"][:8]]
title = "Streets by night: boxes that were found, and known boxes (white, dashed)"
plot_boxes(night.images["test"][:8], night.boxes["test"][:8], seen, classes=night.classes, title=title)

# %%
AT_HALF = "mean average precision at 0.5"
before = {light: mean_average_precision(each, night.boxes["test"])[AT_HALF] for light, each in detected.items()}
show_result(
    f"{AT_HALF}: {before['by day']:.0%} by day, {before['by night']:.0%} by night",
    before["by day"] > before["by night"],
)

# %% [markdown]
# The streets by day and by night show the same things in the same places; only the light differs. The score is
# explained below; 100% is the best. First, make a guess:

# %%
from course_utils.quiz import ask, found, predict

predict("14.1")

# %% [markdown]
# ## When is a box right?
#
# A box is hardly ever exact to the pixel. The usual measure is the [*intersection over
# union*](../docs/glossary.md#intersection-over-union), IoU: the area that two boxes share, divided by the area that
# they cover together. A box is right if its IoU with a known box of its class is at least 0.5. A second box for the
# same thing is wrong.


# %%
def intersection_over_union(one, other):
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    shared = max(0, right - left) * max(0, bottom - top)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


# %%
import torch
from torchvision.ops import box_iou, nms

known, moved, other = [10, 10, 30, 30], [14, 10, 34, 30], [50, 10, 70, 30]
for box in (moved, other):
    by_library = box_iou(torch.tensor([known]), torch.tensor([box])).item()
    print(f"by hand {intersection_over_union(known, box):.3f}, by torchvision {by_library:.3f}")

# %%
ask("14.2")

# %% [markdown]
# ## How a grid finds boxes
#
# Ours is a *one-stage* detector in the manner of [YOLO](https://arxiv.org/abs/1506.02640). A *neck* joins the feature
# maps of the body's last three stages. For each cell of a grid, 8 pixels a side, the head gives its
# [*objectness*](../docs/glossary.md#objectness) (is the middle of a thing near?), the middle and the size of a box, and
# a score for each class.

# %%
from course_utils.data.boxes.loaders import normalise

with torch.no_grad():
    cells = detector.eval()(normalise(night.images["test"][:4]))
print(f"{len(cells)} images, {cells.shape[1]} numbers in each of {cells.shape[2]} × {cells.shape[3]} cells")

# %%
from course_utils.plots import plot_images

objectness = torch.nn.functional.interpolate(cells[:, :1].sigmoid(), scale_factor=8)
maps = objectness.expand(-1, 3, -1, -1)

# %%
pairs = [panel for pair in zip(night.images["test"][:4], maps, strict=True) for panel in pair]
alt = (
    "Streets by night, each beside its map of 12 × 12 cells: bright near the middle of what was found, dark elsewhere."
)
title = "Objectness: bright cells are near the middle of a thing, says the detector"
plot_images(pairs, ["street", "its objectness"] * 4, columns=4, title=title, alt=alt)

# %%
ask("14.3")

# %% [markdown]
# ## One thing, several boxes
#
# Neighbouring cells often find the same thing. [*Non-maximum suppression*](../docs/glossary.md#non-maximum-suppression)
# cleans up: keep the box with the highest confidence, drop every other box of its class whose IoU with it is above a
# threshold, and repeat with the boxes that are left. Here are three boxes of cars:

# %%
boxes = [[10, 10, 30, 30], [14, 10, 34, 30], [26, 10, 46, 30]]
confidences = [0.9, 0.8, 0.7]
kept = []
for box in boxes:  # they are sorted by confidence, the highest first
    if all(intersection_over_union(box, earlier) <= 0.5 for earlier in kept):
        kept.append(box)
by_library = nms(torch.tensor(boxes).float(), torch.tensor(confidences), 0.5)
print(f"kept by hand: {kept}; by torchvision: {[boxes[number] for number in by_library]}")

# %%
ask("14.4")

# %% [markdown]
# ## From boxes to one score
#
# Sort the boxes that were found by confidence, and go down the list. After each box,
# [*precision*](../docs/glossary.md#precision) is the share of the boxes so far that are right, and
# [*recall*](../docs/glossary.md#recall) is the share of the known things that they have found. [*Average
# precision*](../docs/glossary.md#average-precision) is the area under the curve of precision against recall.

# %%
right, things = [True, False, True], 2  # three boxes, the surest first; two cars are there
precision = [sum(right[: n + 1]) / (n + 1) for n in range(3)]
recall = [sum(right[: n + 1]) / things for n in range(3)]
best_from = [max(p for p, r in zip(precision, recall, strict=True) if r >= step / 100) for step in range(101)]
print("precision", [f"{p:.2f}" for p in precision], "recall", recall)
print(f"average precision by hand: {sum(best_from) / 101:.4f}")

# %%
from course_utils.backbones import Found

three = torch.tensor([[10.0, 10, 30, 30], [80, 10, 90, 20], [50, 50, 70, 70]])
cars = Found(three, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 0, 0]))
there = torch.tensor([[10.0, 10, 30, 30, 0], [50, 50, 70, 70, 0]])
print(f"by torchmetrics: {mean_average_precision([cars], [there])[AT_HALF]:.4f}")

# %% [markdown]
# Like the COCO benchmark, we average the highest precision at or beyond each of 101 recalls. The mean over all classes
# is the [*mean average precision*](../docs/glossary.md#mean-average-precision), mAP. It depends on no confidence
# threshold. A product needs one: somebody has to decide which boxes are shown.

# %%
ask("14.5")

# %%
from course_utils.controls import confidence_slider

six = slice(0, 6)
confidence_slider(night.images["test"][six], night.boxes["test"][six], detected["by night"][six], night.classes)

# %%
ask("14.6")

# %% [markdown]
# ## Fine-tune it by night
#
# `DetectionTask` hands images and boxes to the detector in batches of 8. At random, half of the images are mirrored,
# and all are shifted, zoomed and made brighter or darker. Their boxes move with them.

# %% tags=["recorded"]
from course_utils import training
from course_utils.tasks import DetectionTask
from course_utils.tasks.running import NoValidation, train

STEPS, BATCH = 60, 8
by_night = DetectionTask("streets", bs=BATCH, split=(60, 100), night=1.0)


# %% tags=["recorded"]
def tune(task, start, rate, images, seed, steps=STEPS):
    epochs = steps * BATCH // images
    way = training.FromScratch if start == "scratch" else training.Full
    begun = task if start == "scratch" else task.changed(begins=start)
    return train(begun, way(epochs, rate), images, seed, cbs=[NoValidation()]).learn


# %%
learn = tune(by_night, "streets", 1e-3, 48, course.seed)
print(f"by night: {before['by night']:.1%} before, {by_night.score(learn):.1%} after 60 steps")

# %% [markdown]
# ## What to start from
#
# We compare three starts, each with 60 steps of 8 images: the detector by day (`streets`), a body pre-trained on
# photographs under a random neck and head (`photographs`), and random weights (`scratch`). Each gets the best of four
# learning rates, chosen on validation images. The baseline is the detector as it was: a classifier on pixels gives no
# boxes.

# %% tags=["recorded"]
on_blood = DetectionTask("blood_cells", bs=BATCH, split=(60, 72))
EACH = {"night": by_night, "blood": on_blood}
STARTS = ("streets", "photographs", "scratch")
RATES = {"night": (3e-4, 1e-3, 3e-3, 1e-2), "blood": (1e-3, 3e-3, 1e-2, 3e-2)}


# %% tags=["recorded"]
def measured(task, learn, split="test"):
    return {"metric": task.metric, "score": task.score(learn, split)}


# %% tags=["recorded:tuning:2"]
def tuning(seed):
    rows = []
    for target, start in [(target, start) for target in EACH for start in STARTS]:
        for rate in RATES[target]:
            found = measured(EACH[target], tune(EACH[target], start, rate, 48, 1000 + seed), "valid")
            rows.append({"strategy": start, "target": target, "learning rate": rate} | found)
    return rows


# %% tags=["recorded"]
from course_utils.experiments import recorded


def chosen(target, start, record="14/tuning"):
    tried = recorded(record).table.query("target == @target and strategy == @start")
    return float(tried.groupby("learning rate").score.mean().idxmax())


# %% tags=["recorded"]
def by_start(target, starts, images, seed, task=None):
    task = task or EACH[target]
    for start in starts:
        learn = tune(task, start, chosen(target, start), images, seed)
        yield {"strategy": start, "labels": images} | measured(task, learn)


# %% tags=["recorded:labels"]
def labels(seed):
    untuned = by_night.learner(seed, 1, training.Full(1))
    rows = [{"strategy": "as it was", "labels": 0} | measured(by_night, untuned)]
    return rows + [row for images in (16, 48) for row in by_start("night", STARTS, images, seed)]


# %%
from course_utils.plots import plot_grid

CALLED = {"as it was": "by day, not tuned", "scratch": "from scratch", "photographs": "from photographs"}
CALLED |= {"streets": "from streets", "streets, night's learning rate": "from streets, at the night's learning rate"}


def in_words(table):
    places = table.strategy.map(list(CALLED).index).sort_values(kind="stable")
    return table.loc[places.index].replace({"strategy": CALLED})


# %%
runs = recorded("14/labels")
title = "mAP by night with 0, 16 or 48 labelled images (mean, 95% interval)"
plot_grid(in_words(runs.table), xlabel="labelled images", title=title)

# %% tags=["result"]
lead = runs.difference("streets", "photographs", labels=48)
found("14.1", 100 * lead[0])
show_result(f"48 images by night: from streets minus from photographs, {points(*lead)} points", lead[0] > 0)

# %%
from course_utils.statistics import paired_difference

untuned, (few, many) = runs.scores("as it was"), (runs.scores("streets", labels=n) for n in (16, 48))
print(f"the detector by day, by night: {untuned.mean():.1%}")
print(f"tuned on 16 images: {points(*paired_difference(few, untuned))} points over that")
print(f"tuned on 48 images: {points(*paired_difference(many, untuned))} points over that")
print(f"48 images minus 16: {points(*paired_difference(many, few))} points")

# %% [markdown]
# The start from streets leads by far. Sixteen images were as good as 48: with equal steps, any difference is below two
# points. Whether the lead lies in the body or in the neck and head, you will see below.

# %% [markdown]
# ## What did the boxes teach it?
#
# By night, features have other means, but [*BatchNorm*](../docs/glossary.md#batchnorm) still subtracts those of the
# day. You can measure them again on 48 images, without a single box. What does that gain? And what does training add,
# of neck and head alone (with the body's weights [frozen](../docs/glossary.md#freezing)), or of all weights?

# %%
predict("14.7")


# %% tags=["recorded"]
from itertools import product

FROZEN_RATES = (1e-3, 3e-3, 1e-2, 3e-2)


def tune_top(task, start, rate, seed):
    way = training.Partial(STEPS * BATCH // 48, rate, depth="neck")
    return train(task.changed(begins=start), way, 48, seed, cbs=[NoValidation()]).learn


# %% tags=["recorded:frozen_tuning:2"]
def frozen_tuning(seed):
    rows = []
    for target, start, rate in product(EACH, STARTS[:2], FROZEN_RATES):
        found = measured(EACH[target], tune_top(EACH[target], start, rate, 1000 + seed), "valid")
        rows.append({"strategy": start, "target": target, "learning rate": rate} | found)
    return rows


# %% tags=["recorded:frozen"]
def frozen(seed):
    rows = []
    for target, start in product(EACH, STARTS[:2]):
        learn = tune_top(EACH[target], start, chosen(target, start, "14/frozen_tuning"), seed)
        rows.append({"strategy": f"{start}, body frozen", "target": target} | measured(EACH[target], learn))
    learn = by_night.learner(seed, 48, training.Full(1))
    training.reestimate_batchnorm(learn)
    return [*rows, {"strategy": "BatchNorm measured anew", "target": "night"} | measured(by_night, learn)]


# %%
tops = recorded("14/frozen")
by_anew = tops.scores("BatchNorm measured anew", target="night")
anew = paired_difference(by_anew, untuned)
found("14.7", 100 * anew[0])
print(f"BatchNorm measured anew, without boxes: {points(*anew)} points over the detector by day")
by_top = tops.scores("streets, body frozen", target="night")

# %%
for name, scores in {"neck and head": by_top, "all weights": many}.items():
    print(
        f"{name} tuned on 48 images: {points(*paired_difference(scores, untuned))} points over that detector,", end=" "
    )
    print(f"{points(*paired_difference(scores, by_anew))} beyond BatchNorm")

# %% [markdown]
# On average, about half of what tuning gains comes without a single box, so try this before you draw any. The boxes add
# little if only neck and head learn from them, and more if all weights do. In the rain, it will look different.

# %% [markdown]
# ## A class that it has never seen
#
# Now the city wants buses counted as well, by day. There was no bus in the detector's training. What does it take a bus
# for?

# %%
KINDS = ("bus", *night.classes)
with_buses = data.streets(48, seed=course.seed, kinds=KINDS, split=(60, 100))
sure = [each.above(0.5) for each in detect(detector, with_buses.images["test"])]

# %%
taken_for = dict.fromkeys([*night.classes, "nothing"], 0)
for here, rows in zip(sure, with_buses.boxes["test"], strict=True):
    for overlap in box_iou(rows[rows[:, 4] == 0, :4], here.boxes):
        best = here.labels[overlap.argmax()] if overlap.numel() and overlap.max() >= 0.5 else None
        taken_for["nothing" if best is None else night.classes[best]] += 1
print("buses in test images were taken for:", taken_for)

# %% [markdown]
# To count buses, the head needs a fifth class. `street_detector` gives it one:

# %%
five = street_detector("DEFAULT", classes=KINDS)
print("numbers in each cell:", len(five.head.weight), "with buses,", len(detector.head.weight), "without")
kept = [torch.equal(new, old) for new, old in zip(five.head.weight[6:], detector.head.weight[5:], strict=True)]
print("are the rows of the other four classes unchanged?", kept)

# %%
ask("14.8")


# %% tags=["recorded:buses"]
def buses(seed):
    task = DetectionTask("streets", bs=BATCH, split=(60, 100), kinds=("bus", "car", "truck", "person", "sign"))
    return list(by_start("night", STARTS[:2], 48, seed, task))


# %%
bus_runs = recorded("14/buses")
lead = bus_runs.difference("streets", "photographs")
print(f"five classes, 48 images: {bus_runs.scores('streets').mean():.1%} from streets,", end=" ")
print(f"{points(*lead)} points more than from photographs")

# %% [markdown]
# With a fifth class, too, the start from streets leads by far. Both starts kept the learning rates of the night. But
# this is the mean over five classes; we come back to the buses themselves.

# %% [markdown]
# ## Far from any street: blood
#
# A laboratory has [photographs of blood](https://github.com/Shenggan/BCCD_Dataset), taken through a microscope, with
# boxes around red cells, white cells and platelets. Look at some of the known boxes:

# %%
smears = data.blood_cells(48, seed=course.seed, split=(60, 72))
print(smears.about)
title = "Blood: the boxes that the data set gives"
plot_boxes(smears.images["train"][:4], smears.boxes["train"][:4], classes=smears.classes, title=title)

# %% [markdown]
# In the photographs, some red cells have no box. A detector that finds such a cell is marked wrong for it, so the score
# is too low for a good detector. And in training, each such cell teaches it that a red cell is nothing.

# %%
predict("14.9")


# %% tags=["recorded"]
NIGHTS = "streets, night's learning rate"
ARMS = {start: (start, "blood") for start in STARTS} | {NIGHTS: ("streets", "night")}


# %% tags=["recorded"]
from course_utils.backbones import Found
from course_utils.tasks import detect, mean_average_precision


def each_class(learn, images):
    cells_found = detect(learn, images.images["test"])
    for number, name in enumerate(images.classes):
        ours = [Found(*(part[each.labels == number] for part in each)) for each in cells_found]
        known = [rows[rows[:, 4] == number] for rows in images.boxes["test"]]
        yield name, mean_average_precision(ours, known)[on_blood.metric]


# %% tags=["recorded:blood"]
def blood(seed):
    rows, images = [], on_blood.boxed(seed, 48)
    for name, (start, rated_on) in ARMS.items():
        learn = tune(on_blood, start, chosen(rated_on, start), 48, seed)
        scores = {"all": on_blood.score(learn), **dict(each_class(learn, images))}
        rows += [{"strategy": name, "class": kind, "metric": on_blood.metric, "score": scores[kind]} for kind in scores]
    return rows


# %%
on_cells = recorded("14/blood")
title = "Blood: average precision of each class, and their mean in the column 'all' (mean, 95% interval)"
plot_grid(in_words(on_cells.table), columns="class", title=title)

# %%
level = on_cells.difference("streets", "photographs", **{"class": "all"})
found("14.9", 100 * level[0])
show_result(f"blood: from streets minus from photographs, {points(*level)} points")
carried = on_cells.difference(NIGHTS, "photographs", **{"class": "all"})
print(f"from streets at the learning rate chosen for the night: {points(*carried)} points")
print(f"that is {chosen('night', 'streets'):g}; chosen for blood: {chosen('blood', 'streets'):g}")

# %% [markdown]
# On average, the start from streets leads. But the lead comes from platelets, the smallest things: with most seeds it
# finds some, and the other starts find none. For red cells, photographs are the better start. And at the night's
# learning rate, the start from streets finds only red cells, and the answer is the opposite.

# %% [markdown]
# ## Was the comparison fair?
#
# Each start had its own learning rate, the best of four on two validation sets. Were the grids wide enough?

# %%
means = recorded("14/tuning").table.groupby(["target", "strategy", "learning rate"], sort=False).score.mean()
tried = (100 * means.unstack("learning rate").sort_index(axis=1)).rename(columns="{:g}".format)
show_table(tried.reset_index(), "mAP (%) on validation images, by learning rate", decimals=1)

# %% [markdown]
# The best of each start lies inside its grid. But few steps favour a start that knows more. [He and
# others](https://arxiv.org/abs/1811.08883) report that detectors from scratch catch up on COCO when they train long
# enough. How far does the start from photographs get with four times the steps?


# %% tags=["recorded:longer"]
def longer(seed):
    rows = []
    for target, task in EACH.items():
        learn = tune(task, "photographs", chosen(target, "photographs"), 48, seed, steps=4 * STEPS)
        rows.append({"strategy": "photographs, four times the steps", "target": target} | measured(task, learn))
    return rows


# %%
quick = {"night": runs.scores("streets", labels=48), "blood": on_cells.scores("streets", **{"class": "all"})}
for target, scores in quick.items():
    patient = recorded("14/longer").scores("photographs, four times the steps", target=target)
    print(f"{target}: from photographs, 240 steps {patient.mean():.1%};", end=" ")
    print(f"from streets, 60 steps, minus that: {points(*paired_difference(scores, patient))} points")

# %% [markdown]
# By night, a large gap is left. On blood, photographs pass what streets reached in sixty steps. That doesn't make them
# the better start: only they got four times the steps. What the others reach with 240 comes near the end.

# %% [markdown]
# ## Rain, and fewer or more labels
#
# Heavy rain hides more than darkness does. Which start is best there? And do more labelled images help, if the steps
# stay at sixty? Each start keeps its learning rate; in the rain, the night's.

# %% tags=["recorded"]
in_rain = DetectionTask("streets", bs=BATCH, split=(60, 100), rain=1.0)


# %% tags=["recorded:rain"]
def rain(seed):
    rows = [{"strategy": "as it was", "labels": 0} | measured(in_rain, in_rain.learner(seed, 1, training.Full(1)))]
    return rows + list(by_start("night", STARTS, 48, seed, in_rain))


# %% tags=["recorded:more"]
def more(seed):
    rows = [{"target": "night"} | row for images in (8, 160) for row in by_start("night", STARTS, images, seed)]
    return rows + [{"target": "blood"} | row for row in by_start("blood", STARTS[:2], 160, seed)]


# %%
wet, amounts = recorded("14/rain"), recorded("14/more")
print(f"in the rain: as it was {wet.scores('as it was').mean():.1%},", end=" ")
print(", ".join(f"from {start} {wet.scores(start).mean():.1%}" for start in STARTS))
print(
    f"from streets minus as it was: {points(*paired_difference(wet.scores('streets'), wet.scores('as it was')))} points"
)
print(f"from streets minus from photographs: {points(*wet.difference('streets', 'photographs', labels=48))} points")

# %%
from pandas import concat

by_night_all = concat([runs.table, amounts.table.query("target == 'night'")], ignore_index=True)
title = "mAP by night with up to 160 labelled images, 60 steps (mean, 95% interval)"
plot_grid(in_words(by_night_all), xlabel="labelled images", title=title)

# %%
eight = amounts.scores("streets", labels=8, target="night")
print(f"night, from streets: 8 images minus none: {points(*paired_difference(eight, untuned))} points")
for target, had in (("night", many), ("blood", quick["blood"])):
    more_labels = amounts.scores("streets", labels=160, target=target)
    print(f"{target}, from streets: 160 images minus 48: {points(*paired_difference(more_labels, had))} points")

# %% [markdown]
# In the rain, tuning about doubles the score, and no other start comes near. By night, eight images bring most of the
# gain, and 160 less than two points over 48. On blood, the interval is too wide to tell. Longer training isn't
# measured.

# %% [markdown]
# ## What carries over: the body, or the neck and head?
#
# The detector by day brings a body that knows streets, and a neck and head that know boxes. Which makes the lead by
# night? We combine the body of one start with the neck and head of the other, each at its own learning rate.

# %% tags=["recorded"]
GRAFTS = {
    "body of streets, random neck and head": ("streets", None),
    "body of photographs, neck and head of streets": ("photographs", "DEFAULT"),
}


# %% tags=["recorded"]
def grafted(name, rate, seed):
    body, top = GRAFTS[name]
    learn = by_night.changed(begins=body).learner(seed, 48, training.Full(1))
    given = street_detector(top)
    for part in ("lateral", "neck", "head"):
        learn.model.add_module(part, given.get_submodule(part))
    with learn.no_bar(), learn.no_logging(), learn.added_cbs([NoValidation()]):
        return training.Full(STEPS * BATCH // 48, rate).train(learn)


# %% tags=["recorded:graft_tuning:2"]
def graft_tuning(seed):
    rows = []
    for name, rate in product(GRAFTS, RATES["night"]):
        found = measured(by_night, grafted(name, rate, 1000 + seed), "valid")
        rows.append({"strategy": name, "target": "night", "learning rate": rate} | found)
    return rows


# %% tags=["recorded:grafts"]
def grafts(seed):
    rates = {name: chosen("night", name, "14/graft_tuning") for name in GRAFTS}
    return [{"strategy": name} | measured(by_night, grafted(name, rates[name], seed)) for name in GRAFTS]


# %%
PARTS = {name: (f"body of {body}", "from streets" if top else "random") for name, (body, top) in GRAFTS.items()}
PARTS |= {"streets": ("body of streets", "from streets"), "photographs": ("body of photographs", "random")}
whole, names = runs.table.query("labels == 48"), list(PARTS)
both = concat([whole, recorded("14/grafts").table], ignore_index=True).query("strategy in @names")
both = both.assign(body=[PARTS[name][0] for name in both.strategy], top=[PARTS[name][1] for name in both.strategy])
title = "mAP by night after 60 steps on 48 images, by body, and by neck and head (mean, 95% interval)"
plot_grid(both, rows="body", columns="top", xlabel="neck and head", title=title)

# %%
streets_body, photos_body = (recorded("14/grafts").scores(name) for name in GRAFTS)
bare = runs.scores("photographs", labels=48)
print(f"the body of streets, under a random neck and head: {points(*paired_difference(streets_body, bare))} points")
print(f"the neck and head of streets, on a body of photographs: {points(*paired_difference(photos_body, bare))} points")

# %% [markdown]
# Both help, and the body helps more: under a random neck and head, it brings most of the lead. Both together are better
# than either.

# %% [markdown]
# ## BatchNorm again, in the rain
#
# By night, about half of the gain needed no boxes. How much does BatchNorm, measured anew on 48 images, gain in the
# rain?


# %% tags=["recorded:rain_anew"]
def rain_anew(seed):
    learn = in_rain.learner(seed, 48, training.Full(1))
    training.reestimate_batchnorm(learn)
    return [{"strategy": "BatchNorm measured anew"} | measured(in_rain, learn)]


# %%
wet_anew, wet_untuned = recorded("14/rain_anew").scores("BatchNorm measured anew"), wet.scores("as it was")
gain = paired_difference(wet_anew, wet_untuned)
print(f"BatchNorm measured anew in the rain: {points(*gain)} points over the detector by day")

# %% [markdown]
# In the rain, that is a small part of what tuning gains. How much BatchNorm brings depends on what has changed.
#
# One check is left: for the body of photographs under the neck and head of streets, the best learning rate was the
# highest of the grid. Is the next one better?


# %% tags=["recorded:graft_wider:2"]
def graft_wider(seed):
    name, rate = "body of photographs, neck and head of streets", 3e-2
    found = measured(by_night, grafted(name, rate, 1000 + seed), "valid")
    return [{"strategy": name, "target": "night", "learning rate": rate} | found]


# %%
tried = concat([recorded(f"14/{name}").table for name in ("graft_tuning", "graft_wider")])
tried = tried[tried.strategy.str.startswith("body of photographs")].groupby("learning rate").score.mean()
print("on validation images:", ", ".join(f"{score:.1%} at {rate:g}" for rate, score in tried.items()))

# %% [markdown]
# It is worse, so the best one lies inside the longer grid.

# %% [markdown]
# ## How well are the buses themselves found?
#
# A mean over five classes can hide one that fails. Here is each class, by day, with 48 labelled images:


# %% tags=["recorded"]
FIVE = DetectionTask("streets", bs=BATCH, split=(60, 100), kinds=("bus", "car", "truck", "person", "sign"))


def scored(task, name, learn, seed):
    scores = {"all": task.score(learn), **dict(each_class(learn, task.boxed(seed, 48)))}
    return [{"strategy": name, "class": kind, "metric": task.metric, "score": scores[kind]} for kind in scores]


# %% tags=["recorded:new_class"]
def new_class(seed):
    untuned = FIVE.learner(seed, 48, training.Full(1))
    tuned = tune(FIVE, "streets", chosen("night", "streets"), 48, seed)
    return scored(FIVE, "as it was", untuned, seed) + scored(FIVE, "streets", tuned, seed)


# %%
by_class = recorded("14/new_class")
title = "Streets with buses: average precision of each class, and their mean in the column 'all'"
plot_grid(in_words(by_class.table), columns="class", title=f"{title} (mean, 95% interval)")

# %%
for kind in ("bus", "car"):
    tuned_kind, day_kind = (by_class.scores(name, **{"class": kind}) for name in ("streets", "as it was"))
    print(f"{kind}: tuned from streets minus not tuned: {points(*paired_difference(tuned_kind, day_kind))} points")

# %% [markdown]
# The detector by day never names a bus, and yet its mean looks respectable. After tuning, the class that the city asked
# for is still found worst. Did cars pay for it? The interval is too wide to tell.

# %% [markdown]
# ## Blood, with four times the steps for every start
#
# On blood, photographs with 240 steps passed what streets reached with sixty. What do the other two starts reach with
# 240?


# %% tags=["recorded:patient"]
def patient(seed):
    rows = []
    for start in ("streets", "scratch"):
        learn = tune(on_blood, start, chosen("blood", start), 48, seed, steps=4 * STEPS)
        rows += scored(on_blood, start, learn, seed)
    return rows


# %%
long_runs = recorded("14/patient")
long_scores = {start: long_runs.scores(start, **{"class": "all"}) for start in ("streets", "scratch")}
long_scores["photographs"] = recorded("14/longer").scores("photographs, four times the steps", target="blood")
for start, scores in long_scores.items():
    print(f"from {start}, 240 steps: {scores.mean():.1%}")
for other in ("photographs", "scratch"):
    gap = paired_difference(long_scores["streets"], long_scores[other])
    print(f"from streets minus from {other}: {points(*gap)} points")

# %%
means = 100 * long_runs.table.pivot_table(index="strategy", columns="class", values="score")
show_table(means.rename(index=CALLED), "Average precision (%) after 240 steps on blood", decimals=1)

# %% [markdown]
# With equal patience, streets lead again. All three kept the learning rates chosen for 60 steps. Platelets make most of
# the lead over scratch. So compare starts only at the same number of steps.

# %% [markdown]
# ## The library's way
#
# torchvision has detectors ready to use. Here is its one-stage detector [FCOS](https://arxiv.org/abs/1904.01355) on the
# body of our detector by day, trained by the same fastai loop on the same images. Its neck and head begin at random.

# %%
from course_utils.backbones import library_detector
from course_utils.tasks import library_learner

dls = by_night.load(course.seed, 48)
fcos = library_learner(dls, library_detector("DEFAULT", dls.vocab))
with fcos.no_bar(), fcos.no_logging():
    fcos.fit_one_cycle(10, 5e-3)  # 10 epochs of 6 batches: 60 steps
    print(f"FCOS on the streets' body, by night: {fcos.validate(dl=dls.test)[1]:.1%}")

# %% [markdown]
# This is a single run, so don't compare the two detectors by it. But mind a default: torchvision's pre-trained
# detectors freeze [*BatchNorm*](../docs/glossary.md#batchnorm) in the body, since a batch of two large images is too
# small for its statistics. In a random body, these were never measured, so the course refuses:

# %%
from course_utils.errors import CourseError

try:
    library_detector(None, frozen_batchnorm=True)
except CourseError as refusal:
    print(refusal)

# %%
ask("14.10")

# %% [markdown]
# ## How long does an image take?
#
# A camera often delivers 25 images a second, one every 40 ms. Can this machine keep up?

# %%
import time

images = night.images["test"][:32]
detect(learn, images)  # the first call is slower
began = time.perf_counter()
detect(learn, images)
print(f"{1000 * (time.perf_counter() - began) / len(images):.1f} ms an image of 96 × 96 pixels on this machine")

# %% [markdown]
# ## Small, crowded and empty images
#
# Which things does the tuned detector miss? We group the known boxes of the test set by the length of their longer
# side, and count how many of each group were found.

# %%
from course_utils.tasks import match_boxes

tuned = [each.above(0.3) for each in detect(learn, night.images["test"])]
for least, below in ((0, 12), (12, 24), (24, 97)):
    sides = [(rows[:, 2:4] - rows[:, :2]).amax(1) for rows in night.boxes["test"]]
    known = [rows[(side >= least) & (side < below)] for rows, side in zip(night.boxes["test"], sides, strict=True)]
    missed = sum(match_boxes(each, rows)[1] for each, rows in zip(tuned, known, strict=True))
    things = sum(map(len, known))
    print(f"{least} to {below} pixels: {1 - missed / max(things, 1):.0%} of {things} found")

# %% [markdown]
# The smallest things are missed most often. A cell of the grid is 8 pixels wide, so such a thing covers one or two
# cells. If yours are as small as that, larger images are worth a try.
#
# Where things stand close together, the threshold of the suppression matters. We change it on blood:

# %%
on_smears = tune(on_blood, "photographs", 3e-3, 48, course.seed)
for overlap in (0.3, 0.5, 0.7):
    cells_found = detect(on_smears, smears.images["test"], overlap=overlap)
    score = mean_average_precision(cells_found, smears.boxes["test"])[AT_HALF]
    boxes_left = sum(len(each.above(0.3).boxes) for each in cells_found)
    print(f"suppression from {overlap} on: mAP {score:.1%}, {boxes_left} boxes above a confidence of 0.3")

# %% [markdown]
# The higher the threshold, the more boxes stay: neighbours that are there, and second boxes for one cell. Choose it on
# validation images.
#
# An image without boxes is labelled, too: it says that nothing is there. Keep such images. How many boxes does the
# tuned detector draw in them?

# %%
empty = [n for n, rows in enumerate(night.boxes["test"]) if not len(rows)]
drawn = sum(len(tuned[n].boxes) for n in empty)
print(f"{len(empty)} test images show nothing; boxes drawn in them: {drawn}")
print(f"boxes in a black image: {len(detect(learn, torch.zeros(1, 3, 96, 96))[0].above(0.3).boxes)}")

# %% [markdown]
# ## May you use it?
#
# Your product has to keep to the licences of code and weights. Ultralytics' YOLO packages are under the
# [AGPL](https://www.gnu.org/licenses/agpl-3.0.html): if people use a modified version over a network, you owe them its
# source code under the same licence. torchvision's code is under the permissive BSD licence. Weights may have their own
# terms: ours inherit Tiny ImageNet's, for research and education.

# %% [markdown]
# With a GPU and an internet connection, you would rather start from a detector that was trained on COCO's photographs:

# %%
if course.network == "large":
    from torchvision.models.detection import fcos_resnet50_fpn

    coco = fcos_resnet50_fpn(weights="DEFAULT")  # 129 MB, once
    print(f"{sum(weight.numel() for weight in coco.parameters()):,} weights, 91 classes")
else:
    print("On this machine the course stays with its own detector.")

# %% [markdown]
# ## Your own boxes
#
# Draw boxes with any tool that writes Pascal VOC's XML files or COCO's JSON, such as [Label
# Studio](https://labelstud.io) or [CVAT](https://www.cvat.ai). Put files and images into one folder. If something can't
# be right, such as a box outside its image, one sentence says so.

# %%
from functools import partial
from pathlib import Path

if Path("my boxes").is_dir():
    own = DetectionTask(partial(data.boxed_images, "my boxes"), split=(0.2, 0.2))
    count = min(48, len(data.boxed_images("my boxes", split=(0.2, 0.2)).names["train"]))
    print(f"your boxes: {own.score(tune(own, 'photographs', 3e-3, count, course.seed)):.1%}")
else:
    print('Put images and their files of boxes into the folder "my boxes", and run this cell again.')

# %% [markdown]
# ## Do's and don'ts
#
# - **Do** look at the known boxes first: missing ones spoil scores.
# - **Do** search a learning rate for each start *and* target.
# - **Do** look at each class: a mean hides the one that fails.
# - **Do** choose the confidence threshold by what mistakes cost.
# - **Don't** compare mAP at 0.5 with COCO's mean over ten IoUs.
# - **Don't** freeze BatchNorm in an untrained body.

# %%
strict = mean_average_precision(detect(learn, night.images["test"]), night.boxes["test"])
print(f"the tuned detector by night: {strict[AT_HALF]:.1%} at an IoU of 0.5,", end=" ")
print(f"{strict['mean average precision']:.1%} averaged over ten IoUs from 0.5 to 0.95")

# %% [markdown]
# ## Exercises
#
# Write your code in place of the blanks; the check below each one tells you what is still missing. The solutions are in
# the folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.A — suppress within a class
#
# Write `suppress(overlaps, confidences, classes, threshold)`. It returns the positions, counted from 0, of the boxes
# that stay, the surest first. A box is dropped if its IoU with a surer box *of its class* that stays is above the
# threshold. The boxes come in any order, and `overlaps[i][j]` is the IoU of boxes i and j.


# %% tags=["solution"]
def suppress(overlaps, confidences, classes, threshold):
    ### BEGIN SOLUTION
    kept = []
    for n in sorted(range(len(confidences)), key=lambda each: -confidences[each]):
        rivals = [earlier for earlier in kept if classes[earlier] == classes[n]]
        if all(overlaps[n][rival] <= threshold for rival in rivals):
            kept.append(n)
    return kept
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("14.A", suppress)

# %% [markdown] tags=["exercise"]
# ### Exercise 14.B — how many boxes to show
#
# Each right box that isn't shown costs `missed`, and each wrong box that is shown costs `wrong`. Write
# `boxes_to_show(confidences, right, missed, wrong)`. It returns how many boxes to show, the surest first, so that the
# total cost is lowest. The boxes come in any order, and `right` says which of them are right. If two numbers of boxes
# cost the same, return the smaller one.


# %% tags=["solution"]
def boxes_to_show(confidences, right, missed, wrong):
    ### BEGIN SOLUTION
    surest_first = [good for _, good in sorted(zip(confidences, right, strict=True), reverse=True)]
    costs = [0]  # compared with showing none
    for good in surest_first:
        costs.append(costs[-1] + (-missed if good else wrong))
    return costs.index(min(costs))
    ### END SOLUTION


# %% tags=["check"]
check("14.B", boxes_to_show)

# %% [markdown]
# ## What would break this
#
# - **Drawn streets.** They show that a start matters, not how well real cameras do by night. Only the blood is real.
# - **More steps.** Sixty are few, and starts that know less need more. All learning rates were chosen for sixty.
# - **Crowds.** A cell gives one box, so things that stand close together compete for cells.
# - **Other ways to begin.** We tuned all layers at one learning rate. A higher one for a random head wasn't tried.
# - **Labels by one person.** Two people draw different boxes, and we measured none of that.
# - **One test set.** All seeds share 72 photographs of blood, and the intervals say nothing about others.

# %% [markdown]
# ## Recap
#
# - A detector gives boxes with a class and a confidence. A box is right if its IoU with a known one is at least 0.5.
# - Mean average precision sums up all thresholds. A product needs one, and what mistakes cost decides which.
# - By night, the detector by day was by far the best start, and its body made most of the lead.
# - On blood, it led after 60 steps and after 240, mostly by one class, and it needed a learning rate of its own.
# - Known boxes that are missing count against the detector, in training and in the test.

# %% [markdown]
# ## Quiz

# %%
ask("14.11")

# %%
ask("14.12")

# %%
ask("14.13")

# %%
from course_utils.quiz import summary

summary("14")

# %% [markdown]
# ## Further reading
#
# - [Redmon et al. 2016](https://arxiv.org/abs/1506.02640): YOLO, which finds all boxes in one look.
# - [Tian et al. 2019](https://arxiv.org/abs/1904.01355): FCOS, torchvision's detector without anchors.
# - [Lin et al. 2014](https://arxiv.org/abs/1405.0312): COCO, and how its average precision is computed.
# - [He et al. 2018](https://arxiv.org/abs/1811.08883): is pre-training needed for detection?
# - [Bodla et al. 2017](https://arxiv.org/abs/1704.04503): a softer suppression, for things that stand close together.
