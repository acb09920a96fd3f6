"""The one-stage detector: what its numbers mean, what its loss asks for, and what is left after suppression."""

import pytest
import torch
from support.errors import refused

from course_utils.backbones import GridDetector, decode, detection_loss, resnet18_half, street_detector
from course_utils.backbones.detection.grid_detector import STRIDE, cell_boxes

ROWS = torch.tensor([[[10.0, 20, 34, 36, 1], [40, 8, 44, 24, 0], [-1, -1, -1, -1, -1]]])


def perfect(rows, classes=2, side=64):
    """The numbers that name these boxes exactly, from every cell in whose reach a middle lies."""
    cells = torch.zeros(len(rows), 5 + classes, side // STRIDE, side // STRIDE)
    cells[:, 0] = -20
    _, middles = cell_boxes(cells)
    for image, known in enumerate(rows):
        for left, top, right, bottom, label in known[known[:, 4] >= 0].tolist():
            centre = torch.tensor([(left + right) / 2, (top + bottom) / 2])
            for cell in ((middles - centre).abs().amax(1) <= 0.75 * STRIDE).nonzero()[:, 0].tolist():
                share = ((centre - middles[cell]) / STRIDE + 1) / 2
                size = torch.tensor([right - left, bottom - top])
                numbers = torch.cat([torch.tensor([20.0]), share.logit(), (size / (2 * STRIDE)).log()])
                cells[image, :5, cell // (side // STRIDE), cell % (side // STRIDE)] = numbers
                cells[image, 5:, cell // (side // STRIDE), cell % (side // STRIDE)] = 0
                cells[image, 5 + int(label), cell // (side // STRIDE), cell % (side // STRIDE)] = 20.0
    return cells


def test_exact_numbers_give_exact_boxes_once_and_no_loss():
    cells = perfect(ROWS)
    assert float(detection_loss(cells, ROWS)) < 1e-4
    (found,) = decode(cells)
    assert found.labels.tolist() == [1, 0] or found.labels.tolist() == [0, 1]
    order = found.labels.argsort(descending=True)
    assert torch.allclose(found.boxes[order], ROWS[0, :2, :4], atol=1e-3)
    assert (found.scores > 0.999).all()


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda cells: cells[:, 0].neg_(), 10),  # says nothing where things are
        (lambda cells: cells[:, 3:5].add_(1.0), 0.5),  # boxes too large
        (lambda cells: cells[:, 5:].copy_(cells[:, 5:].flip(1).clone()), 10),  # the other class
    ],
)
def test_each_mistake_costs(change, least):
    cells = perfect(ROWS)
    change(cells)
    assert float(detection_loss(cells, ROWS)) > least


def test_the_smaller_of_two_boxes_in_one_place_is_answered_for():
    rows = torch.tensor([[[8.0, 8, 56, 56, 0], [28, 28, 36, 36, 1]]])
    cells = perfect(rows.flip(1))  # written last, the large one is said by the cells
    large = float(detection_loss(cells, rows))
    small = float(detection_loss(perfect(rows), rows))
    assert small < 1e-4 < large


def test_images_without_boxes_teach_that_nothing_is_there():
    for rows in (torch.zeros(2, 0, 5), torch.full((2, 3, 5), -1.0)):
        cells = torch.zeros(2, 7, 8, 8, requires_grad=True)
        loss = detection_loss(cells, rows)
        loss.backward()
        assert torch.isfinite(loss) and (cells.grad[:, 0] > 0).all() and (cells.grad[:, 1:] == 0).all()
    assert [len(each.boxes) for each in decode(perfect(torch.full((2, 1, 5), -1.0)))] == [0, 0]


def test_suppression_keeps_the_surest_of_one_class_and_both_of_two():
    cells = perfect(torch.tensor([[[16.0, 16, 48, 48, 0]]]))
    spoken = (cells[0, 0] > 0).nonzero()
    assert len(spoken) > 1, "several cells answer for it"
    cells[0, 0, spoken[0][0], spoken[0][1]] = 21
    (found,) = decode(cells)
    assert len(found.boxes) == 1 and found.scores[0] == decode(cells, overlap=1.0)[0].scores.max()
    assert len(decode(cells, overlap=1.0)[0].boxes) == len(spoken)
    row, column = spoken[1].tolist()
    cells[0, 5, row, column], cells[0, 6, row, column] = 0.0, 20.0
    assert sorted(decode(cells)[0].labels.tolist()) == [0, 1]


def test_scores_below_the_least_and_all_but_the_best_are_left_out():
    torch.manual_seed(0)
    cells = torch.randn(2, 8, 12, 12)
    for found in decode(cells, least=0.3, most=5):
        assert len(found.boxes) <= 5 and (found.scores >= 0.3).all()
        assert (found.scores.diff() <= 0).all(), "from high to low"
        middle = float(found.scores[2])
        assert [len(part) for part in found.above(middle)] == [int((found.scores >= middle).sum())] * 3
        assert len(found.above(2).boxes) == 0
        assert (found.boxes >= 0).all() and (found.boxes <= 96).all()


@pytest.mark.parametrize("size", [(96, 96), (96, 128), (32, 64)])
def test_it_takes_images_of_any_size_that_32_divides(size):
    network = GridDetector(resnet18_half(), 3).eval()
    with torch.no_grad():
        cells = network(torch.zeros(2, 3, *size))
    assert cells.shape == (2, 8, size[0] // 8, size[1] // 8)
    assert float(cells[:, 0].sigmoid().mean()) < 0.05, "an untrained cell says that nothing is there"


def test_known_classes_keep_their_weights_and_new_ones_begin_at_random():
    torch.manual_seed(0)
    whole, other = street_detector("DEFAULT"), street_detector("DEFAULT", classes=["bus", "person", "car"])
    known = whole.head.weight
    assert torch.equal(other.head.weight[:5], known[:5])
    assert torch.equal(other.head.weight[6], known[5 + 2]) and torch.equal(other.head.weight[7], known[5])
    assert not any(torch.equal(other.head.weight[5], each) for each in known)
    assert torch.equal(other.layer4[1].conv2.weight, whole.layer4[1].conv2.weight)
    body = street_detector("BODY").conv1.weight
    assert torch.equal(body, resnet18_half("DEFAULT").conv1.weight) and not torch.equal(body, whole.conv1.weight)
    with refused("backbones.unknown-weights", "'COCO'", "'BODY'"):
        street_detector("COCO")
