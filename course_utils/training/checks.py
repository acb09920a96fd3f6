"""What is looked at before training starts."""

from collections import Counter
from collections.abc import Sequence

from fastai.learner import Learner

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM


def check_data(learn: Learner) -> None:
    """Refuse data on which training would fail late or learn nothing.

    Raises
    ------
    CourseError
        When the training set doesn't fill one batch ("training.no-whole-batch"), when a batch of one would reach a
        BatchNorm layer ("training.batch-of-one"), and when a class has no training example ("training.empty-class").
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
    counts = Counter(int(label) for label in lists[1])
    empty = [str(name) for number, name in enumerate(vocab) if not counts[number]]
    if empty:
        raise CourseError(
            f"{len(empty)} of {len(vocab)} classes have no training image, such as {empty[0]!r}: "
            "add some, or build the data without these classes.",
            code="training.empty-class",
        )
