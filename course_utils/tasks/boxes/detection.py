"""Tasks of detection: a data set of images with boxes, the course's detector, and mean average precision."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.backbones import BoxBackbone, Found, decode, detection_loss, find_backbone, street_detector
from course_utils.data.boxes.boxed import BoxedImages
from course_utils.data.boxes.loaders import BoxLoaders, box_loaders, normalise
from course_utils.errors import CourseError
from course_utils.surgery import split_by_block
from course_utils.surgery.blocks import evaluating
from course_utils.tasks.boxes.average_precision import AT_HALF, OVER_THRESHOLDS, AveragePrecision
from course_utils.tasks.learned import LearnedTask

STARTS = {"streets": "DEFAULT", "photographs": "BODY"}


def detector_learner(
    dls: BoxLoaders,
    network: nn.Module | None = None,
    *,
    pretrained: bool = True,
    metrics: Any = None,
    **kwargs: Any,
) -> Learner:
    """Make a Learner of a detector: to boxes what `vision_learner` is to classes.

    Its parameter groups are the network's blocks, so that `learn.freeze()` leaves the head to train, and
    `slice(low, high)` gives each stage a learning rate of its own.

    Parameters
    ----------
    dls : BoxLoaders
        What `data.box_loaders` gives.
    network : nn.Module, optional
        `backbones.street_detector` if left out, for the loaders' classes.
    pretrained : bool
        Whether that comes with trained weights.
    metrics, **kwargs
        As fastai's `Learner` takes them; mean average precision at an overlap of 0.5 if left out.
    """
    if network is None:
        network = street_detector("DEFAULT" if pretrained else None, classes=dls.vocab)
    own = {"loss_func": detection_loss, "splitter": split_by_block, "metrics": metrics or AveragePrecision()}
    learn = Learner(dls, network, **own | kwargs)
    learn.pretrained = pretrained
    return learn


def detect(network: nn.Module | Learner, images: Tensor, least: float = 0.05, overlap: float = 0.5) -> list[Found]:
    """Find things in images.

    Parameters
    ----------
    network : nn.Module or Learner
        A detector of this course.
    images : (n, 3, height, width) tensor
        Values of 0 to 255, as `BoxedImages.images` holds them; sides that are multiples of 32.
    least, overlap
        As `backbones.decode` takes them: the least score, and the overlap from which on one of two boxes goes.

    Raises
    ------
    CourseError
        `tasks.bad-images` for images of another shape.
    """
    if images.ndim != 4 or images.shape[1] != 3 or any(side % 32 for side in images.shape[2:]):
        raise CourseError(
            f"The images have the shape {tuple(images.shape)}: give (n, 3, height, width) with sides that are "
            "multiples of 32.",
            code="tasks.bad-images",
        )
    model = network.model if isinstance(network, Learner) else network
    chip = next(model.parameters()).device
    with torch.no_grad(), evaluating(model):
        return [
            Found(*(part.cpu() for part in each))
            for batch in images.split(64)
            for each in decode(model(normalise(batch.to(chip))), least, overlap)
        ]


@dataclass(frozen=True, init=False)
class DetectionTask(LearnedTask):
    """Find the things in the images of a data set; a `tasks.protocol.Task`.

    Parameters
    ----------
    dataset : str or callable
        A data set of the course by name, as `data.load` takes it. Or a function of yours, called with `n_images` and
        `seed` and the options, that returns `BoxedImages`, such as `partial(data.boxed_images, "folder")`.
    name : str, optional
        What the task is called; the data set's name if left out.
    metric : str
        "mean average precision at 0.5", or "mean average precision" over ten overlaps.
    labels : int
        Images with boxes that the task is usually learned with.
    epochs : int
        The budget of a strategy: passes over the training set.
    bs, augment
        As `data.box_loaders` takes them.
    begins : "streets" or "photographs"
        What a pre-trained learner knows: drawn streets by day, or photographs (its body alone).
    **options
        For the data set: `night`, `kinds`, `split` and so on.

    Raises
    ------
    CourseError
        For another metric (`tasks.unmeasured-metric`) or beginning (`tasks.unknown-start`), and for `seed` or
        `n_images` among the options (`tasks.option-of-a-run`): each run has its own.
    """

    bs: int
    augment: bool
    begins: str

    kind = "A detection"
    counted = "n_images"
    measures = (AT_HALF, OVER_THRESHOLDS)

    def __init__(
        self,
        dataset: str | Callable[..., BoxedImages] = "streets",
        *,
        name: str | None = None,
        metric: str = AT_HALF,
        labels: int = 50,
        epochs: int = 10,
        bs: int = 8,
        augment: bool = True,
        begins: str = "streets",
        **options: Any,
    ):
        if begins not in STARTS:
            raise CourseError(
                f"begins is {begins!r}: give 'streets' or 'photographs'; strategies say what begins at random.",
                code="tasks.unknown-start",
            )
        shared: dict[str, Any] = {"name": name, "metric": metric, "labels": labels, "epochs": epochs}
        super().__init__(dataset, **shared, bs=bs, augment=augment, begins=begins, options=options)

    @property
    def network(self) -> BoxBackbone:
        """The registry's entry of the detector."""
        found = find_backbone("street_detector")
        assert isinstance(found, BoxBackbone)
        return found

    def boxed(self, seed: int, labels: int) -> BoxedImages:
        """Return the images of one split, with so many to train on."""
        return self.read(seed, labels)

    def load(self, seed: int, labels: int) -> BoxLoaders:
        """Return the loaders of one split."""
        return box_loaders(self.boxed(seed, labels), bs=self.bs, augment=self.augment, seed=seed)

    def build(self, dls: BoxLoaders, pretrained: bool, **how: Any) -> Learner:  # type: ignore[override]
        """Make a learner as `detector_learner` does, of the beginning that this task names."""
        network = self.network.build(STARTS[self.begins] if pretrained else None, classes=dls.vocab)
        return detector_learner(dls, network, pretrained=pretrained, **how)

    def describe(self) -> dict[str, Any]:
        """Return data set, options, network, metric and the choice of data, as JSON can hold them."""
        told = {"network": f"{self.network.name}, {self.begins}", "batches": {"bs": self.bs, "augment": self.augment}}
        return super().describe() | told
