"""The arms: ours, stock fastai, plain PyTorch, and the limit, each with its two ways to train.

Run as a program it makes one training, in a process of its own, whose peak memory is then the arm's own:

    python benchmarks/arms.py '{"task": "digits", "quick": false, "regime": "head", "arm": "ours", "seed": 0,
                                "rate": 0.01, "images": "FOLDER"}' RESULT.json
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import fastai.callback.all  # noqa: F401  (gives every Learner its fine_tune, fit_one_cycle and no_bar)
import joblib
import torch
import torch.nn.functional as F
from comparisons import COMPARISONS, LR_MULT, Comparison, shrink
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.transforms import get_image_files
from fastai.learner import Learner
from fastai.torch_core import set_seed
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import vision_learner
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from course_utils.backbones import resnet18_half
from course_utils.environment import device
from course_utils.surgery import freeze, freeze_to
from course_utils.training import FineTune, MultiDepthProbe, cached_body, reestimate_batchnorm

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in PyTorch's tutorial
TUTORIAL_WORKERS, TUTORIAL_STEP = 4, 7  # processes that load; epochs after which its rate falls to a tenth


def now() -> float:
    """Seconds, when all that was asked of the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Watch:
    """A clock that runs while an epoch trains, and stands while the test images are looked at after it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.accuracy: list[float] = []
        self.steps = 0
        self.cached = 0.0  # seconds that storing features took, which is training too
        self._test: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._began = 0.0

    def test_on(self, loader: Iterable) -> None:
        """Keep the test batches ready, so that every arm is tested alike and fast."""
        self._test = [tuple(part.as_subclass(torch.Tensor) for part in batch) for batch in loader]

    def start(self) -> None:
        self._began = now()

    def stop(self, steps: int) -> None:
        self.seconds.append(now() - self._began)
        self.steps += steps

    @torch.no_grad()
    def test(self, model: nn.Module, settle: Callable[[], object]) -> None:
        """Test after an epoch, off the clock, once `settle` has brought BatchNorm's running statistics up to date."""
        if not self._test:
            return
        settle()  # for every arm alike: otherwise the arm with more steps wins, since its statistics lag less
        model.eval()
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in self._test)
        self.accuracy.append(right / sum(len(y) for _, y in self._test))


class Timed(Callback):
    """A Watch on a fastai learner; the validation that a fit makes by itself is off the clock as well."""

    def __init__(self, watch: Watch):
        super().__init__()
        self.watch = watch

    def before_train(self) -> None:
        self.watch.start()

    def after_train(self) -> None:
        self.watch.stop(self.n_iter)

    def after_epoch(self) -> None:
        self.watch.test(self.model, lambda: reestimate_batchnorm(self.learn))


class Ours:
    """The course: images from memory; a frozen body's outputs are computed once."""

    def __init__(self, compared: Comparison, seed: int, images: Path, regime: str):
        self.compared = compared
        self.task = compared.augmented() if regime == "full" else compared.plain()
        self.learn = self.task.learner(seed, self.task.labels, FineTune(self.task.epochs), start=seed)
        self.dls = self.learn.dls

    def head(self, lr: float, watch: Watch) -> None:
        watch.test_on(self.dls.test)
        train_cached_head(self.learn, self.task.epochs, lr, watch)

    def full(self, lr: float, watch: Watch) -> None:
        watch.test_on(self.dls.test)
        fine_tune(self.learn, self.task.epochs, lr, watch)

    def stage_4(self, lr: float, watch: Watch) -> None:
        self._from("stage 4", lr, watch)

    def stage_3(self, lr: float, watch: Watch) -> None:
        self._from("stage 3", lr, watch)

    def _from(self, depth: str, lr: float, watch: Watch) -> None:
        """All from a depth on, on outputs of what lies before it."""
        watch.test_on(self.dls.test)
        freeze_to(self.learn, depth, batchnorm="fixed")
        began = now()
        with cached_body(self.learn):
            watch.cached = now() - began
            fit_one_cycle(self.learn, self.task.epochs, lr, watch)

    def probe(self, lr: float, watch: Watch) -> None:
        """A head on two stages, solved: one look at the training images."""
        watch.test_on(self.dls.test)
        watch.start()
        with self.learn.no_bar(), self.learn.no_logging():
            MultiDepthProbe(stages=("stage 3", "stage 4")).train(self.learn)
        watch.stop(0)
        watch.test(self.learn.model, lambda: None)  # nothing in the body has moved


class Limit(Ours):
    """The same steps as ours, all on one batch that lies ready on the device: what no pipeline can beat."""

    def __init__(self, compared: Comparison, seed: int, images: Path, regime: str):
        super().__init__(compared, seed, images, regime)
        self.learn.dls = resident(self.dls)

    def full(self, lr: float, watch: Watch) -> None:
        fine_tune(self.learn, 3, lr, watch)  # two whole epochs tell its speed, and it learns nothing


class StockFastai:
    """fastai as its users write it: files, its default workers, vision_learner, fine_tune."""

    def __init__(self, compared: Comparison, seed: int, images: Path, regime: str):
        self.task, self.images = compared.task, images
        set_seed(seed)
        augment = aug_transforms(**compared.augment) if regime == "full" else None
        self.dls = from_folder(images, compared.size, compared.bs, augment)
        self.learn = vision_learner(self.dls, resnet18_half)

    def head(self, lr: float, watch: Watch) -> None:
        watch.test_on(self.test)
        fit_one_cycle(self.learn, self.task.epochs, lr, watch)  # vision_learner has frozen the body

    def full(self, lr: float, watch: Watch) -> None:
        watch.test_on(self.test)
        fine_tune(self.learn, self.task.epochs, lr, watch)

    @property
    def test(self) -> Iterable:
        return self.dls.test_dl(get_image_files(self.images / "test"), with_labels=True)


