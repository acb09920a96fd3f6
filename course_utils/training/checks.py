"""What is looked at before training starts, and after it has failed."""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from fastai.data.load import DataLoader
from fastai.data.transforms import MultiCategorize
from fastai.learner import Learner
from fastai.losses import FocalLoss
from fastai.metrics import accuracy, error_rate, top_k_accuracy
from torch import Tensor, nn

from course_utils.arguments import finite, whole
from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, blocks, evaluating
from course_utils.surgery.forward import first_tensor
from course_utils.training.callbacks import StopWhenLost, all_finite
from course_utils.training.cut_forward import tensors_in
from course_utils.training.probing import plainly
from course_utils.training.randomness import randomness_kept

FOR_ONE_LABEL = (nn.CrossEntropyLoss, nn.NLLLoss, FocalLoss)
METRICS_FOR_ONE_LABEL = (accuracy, error_rate, top_k_accuracy)
FLAT = 0.02  # images whose values vary by less, over all pixels, are as good as one colour


def check_data(learn: Learner) -> None:
    """Refuse data on which training would fail late or learn nothing.

    Images with several labels each (one-hot targets) train with every strategy, given a loss for several labels, which
    fastai chooses by itself, and a metric for them.

    Raises
    ------
    CourseError
        When the training set doesn't fill one batch ("training.no-whole-batch"), when a batch of one would reach a
        BatchNorm layer ("training.batch-of-one"), when a class has no training example ("training.empty-class"), and
        when the loss or a metric is for one label and the images have several ("training.several-labels").
    """
    train = learn.dls.train
    if not isinstance(train, DataLoader) or train.n is None or train.bs is None:
        return  # a loader of torch's, or a list of batches: they don't say what would be looked at
    examples, bs = train.n, train.bs
    if not len(train):
        raise CourseError(
            f"{examples} training images don't fill a batch of {bs}: load the data with a smaller bs.",
            code="training.no-whole-batch",
        )
    has_batchnorm = any(isinstance(layer, BATCHNORM) for layer in learn.model.modules())
    if has_batchnorm and (bs == 1 or (not train.drop_last and examples % bs == 1)):
        raise CourseError(
            f"{examples} images in batches of {bs} make a batch of one, which BatchNorm can't average over: "
            "choose another bs, or load with drop_last=True.",
            code="training.batch-of-one",
        )
    lists: Sequence = getattr(train.dataset, "tls", ())
    vocab = getattr(learn.dls, "vocab", None)
    if len(lists) < 2 or not vocab:
        return
    several = any(isinstance(step, MultiCategorize) for step in getattr(getattr(lists[1], "tfms", None), "fs", ()))
    if several:
        _check_for_several(learn)
    labels = (number for label in lists[1] for number in (label.nonzero() if several else [label]))
    counts = Counter(int(number) for number in labels)
    empty = [str(name) for number, name in enumerate(vocab) if not counts[number]]
    if empty:
        raise CourseError(
            f"{len(empty)} of {len(vocab)} classes have no training image, such as {empty[0]!r}: "
            "add some, or build the data without these classes.",
            code="training.empty-class",
        )


def _check_for_several(learn: Learner) -> None:
    """Refuse a loss or a metric that is for one label, where every image may have several."""
    loss = getattr(learn.loss_func, "func", learn.loss_func)
    if isinstance(loss, FOR_ONE_LABEL):
        raise CourseError(
            f"The images have several labels each, and the loss {type(loss).__name__} is for one: make the learner "
            "without loss_func, so that fastai takes BCEWithLogitsLossFlat, or load data with one label an image.",
            code="training.several-labels",
        )
    names = [metric.name for metric in learn.metrics if getattr(metric, "func", metric) in METRICS_FOR_ONE_LABEL]
    if names:
        raise CourseError(
            f"The images have several labels each, and the metric {names[0]} is for one: make the learner with "
            "metrics=dls.metric or metrics=accuracy_multi.",
            code="training.several-labels",
        )


def note_flat_images(learn: Learner) -> None:
    """Say so where the values of training images hardly vary, as they do after two divisions by 255."""
    dl = learn.dls.train
    if not isinstance(dl, DataLoader) or dl.bs is None or not dl.n:
        return
    with randomness_kept(), plainly(dl, most=8) as loader:
        images = loader.one_batch()[0]
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point() or not all_finite([images]):
        return
    deviation = images.as_subclass(Tensor).float().std((0, 2, 3)).max().item()
    if deviation < FLAT:
        print(
            f"The values of the training images hardly vary (standard deviation {deviation:.2g}): see whether they are "
            "divided by 255 twice, in a transform of yours and in fastai's IntToFloatTensor."
        )


def loss_lost(learn: Learner, guard: StopWhenLost, called: str, lower: str) -> CourseError:
    """Build the error of a fit whose loss is NaN or infinite, with what to do against its cause.

    called: what trained
    lower: a learning rate to try
    """
    told = f"{guard.lost} in {called}"
    if guard.cause in ("inputs", "targets"):
        which = _first_not_finite(learn.dls.train, guard.cause)
        return CourseError(
            f"{told}, since the {guard.cause} of that batch hold NaN or infinite values{which}: mend or leave out such "
            "examples; the learning rate isn't to blame.",
            code="training.bad-data",
        )
    if guard.cause == "weights":
        return CourseError(
            f"{told}, since the network's weights held NaN or infinite values before this training: make a fresh "
            "learner; the learning rate isn't to blame.",
            code="training.weights-lost",
        )
    if guard.cause == "formula":
        return CourseError(
            f"{told}, before any update, though images, targets and weights are finite, so no learning rate is to "
            "blame: look for a division, a logarithm or a root in the loss and in layers of your own.",
            code="training.lost-at-the-start",
        )
    remedy = f"give a lower learning rate, such as {lower}"
    if guard.cause == "precision":
        remedy = f"half precision can't hold numbers that full precision can: call learn.to_fp32(), or {remedy}"
    return CourseError(f"{told}: {remedy}.", code="training.loss-lost")


