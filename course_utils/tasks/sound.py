"""Tasks on sounds: a data set of the course, a network of sounds with a linear head, and a metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.torch_basics import Transform
from torch import nn

from course_utils.backbones import SoundBackbone, find_backbone, speech_resnet
from course_utils.data.sound.loaders import SoundLoaders, TensorSound, sound_loaders
from course_utils.data.sound.sounds import Sounds, fit
from course_utils.errors import CourseError
from course_utils.surgery import split_by_block
from course_utils.surgery.blocks import evaluating
from course_utils.tasks.learned import LearnedTask


def sound_learner(
    dls: SoundLoaders,
    network: nn.Module | None = None,
    *,
    pretrained: bool = True,
    metrics: Any = accuracy,
    **kwargs: Any,
) -> Learner:
    """Make a Learner of a network of sounds: to words what `vision_learner` is to images.

    Its parameter groups are the network's blocks, so that `learn.freeze()` leaves the head to train, and
    `slice(low, high)` gives each stage a learning rate of its own.

    Parameters
    ----------
    dls : SoundLoaders
        What `data.sound_loaders` gives.
    network : nn.Module, optional
        With as many scores as there are words; `backbones.speech_resnet` if left out.
    pretrained : bool
        Whether that comes with trained weights. The head's are random: torch's seed decides them.
    metrics, **kwargs
        As fastai's `Learner` takes them.
    """
    if network is None:
        network = speech_resnet("DEFAULT" if pretrained else None, num_classes=dls.c)
    own = {"loss_func": CrossEntropyLossFlat(), "splitter": split_by_block, "metrics": metrics}
    learn = Learner(dls, network, **own | kwargs)
    learn.pretrained = pretrained
    return learn


def classify_sound(learn: Learner, wave: np.ndarray) -> dict[str, float]:
    """Give the probability (0 to 1) of each word.

    Parameters
    ----------
    learn : Learner
        Of sounds.
    wave : (samples,) array
        A recording, 8,000 samples a second; a longer one than those of training is cut to its loudest part.
    """
    dls = learn.dls
    sound = TensorSound(torch.from_numpy(fit(np.asarray(wave, np.float32), dls.seconds))[None].to(dls.device))
    with torch.no_grad(), evaluating(learn.model):
        (given,) = dls.valid.after_batch((sound,))
        shares = learn.model(given).softmax(1)[0]
    return dict(zip(dls.vocab, shares.tolist(), strict=True))


@dataclass(frozen=True, init=False)
class SoundTask(LearnedTask):
    """Tell the words of a data set apart; a `tasks.protocol.Task`.

    Parameters
    ----------
    dataset : str or callable
        A data set of the course by name, as `data.load` takes it. Or a function of yours that loads sounds: called with
        `n_per_class` and `seed` and the options, it returns `Sounds`, such as `partial(data.sounds, "words")`.
    name : str, optional
        What the task is called; the data set's name if left out.
    metric : str
        What is scored: "accuracy" or "balanced accuracy".
    labels : int
        Recordings per word that the task is usually learned with.
    epochs : int
        The budget of a strategy: passes over the training set.
    bs, augment
        As `data.sound_loaders` takes them.
    backbone : str
        The network's name in the registry.
    **options
        For the data set: `by`, `trade`, `split` and so on.

    Raises
    ------
    CourseError
        For a metric that fastai doesn't compute here (`tasks.unmeasured-metric`), for `seed` or `n_per_class` among the
        options (`tasks.option-of-a-run`): each run has its own; `tasks.no-sound-backbone` for a network of something
        else.
    """

    bs: int
    augment: tuple[Transform, ...] = field(hash=False)
    backbone: str

    kind = "A sound"

    def __init__(
        self,
        dataset: str | Callable[..., Sounds] = "spoken_digits",
        *,
        name: str | None = None,
        metric: str = "accuracy",
        labels: int = 10,
        epochs: int = 10,
        bs: int = 16,
        augment: Sequence[Transform] = (),
        backbone: str = "speech_resnet",
        **options: Any,
    ):
        shared: dict[str, Any] = {"name": name, "metric": metric, "labels": labels, "epochs": epochs}
        own: dict[str, Any] = {"bs": bs, "augment": tuple(augment), "backbone": backbone}
        super().__init__(dataset, **shared, **own, options=options)

    @property
    def network(self) -> SoundBackbone:
        """The registry's entry of the network that learners are made with."""
        found = find_backbone(self.backbone)
        if not isinstance(found, SoundBackbone):
            raise CourseError(
                f"{found.name} takes no sounds: give 'speech_resnet', 'spectrogram_resnet' or 'voice_encoder'.",
                code="tasks.no-sound-backbone",
            )
        return found

    def sounds(self, seed: int, labels: int) -> Sounds:
        """Return the recordings of one split, with so many labelled ones per word to train on."""
        return self.read(seed, labels)

    def load(self, seed: int, labels: int) -> SoundLoaders:
        """Return the loaders of one split."""
        hears = self.network.hears
        return sound_loaders(self.sounds(seed, labels), bs=self.bs, augment=self.augment, seed=seed, hears=hears)

    def build(self, dls: SoundLoaders, pretrained: bool, **how: Any) -> Learner:  # type: ignore[override]
        """Make a learner as `sound_learner` does, of this task's network."""
        network = self.network.build("DEFAULT" if pretrained else None, num_classes=dls.c)
        return sound_learner(dls, network, pretrained=pretrained, **how)

    def describe(self) -> dict[str, Any]:
        """Return data set, options, network, metric and the choice of data, as JSON can hold them."""
        batches = {"bs": self.bs, "augment": [type(each).__name__ for each in self.augment]}
        return super().describe() | {"network": self.network.name, "batches": batches}