class PlainTorch:
    """A loop in the manner of PyTorch's tutorial on transfer learning: ImageFolder, SGD with momentum, StepLR.

    Its last, incomplete batch of an epoch is dropped, as the other arms drop theirs: equal steps.
    Source: pytorch.org/tutorials/beginner/transfer_learning_tutorial.html (Chilamkurthy)
    """

    def __init__(self, compared: Comparison, seed: int, images: Path, regime: str):
        self.compared, self.task = compared, compared.task
        size, bs = compared.size, compared.bs
        set_seed(seed)
        as_tensor = [transforms.Resize((size, size)), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        augment = self._augment() if regime == "full" else []
        train = ImageFolder(images / "train", transforms.Compose([*augment, *as_tensor]))
        workers = min(TUTORIAL_WORKERS, joblib.cpu_count())  # torch warns of more
        self.train = DataLoader(train, bs, shuffle=True, num_workers=workers, drop_last=True)
        plain = ImageFolder(images / "train", transforms.Compose(as_tensor))
        self.plain = DataLoader(plain, 64, shuffle=True)  # mixed, as the classes lie in order
        self.test = DataLoader(ImageFolder(images / "test", transforms.Compose(as_tensor)), 64)
        self.network = resnet18_half("DEFAULT")
        if regime == "head":
            for weight in self.network.parameters():
                weight.requires_grad = False
        self.network.fc = nn.Linear(self.network.fc.in_features, len(train.classes))
        self.network.to(device())

    def _augment(self) -> list:
        """What fastai's aug_transforms does with the task's arguments, in torchvision's terms."""
        given = self.compared.augment
        turn_and_zoom = transforms.RandomAffine(given["max_rotate"], scale=(1, given["max_zoom"]))
        light = transforms.ColorJitter(brightness=0.2, contrast=0.2)
        flip = [transforms.RandomHorizontalFlip()] if given.get("do_flip", True) else []
        return [*flip, transforms.Resize((self.compared.size,) * 2), turn_and_zoom, light]

    def head(self, lr: float, watch: Watch) -> None:
        self._fit(self.network.fc.parameters(), lr, watch)

    def full(self, lr: float, watch: Watch) -> None:
        self._fit(self.network.parameters(), lr, watch)

    def _fit(self, weights: Iterable[nn.Parameter], lr: float, watch: Watch) -> None:
        watch.test_on([(x.to(device()), y.to(device())) for x, y in self.test])
        optimizer = torch.optim.SGD(weights, lr=lr, momentum=0.9)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=TUTORIAL_STEP, gamma=0.1)
        for _ in range(self.task.epochs):
            self.network.train()
            watch.start()
            for x, y in self.train:
                optimizer.zero_grad()
                loss = F.cross_entropy(self.network(x.to(device())), y.to(device()))
                loss.backward()
                optimizer.step()
            schedule.step()
            watch.stop(len(self.train))
            watch.test(self.network, lambda: update_bn(self.plain, self.network, device()))


ARMS: dict[str, Callable] = {"ours": Ours, "fastai": StockFastai, "torch": PlainTorch, "limit": Limit}


def from_folder(images: Path, size: int, bs: int, augment: list | None) -> DataLoaders:
    """Stock fastai's loaders."""
    return ImageDataLoaders.from_folder(
        images,
        train="train",
        valid="valid",
        bs=bs,
        item_tfms=Resize(size),
        batch_tfms=augment,
        device=device(),
    )


def resident(dls: DataLoaders) -> DataLoaders:
    """As many steps as in an epoch of these loaders, all on one batch."""
    batch = dls.train.one_batch()
    return DataLoaders([batch] * len(dls.train), list(dls.valid))


def fine_tune(learn: Learner, epochs: int, lr: float, watch: Watch) -> None:
    """fastai's fine_tune: one epoch of the head, the others of all layers."""
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(epochs - 1, lr, lr_mult=LR_MULT, cbs=Timed(watch))


def fit_one_cycle(learn: Learner, epochs: int, lr: float, watch: Watch) -> None:
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, lr, cbs=Timed(watch))


def train_cached_head(learn: Learner, epochs: int, lr: float, watch: Watch) -> None:
    """The head on outputs of the frozen body that are computed once."""
    freeze(learn, batchnorm="fixed")
    began = now()
    with cached_body(learn):
        watch.cached = now() - began
        fit_one_cycle(learn, epochs, lr, watch)


def train(wanted: dict) -> dict:
    """One training: seconds of each epoch, the test accuracy after each, and what came before the first."""
    began, watch = now(), Watch()
    compared = COMPARISONS[wanted["task"]]
    compared = shrink(compared) if wanted["quick"] else compared
    arm = ARMS[wanted["arm"]](compared, wanted["seed"], Path(wanted["images"]), wanted["regime"])
    prepared = now() - began
    getattr(arm, wanted["regime"].replace(" ", "_"))(wanted["rate"], watch)
    return {
        "prepared": prepared,
        "cached": watch.cached,
        "seconds": watch.seconds,
        "steps": watch.steps,
        "accuracy": watch.accuracy,
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(train(json.loads(sys.argv[1]))))
