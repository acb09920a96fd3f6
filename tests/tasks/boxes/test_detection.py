"""Detection tasks: average precision against values by hand, the protocol, and trainings of some steps."""

import json
import pickle

import pytest
import torch
from support.errors import refused

from course_utils import data, surgery, training
from course_utils.backbones import Found, street_detector
from course_utils.tasks import DetectionTask, Task, detect, match_boxes, mean_average_precision, train, train_and_score
from course_utils.tasks.boxes.average_precision import AT_HALF, OVER_THRESHOLDS

TASK = DetectionTask(bs=4, split=(4, 30))
BOX = [10.0, 10, 30, 30]


def found(*rows):
    """Boxes with score and label."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Found(table[:, :4], table[:, 4], table[:, 5].long())


@pytest.mark.parametrize(
    ("given", "known", "right", "missed"),
    [
        ([], [], [], 0),
        ([], [[*BOX, 0]], [], 1),
        ([[*BOX, 0.9, 0]], [], [False], 0),
        ([[*BOX, 0.9, 0]], [[*BOX, 0]], [True], 0),
        ([[*BOX, 0.9, 1]], [[*BOX, 0]], [False], 1),  # another class
        ([[*BOX, 0.9, 0], [*BOX, 0.8, 0]], [[*BOX, 0]], [True, False], 0),  # found twice
        ([[*BOX, 0.2, 0], [*BOX, 0.8, 0]], [[*BOX, 0]], [False, True], 0),  # the surer one counts
        ([[10, 10, 30, 20, 0.9, 0]], [[*BOX, 0]], [True], 0),  # half of it: exactly 0.5
        ([[10, 10, 30, 19, 0.9, 0]], [[*BOX, 0]], [False], 1),
        ([[*BOX, 0.9, 0]], [[*BOX, 0], [-1, -1, -1, -1, -1]], [True], 0),
    ],
)
def test_a_box_is_right_once(given, known, right, missed):
    flags, left = match_boxes(found(*given), torch.tensor(known, dtype=torch.float32).reshape(-1, 5))
    assert (flags.tolist(), left) == (right, missed)


def test_average_precision_is_what_three_boxes_give_by_hand():
    """Two known; found: right (.9), wrong (.8), right (.7). Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.

    COCO reads the highest precision at or beyond each of 101 recalls: 51 times 1 and 50 times 2/3.
    """
    other = [50.0, 50, 70, 70]
    far = [80.0, 10, 90, 20]
    scores = mean_average_precision(
        [found([*BOX, 0.9, 0], [*far, 0.8, 0], [*other, 0.7, 0])], [torch.tensor([[*BOX, 0], [*other, 0]])]
    )
    assert scores[AT_HALF] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-6)
    assert scores[OVER_THRESHOLDS] == pytest.approx(scores[AT_HALF]), "exact boxes are right at every overlap"


def test_overlaps_decide_over_thresholds():
    """An overlap of 0.7 is right at 0.5, 0.55, 0.6, 0.65 and 0.7: five of ten thresholds."""
    scores = mean_average_precision([found([0, 0, 10, 7, 0.9, 0])], [torch.tensor([[0.0, 0, 10, 10, 0]])])
    assert scores[AT_HALF] == pytest.approx(1) and scores[OVER_THRESHOLDS] == pytest.approx(0.5)


def test_a_class_that_is_found_and_never_there_costs_nothing_and_nothing_at_all_is_nan():
    scores = mean_average_precision([found([*BOX, 0.9, 0], [*BOX, 0.9, 1])], [torch.tensor([[*BOX, 0]])])
    assert scores[AT_HALF] == pytest.approx(1)
    nothing = mean_average_precision([found()], [torch.full((2, 5), -1.0)])
    assert all(value != value for value in nothing.values())


def test_without_the_extra_a_sentence_says_so(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torchmetrics.detection", None)
    with refused("tasks.extra-missing", "[detection]"):
        mean_average_precision([found()], [torch.zeros(0, 5)])


def test_it_keeps_the_protocol():
    assert isinstance(TASK, Task) and TASK.higher_is_better and TASK.name == "streets"
    assert json.loads(json.dumps(TASK.describe())) == TASK.describe()
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    other = TASK.changed(bs=2, night=1.0, begins="photographs")
    assert (other.bs, other.options["night"], other.begins) == (2, 1.0, "photographs")


def test_the_shipped_detector_finds_things_by_day_and_fewer_by_night():
    scores = {}
    for night in (0.0, 1.0):
        streets = data.streets(1, seed=3, split=(1, 60), night=night)
        scores[night] = mean_average_precision(
            detect(street_detector("DEFAULT"), streets.images["test"]), streets.boxes["test"]
        )[AT_HALF]
    assert scores[0.0] > 0.9 and 0.5 < scores[1.0] < scores[0.0] - 0.05


def test_a_learner_scores_what_detect_finds_and_freezes_by_blocks():
    learn = TASK.learner(0, 4, training.Full(1))
    learn.create_opt()
    assert len(learn.opt.param_lists) == len(surgery.blocks(learn)) == 7
    streets = TASK.boxed(0, 4)
    by_hand = mean_average_precision(detect(learn, streets.images["test"]), streets.boxes["test"])
    assert TASK.score(learn) == pytest.approx(by_hand[AT_HALF], abs=1e-6)
    coco = TASK.changed(metric=OVER_THRESHOLDS)
    assert coco.score(coco.learner(0, 4, training.Full(1))) == pytest.approx(by_hand[OVER_THRESHOLDS], abs=1e-6)


def test_every_beginning_trains():
    for task, way in (
        (TASK, training.Full(1, lr=1e-4)),
        (TASK.changed(begins="photographs"), training.Full(1)),
        (TASK, training.FromScratch(1)),
    ):
        score, trained = train_and_score(task, way, 4, 0)
        assert 0 <= score <= 1 and trained.steps == 1
    assert train_and_score(TASK, training.Full(1, lr=1e-4), 4, 0)[0] > 0.8, "what it knows it keeps"


def test_the_head_alone_leaves_the_body_as_it_was():
    way = training.HeadOnly(1, lr=1e-3, batchnorm="fixed")
    before = surgery.snapshot(TASK.learner(0, 8, way))
    changed = surgery.drift(before, train(TASK, way, 8, 0).learn)
    assert changed.layer[changed.change != 0].unique().tolist() == ["head"]


def test_what_can_not_be_is_refused():
    with refused("tasks.unmeasured-metric", "A detection task", "mean average precision at 0.5"):
        DetectionTask(metric="accuracy")
    with refused("tasks.option-of-a-run", "n_images"):
        DetectionTask(n_images=5)
    with refused("tasks.unknown-start", "'coco'"):
        DetectionTask(begins="coco")
    with refused("tasks.bad-images", "(1, 3, 90, 96)"):
        detect(street_detector(), torch.zeros(1, 3, 90, 96))
