"""Checks of the training: metrics, losses, what is frozen, batches, and the mode that it leaves the network in."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from fastai.learner import AvgMetric, Learner

from course_utils.diagnostics.data_checks import RARE
from course_utils.diagnostics.findings import Finding, Unseen
from course_utils.diagnostics.inputs import labels_of, loaders, predictions, validation_loader, vocab_of
from course_utils.surgery.blocks import BATCHNORM, DROPOUT, blocks, moves
from course_utils.training.running_statistics import reestimated

BLIND = {"accuracy", "error_rate"}  # metrics that a rare class hardly touches
LAGGING = 0.05  # share of answers that change when running statistics are re-estimated


def check_metrics(learn: Learner) -> Iterator[Finding]:
    """Find metrics that a rare class hardly touches, and those that averaging over batches makes wrong."""
    vocab = vocab_of(learn)
    counts = np.bincount(labels_of(validation_loader(learn)), minlength=len(vocab))
    names = [metric.name for metric in learn.metrics]
    if counts.min() < RARE * counts.max() and set(names) <= BLIND:
        often = int(counts.argmax())
        yield Finding(
            "the metric hides the rare class",
            f"{' and '.join(names) or 'the loss'} alone is watched, and always answering {vocab[often]!r} is right for "
            f"{counts[often] / counts.sum():.1%} of the validation images",
            "add recall, precision and ROC AUC, or the balanced accuracy",
        )
    averaged = [metric for metric in learn.metrics if type(metric) is AvgMetric]
    if averaged:
        yield from _averaged(learn, averaged)


def _averaged(learn: Learner, averaged: list[AvgMetric]) -> Iterator[Finding]:
    batches = list(predictions(learn))
    sizes = [len(truth) for _, truth in batches]
    predicted, truth = (torch.cat(part) for part in zip(*batches, strict=True))
    for metric in averaged:
        by_batch = np.average([float(metric.func(*batch)) for batch in batches], weights=sizes)
        whole = float(metric.func(predicted, truth))
        if not math.isclose(by_batch, whole, rel_tol=1e-3, abs_tol=1e-4):  # NaN is close to nothing
            yield Finding(
                "a metric is averaged over batches",
                f"{metric.name} is {by_batch:.3f} averaged over {len(batches)} batches, and {whole:.3f} over all",
                "wrap it in fastai's AccumMetric, which collects all predictions first",
            )


def check_losses(learn: Learner) -> Iterator[Finding]:
    """Find a loss that is NaN or infinite, and a validation loss far above the training loss, or on its way up."""
    rows = [[_number(value) for value in row[:2]] for row in getattr(learn.recorder, "values", [])]
    if not rows or len(rows[0]) < 2:
        raise Unseen("nothing was trained and validated yet")
    train, valid = rows[-1]
    lowest = min(range(len(rows)), key=lambda epoch: rows[epoch][1])
    if not math.isfinite(train + valid):
        yield Finding("a loss is NaN or infinite", f"train {train:.2f}, valid {valid:.2f}", "lower the learning rate")
    elif valid - train > 0.1 and (valid > 2 * train or valid > 1.2 * rows[lowest][1]):
        yield Finding(
            "overfitting",
            f"the loss ends at {train:.2f} in training and {valid:.2f} in validation, where the lowest was "
            f"{rows[lowest][1]:.2f} in epoch {lowest + 1} of {len(rows)}",
            "more images or augmentation first, then fewer epochs, a lower learning rate, weight decay or dropout; "
            "measure each",
        )


def check_frozen_blocks(learn: Learner) -> Iterator[Finding]:
    """Find a frozen block whose BatchNorm follows the data, one parameter group for all, or nothing that trains."""
    parts = blocks(learn)
    still, following = [], 0
    for block in parts:
        norms = [layer for layer in block.modules() if _is_norm(layer)]
        affine = {id(weight) for norm in norms for weight in norm.parameters()}
        if not any(weight.requires_grad for weight in block.parameters() if id(weight) not in affine):
            still.append(block.name)
            following += sum(map(moves, norms))
    if len(still) == len(parts):
        yield Finding("everything is frozen", "no block has a weight that trains", "unfreeze the head")
    elif following:
        steps = len(getattr(learn.recorder, "lrs", []))
        yield Finding(
            "a frozen body still moves",
            f"{following} BatchNorm layers in frozen blocks ({', '.join(still)}) follow the data; the last fit had "
            f"{steps} steps",
            "in short training fix them, with surgery.freeze(learn, batchnorm='fixed')",
        )
    if not still and getattr(learn, "pretrained", None) and len(list(learn.splitter(learn.model))) == 1:
        yield Finding(
            "one parameter group for the whole network",
            "the splitter makes one group, so freeze() freezes nothing, and body and head share one learning rate",
            "give the learner splitter=surgery.split_by_block",
        )


def check_running_statistics(learn: Learner) -> Iterator[Finding]:
    """Find BatchNorm whose running statistics lag behind the weights; the training images pass the network once."""
    if not len(getattr(learn.recorder, "lrs", [])):
        raise Unseen("nothing was trained yet")
    before = _answers(learn)
    with reestimated(learn) as layers:
        if not layers:
            return
        after = _answers(learn)
    changed = (before != after).float().mean().item()
    if changed > LAGGING:
        yield Finding(
            "running statistics lag behind",
            f"re-estimating the statistics of {layers} BatchNorm layers on the training images changes {changed:.0%} "
            "of the answers on the validation images",
            "call training.reestimate_batchnorm(learn) after training, or fix them, with "
            "surgery.freeze(learn, batchnorm='fixed')",
        )


def _answers(learn: Learner) -> torch.Tensor:
    """What the network says of the validation images: the class of each, or of each label whether it has it."""
    found = []
    for output, truth in predictions(learn):
        one = output.ndim == 2 and output.shape[1] > 1 and truth.ndim == 1 and not truth.is_floating_point()
        several = output.shape == truth.shape and getattr(learn.dls, "vocab", None) is not None
        if not one and not several:
            raise Unseen("the network doesn't give one score for each class")
        found.append(output.argmax(1) if one else output > 0)
    return torch.cat(found)


def check_batches(learn: Learner) -> Iterator[Finding]:
    """Find a last batch of one image, which BatchNorm can't average over, or no whole batch."""
    train = loaders(learn)["train"]
    images = len(train.dataset)
    if not len(train):
        yield Finding("no whole batch", f"{images} images don't fill a batch of {train.bs}", "take a smaller bs")
    elif not train.drop_last and images % train.bs == 1 and any(map(_is_norm, learn.model.modules())):
        yield Finding(
            "a last batch of one",
            f"{images} images in batches of {train.bs} leave one over, and BatchNorm can't average over one",
            "load with drop_last=True, or choose another bs",
        )


def check_mode(learn: Learner) -> Iterator[Finding]:
    """Find a trained network that is still in training mode."""
    if not len(getattr(learn.recorder, "lrs", [])):
        raise Unseen("nothing was trained yet")
    kinds = {"BatchNorm": _is_norm, "dropout": lambda layer: isinstance(layer, DROPOUT) and layer.p > 0}
    active = [layer for layer in learn.model.modules() if layer.training and not getattr(layer, "held_in_eval", False)]
    counts = {name: sum(map(is_one, active)) for name, is_one in kinds.items()}
    if any(counts.values()):
        told = " and ".join(f"{count} {name} layers" for name, count in counts.items() if count)
        yield Finding(
            "the model is in training mode",
            f"{told} are active, so what learn.model(x) says depends on chance and on its batch, and changes BatchNorm",
            "call learn.model.eval() first, or use learn.predict or learn.get_preds, which do",
        )


def _is_norm(layer: torch.nn.Module) -> bool:
    return isinstance(layer, BATCHNORM)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