def _first_not_finite(dl: Any, part: str) -> str:
    """Name the first training example with a value that isn't finite, if it can be found without augmentation."""
    if not isinstance(dl, DataLoader) or dl.bs is None or not dl.n:
        return ""
    start = 0
    with randomness_kept(), plainly(dl) as loader:
        for batch in loader:
            tensors = tensors_in(batch[:-1] if part == "inputs" else batch[-1:])
            bad = [n for n in range(len(tensors[0])) if not all_finite(each[n] for each in tensors)]
            if bad:
                number = start + bad[0]
                items = getattr(dl.dataset, "items", None)
                name = "" if items is None or isinstance(items[number], int) else f", {items[number]}"
                return f" (the first is training example {number}{name})"
            start += len(tensors[0])
    return ""


def explained(learn: Learner, problem: Exception) -> CourseError | None:
    """Tell in a sentence why a fit has failed, where the network can't take its batches or gives no single tensor."""
    inputs = getattr(learn, "xb", ())
    if not tensors_in(inputs) and isinstance(learn.dls.train, DataLoader):
        with randomness_kept(), plainly(learn.dls.train, most=2) as loader:
            inputs = loader.one_batch()[: getattr(learn.dls, "n_inp", 1)]
    if not tensors_in(inputs):
        return None
    put_out = getattr(learn, "pred", None)
    if put_out is not None and not isinstance(put_out, Tensor):
        return CourseError(
            f"In training this network gives a {type(put_out).__name__} and not one tensor, and the loss fails on it "
            f"({_reason(problem)}): build it with aux_logits=False, give it another head with surgery.replace_head, or "
            "give the learner a loss for that.",
            code="training.several-outputs",
        )
    if out_of_range := _target_out_of_range(put_out, getattr(learn, "yb", ())):
        return out_of_range
    with evaluating(learn.model):
        failed = _failure(learn.model, inputs)
    if failed is None and "forward" not in vars(learn.model):  # it may fail in training only
        failed = _failure(copy.deepcopy(learn.model).train(), inputs)
    if failed is None:
        return None
    block, shape, reason = failed
    if block == "head":
        return CourseError(
            f"The head doesn't fit the body, which gives it {shape} for a batch ({reason}): give the learner another "
            "one with surgery.replace_head(learn, 'linear').",
            code="training.head-does-not-fit",
        )
    return CourseError(
        f"This network fails at {block!r} on a batch of shape {tuple(first_tensor(inputs).shape)} ({reason}): load "
        "images of the size that it is made for, or take another network.",
        code="training.network-fails",
    )


def _target_out_of_range(outputs: Tensor | None, targets: tuple) -> CourseError | None:
    """Tell of class numbers for which the network has no output, such as the 255 of a black and white mask."""
    if outputs is None or outputs.ndim < 2 or len(targets) != 1 or not isinstance(targets[0], Tensor):
        return None
    (numbers,), classes = targets, outputs.shape[1]
    if numbers.is_floating_point() or not numbers.numel() or numbers.max() < classes:
        return None
    return CourseError(
        f"The targets hold the class number {int(numbers.max())}, and the network has {classes} outputs, for 0 to "
        f"{classes - 1}: number the classes from 0 (in a mask of 0 and 255, divide by 255), or give it more outputs.",
        code="training.target-out-of-range",
    )


@torch.no_grad()
def _failure(model: nn.Module, inputs: tuple) -> tuple[str, tuple[int, ...], str] | None:
    """The block in which a forward pass fails, the shape of what that got, and why; None where it doesn't."""
    begun = [("input", tuple(first_tensor(inputs).shape))]

    def note(name: str) -> Callable[..., None]:
        def begin(_: nn.Module, given: tuple) -> None:
            if tensors_in(given):
                begun.append((name, tuple(first_tensor(given).shape)))

        return begin

    try:
        layers = [(block.name, layer) for block in blocks(model) for layer in block.layers.values()]
    except CourseError:
        layers = []
    hooks = [layer.register_forward_pre_hook(note(name)) for name, layer in layers]
    try:
        model(*inputs)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as problem:
        return *begun[-1], _reason(problem)
    finally:
        for hook in hooks:
            hook.remove()
    return None


def _reason(problem: Exception) -> str:
    """The first line of an error."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0].rstrip(". ")


def check_counts(least: int = 1, **counts: int) -> None:
    """Refuse what is no whole number from `least` on: CourseError `training.bad-setting`."""
    for name, value in counts.items():
        if whole(value, least) is None:
            raise CourseError(
                f"{name} is {value!r}: give a whole number of at least {least}.", code="training.bad-setting"
            )


def check_above_zero(**numbers: float) -> None:
    """Refuse what is no number above 0: CourseError `training.bad-setting`."""
    for name, value in numbers.items():
        if not finite(value) or not value > 0:
            raise CourseError(f"{name} is {value!r}: give a number above 0.", code="training.bad-setting")
