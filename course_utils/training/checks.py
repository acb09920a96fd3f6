"""What is looked at before training starts."""

from collections import Counter
from collections.abc import Sequence

from fastai.data.transforms import MultiCategorize
from fastai.learner import Learner
from fastai.losses import FocalLoss
from fastai.metrics import accuracy, error_rate, top_k_accuracy
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM

FOR_ONE_LABEL = (nn.CrossEntropyLoss, nn.NLLLoss, FocalLoss)
METRICS_FOR_ONE_LABEL = (accuracy, error_rate, top_k_accuracy)


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
