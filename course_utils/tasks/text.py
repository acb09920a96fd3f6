"""Tasks on texts: a data set of the course, an encoder with a linear head, and a metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import torch
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import OptimWrapper
from fastai.torch_core import to_device

from course_utils.backbones import TextBackbone, TextClassifier, check_tokenizer, default_backbone, find_backbone
from course_utils.data.text.loaders import TextLoaders, text_loaders, tokens_of
from course_utils.data.text.texts import Texts
from course_utils.errors import CourseError
from course_utils.surgery import split_by_block
from course_utils.surgery.blocks import evaluating
from course_utils.tasks.learned import LearnedTask

# torch's own Adam with decoupled decay, fused. Of a step with 22 million weights, fastai's takes a third.
ADAM = partial(OptimWrapper, opt=torch.optim.AdamW, fused=True)
EVALUATED = 64  # texts a batch, where nothing is kept for gradients


def text_learner(
    dls: TextLoaders,
    encoder: torch.nn.Module | None = None,
    *,
    pretrained: bool = True,
    dropout: float = 0.0,
    metrics: Any = accuracy,
    **kwargs: Any,
) -> Learner:
    """Make a Learner of a `TextClassifier`: to texts what `vision_learner` is to images.

    Its parameter groups are the network's blocks, so that `learn.freeze()` leaves the head to train, and
    `slice(low, high)` gives each layer a learning rate of its own.

    Parameters
    ----------
    dls : TextLoaders
        What `data.text_loaders` gives.
    encoder : nn.Module, optional
        The course's own for this machine if left out.
    pretrained : bool
        Whether that comes with trained weights. The head's are random: torch's seed decides them.
    dropout : float
        As `backbones.minilm` takes it.
    metrics, **kwargs
        As fastai's `Learner` takes them.

    Raises
    ------
    CourseError
        `backbones.extra-missing`, `backbones.weights-damaged`; `backbones.other-tokenizer` where `dls` were made by a
        tokenizer that isn't the encoder's.
    """
    if encoder is None:
        encoder = default_backbone("text").build("DEFAULT" if pretrained else None, dropout=dropout)
    check_tokenizer(encoder, dls.tokenizer)
    model = TextClassifier(encoder, dls.c)
    own = {"loss_func": CrossEntropyLossFlat(), "splitter": split_by_block, "metrics": metrics, "opt_func": ADAM}
    learn = Learner(dls, model, **own | kwargs)
    learn.pretrained = pretrained
    return learn


def classify(learn: Learner, texts: str | Sequence[str]) -> pd.DataFrame:
    """Classify texts from outside with a trained learner.

    Parameters
    ----------
    learn : Learner
        What `text_learner` or a task has made.
    texts : str or sequence of str
        One text, or some.

    Returns
    -------
    DataFrame
        A row for each text: `text`, the probability of each class under its name, and `label`, the likeliest class.

    Raises
    ------
    CourseError
        `tasks.no-text` for what isn't text, and for a text without a character.
    """
    given = [texts] if isinstance(texts, str) else list(texts)
    if not given or any(not isinstance(text, str) or not text.strip() for text in given):
        raise CourseError(
            "There is nothing to classify, or one of the texts is empty: give texts of at least one word.",
            code="tasks.no-text",
        )
    dls = learn.dls
    ids, lengths, _ = tokens_of(dls.tokenizer, given, dls.longest)
    found = []
    with torch.no_grad(), evaluating(learn.model):
        for start in range(0, len(given), EVALUATED):
            rows = slice(start, start + EVALUATED)
            longest = int(lengths[rows].max())
            mask = (torch.arange(longest) < lengths[rows, None]).long()
            batch = to_device({"input_ids": ids[rows, :longest], "attention_mask": mask}, dls.device)
            found.append(learn.model(batch).softmax(-1).cpu())
    shares = torch.cat(found)
    table = pd.DataFrame({"text": given} | {name: shares[:, number] for number, name in enumerate(dls.vocab)})
    return table.assign(label=[dls.vocab[number] for number in shares.argmax(1)])


@dataclass(frozen=True, init=False)
class TextTask(LearnedTask):
    """Classify the texts of a data set; a `tasks.protocol.Task`.

    Parameters
    ----------
    dataset : str or callable
        A data set of the course by name, as `data.load` takes it. Or a function of yours that loads texts: called with
        `n_per_class` and `seed` and the options, it returns `Texts`, such as `functools.partial(data.texts, "my.csv")`.
    name : str, optional
        What the task is called; the data set's name if left out.
    metric : str
        What is scored: "accuracy" or "balanced accuracy".
    labels : int
        Labelled texts per class that the task is usually learned with.
    epochs : int
        The budget of a strategy: passes over the training set.
    bs, longest, sort
        As `data.text_loaders` takes them.
    dropout : float
        As `backbones.minilm` takes it: without it, frozen layers can be cached.
    backbone : str, optional
        The encoder's name in the registry; the course's own for this machine if left out.
    **options
        For the data set: `domain`, `split` and so on.

    Raises
    ------
    CourseError
        For a metric that fastai doesn't compute here (`tasks.unmeasured-metric`), and for `seed` or `n_per_class`
        among the options (`tasks.option-of-a-run`): each run has its own.
    """

    bs: int
    longest: int
    sort: bool
    dropout: float
    backbone: str | None

    kind = "A text"

    def __init__(
        self,
        dataset: str | Callable[..., Texts] = "reviews",
        *,
        name: str | None = None,
        metric: str = "accuracy",
        labels: int = 100,
        epochs: int = 5,
        bs: int = 16,
        longest: int = 128,
        sort: bool = True,
        dropout: float = 0.0,
        backbone: str | None = None,
        **options: Any,
    ):
        shared: dict[str, Any] = {"name": name, "metric": metric, "labels": labels, "epochs": epochs}
        own: dict[str, Any] = {"bs": bs, "longest": longest, "sort": sort, "dropout": dropout, "backbone": backbone}
        super().__init__(dataset, **shared, **own, options=options)

    @property
    def network(self) -> TextBackbone:
        """The registry's entry of the encoder that learners are made with on this machine."""
        found = find_backbone(self.backbone) if self.backbone else default_backbone("text")
        if not isinstance(found, TextBackbone):
            raise CourseError(f"{found.name} takes no texts: give 'minilm', or none.", code="tasks.no-text-backbone")
        return found

    def texts(self, seed: int, labels: int) -> Texts:
        """Return the texts of one split, with so many labelled ones per class to train on."""
        return self.read(seed, labels)

    def load(self, seed: int, labels: int) -> TextLoaders:
        """Return the loaders of one split, with so many labelled texts per class to train on."""
        how: dict[str, Any] = {"bs": self.bs, "longest": self.longest, "sort": self.sort, "seed": seed}
        return text_loaders(self.texts(seed, labels), self.network.tokenizer(), **how)

    def build(self, dls: TextLoaders, pretrained: bool, **how: Any) -> Learner:  # type: ignore[override]
        """Make a learner as `text_learner` does, of this task's encoder."""
        encoder = self.network.build("DEFAULT" if pretrained else None, dropout=self.dropout)
        return text_learner(dls, encoder, pretrained=pretrained, **how)

    def describe(self) -> dict[str, Any]:
        """Return data set, options, network, batches, metric and the choice of data, as JSON can hold them."""
        batches = {"bs": self.bs, "longest": self.longest, "sort": self.sort, "dropout": self.dropout}
        return super().describe() | {"network": self.network.name, "batches": batches}
