"""Batches of images with boxes: their shapes, their order, and boxes that move with their image."""

import pytest
import torch
from support.errors import refused
from torchvision.transforms import v2

from course_utils import data
from course_utils.data.boxes.boxed import BoxedImages
from course_utils.data.boxes.loaders import DEVIATION, MEAN
from course_utils.experiments.provenance import digest_of_data


@pytest.fixture
def streets():
    return data.streets(10, seed=0, split=(3, 4))


def squares(count=6, side=64):
    """A white square in each black image, its box around it."""
    images, rows = torch.zeros(count, 3, side, side, dtype=torch.uint8), []
    for number in range(count):
        left, top = 8 + 3 * number, 20
        images[number, :, top : top + 14, left : left + 10] = 255
        rows.append(torch.tensor([[left, top, left + 10, top + 14, 0.0]]))
    three = dict.fromkeys(("train", "valid", "test"), images)
    boxes = dict.fromkeys(three, rows)
    names = {split: [str(n) for n in range(count)] for split in three}
    return BoxedImages(three, boxes, names, ("square",), real=False, about="squares.")


def test_a_batch_is_images_and_padded_rows(streets):
    dls = data.box_loaders(streets, bs=4, augment=False, seed=0)
    images, rows = dls.train.one_batch()
    most = max(len(each) for each in streets.boxes["train"])
    assert images.shape == (4, 3, 96, 96) and rows.shape[0] == 4 and rows.shape[1] <= most and rows.shape[2] == 5
    assert (len(dls.train), dls.c, dls.vocab) == (3, 4, ["car", "truck", "person", "sign"])
    images, rows = dls.test.one_batch()
    back = images * torch.tensor(DEVIATION).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
    assert torch.allclose(back * 255, streets.images["test"].float(), atol=1e-3)
    for row, known in zip(rows, streets.boxes["test"], strict=True):
        assert torch.equal(row[: len(known)].as_subclass(torch.Tensor), known) and (row[len(known) :] == -1).all()


def test_images_without_boxes_make_a_batch(streets):
    empty = dict.fromkeys(streets.boxes, [torch.zeros(0, 5)] * 3)
    images = {split: each[:3] for split, each in streets.images.items()}
    bare = BoxedImages(images, empty, streets.names, streets.classes, real=False, about="")
    images, rows = data.box_loaders(bare, bs=3).train.one_batch()
    assert images.shape == (3, 3, 96, 96) and rows.shape == (3, 0, 5)


def test_the_seed_decides_the_order(streets):
    def first(seed):
        torch.manual_seed(0)
        return data.box_loaders(streets, bs=10, augment=False, seed=seed).train.one_batch()[0]

    assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))


@pytest.mark.parametrize(
    "augment",
    [
        data.box_augmentation(),
        data.box_augmentation(zoom=0.4, light=0),
        v2.Compose([v2.RandomHorizontalFlip(1.0), v2.SanitizeBoundingBoxes()]),
        v2.RandomZoomOut(fill=0, side_range=(1.0, 1.5), p=1.0),
    ],
    ids=["usual", "strong", "mirrored", "of one's own"],
)
def test_boxes_move_with_what_they_hold(augment):
    """Wherever a transform puts the white square, the box is around it, within a pixel."""
    torch.manual_seed(0)
    boxed = squares()
    for image, rows in zip(boxed.images["train"], boxed.boxes["train"], strict=True):
        changed, moved = data.augment_boxes(augment, image, rows)
        grey = changed.float()
        white = (grey.amin(0) > 150) & (grey.amax(0) - grey.amin(0) < 20)
        seen = white.nonzero()
        if not len(moved):
            assert len(seen) < 40, "what leaves the image loses its box"
            continue
        left, top, right, bottom = moved[0, :4].tolist()
        found = (seen[:, 1].min(), seen[:, 0].min(), seen[:, 1].max() + 1, seen[:, 0].max() + 1)
        assert [float(x) for x in found] == pytest.approx([left, top, right, bottom], abs=1.6)
        assert moved[0, 4] == 0


def test_training_alone_is_augmented(streets):
    torch.manual_seed(0)
    dls = data.box_loaders(streets, bs=10, seed=0)
    one, other = (dls.train.one_batch()[0] for _ in range(2))
    assert one.shape == other.shape and not torch.equal(one, other)
    assert torch.equal(dls.valid.one_batch()[0], dls.valid.one_batch()[0])
    plain = data.box_loaders(streets, bs=10, augment=False).train.dataset.batch(range(10))
    with dls.train.dataset.set_split_idx(1):
        assert torch.equal(dls.train.dataset.batch(range(10))[0], plain[0])
    for number in range(10):
        image, rows = dls.train.dataset[number]
        assert torch.equal(image, plain[0][number]) and torch.equal(rows, plain[1][number, : len(rows)])


def test_kept_runs_know_the_data_by_a_fingerprint_that_chance_leaves_alone(streets):
    def digest(boxed):
        return digest_of_data(data.box_loaders(boxed, bs=4, seed=0))

    again = data.streets(10, seed=0, split=(3, 4))
    assert digest(streets) == digest(again) != digest(data.streets(10, seed=0, split=(3, 4), night=0.5))


def test_wrong_options_are_refused(streets):
    with refused("data.bad-number", "bs"):
        data.box_loaders(streets, bs=0)
    with refused("data.bad-option", "augment is 3"):
        data.box_loaders(streets, augment=3)
