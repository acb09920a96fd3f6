"""torchvision's detectors in fastai's Learner: they take the known boxes as an input, and give their own losses."""

from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.backbones import Found
from course_utils.backbones.detection.library import library_detector
from course_utils.data.boxes.loaders import BoxLoaders
from course_utils.tasks.boxes.average_precision import AveragePrecision


class KnownBoxes(Callback):
    """Hands the known boxes to the detector while it trains, as torchvision's detectors want them."""

    def before_batch(self) -> None:
        """Turn the batch into lists."""
        images = [image.as_subclass(Tensor) for image in self.xb[0]]
        known = []
        for rows in self.yb[0].as_subclass(Tensor):
            held = rows[rows[:, 4] >= 0]
            known.append({"boxes": held[:, :4], "labels": held[:, 4].long()})
        self.learn.xb = (images, known) if self.model.training else (images,)


class FoundBoxes(AveragePrecision):
    """Average precision of a detector that gives boxes itself."""

    def accumulate(self, learn: Any) -> None:
        """Add a batch."""
        self.found += [Found(each["boxes"], each["scores"], each["labels"]) for each in learn.pred]
        self.rows += list(learn.y)


def sum_of_losses(given: Any, rows: Tensor) -> Tensor:
    """Add the detector's own losses up; outside of training it gives boxes, and no loss."""
    return sum(given.values()) if isinstance(given, dict) else torch.zeros(())  # type: ignore[return-value]


def library_learner(
    dls: BoxLoaders, network: nn.Module | None = None, *, pretrained: bool = True, metrics: Any = None, **kwargs: Any
) -> Learner:
    """Make a Learner of one of torchvision's detectors.

    Parameters
    ----------
    dls : BoxLoaders
        What `data.box_loaders` gives.
    network : nn.Module, optional
        Any of torchvision's detectors for normalised images; `library_detector` on the streets' body if left out.
    pretrained : bool
        Whether that body comes with trained weights.
    metrics, **kwargs
        As fastai's `Learner` takes them; mean average precision at an overlap of 0.5 if left out.
    """
    if network is None:
        network = library_detector("DEFAULT" if pretrained else None, classes=dls.vocab)
    own = {"loss_func": sum_of_losses, "metrics": metrics or FoundBoxes(), "cbs": [KnownBoxes()]}
    learn = Learner(dls, network, **own | kwargs)
    learn.pretrained = pretrained
    return learn
