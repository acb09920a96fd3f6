"""Cut a network, give it another head, or other input channels."""

import torch
from fastai.learner import Learner
from fastai.vision.learner import create_head
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import HEADS, Network, block_index, blocks, dummy_forward, model_of


def cut(network: Network, after: int | str) -> nn.Sequential:
    """A body that shares the blocks up to and including `after` (a block's name, or its number from 0)."""
    end = block_index(network, after) + 1
    parts = blocks(network)
    if end == len(parts):
        raise CourseError(f"A cut after the head removes nothing: name one of {', '.join(b.name for b in parts[:-1])}.")
    return nn.Sequential(*(layer for block in parts[:end] for layer in block.layers.values()))


def replace_head(network: Network, head: nn.Module | str = "linear", n_out: int | None = None) -> None:
    """Put another head in place of the old one; the body stays as it is, frozen or not.

    head: "linear" (average pooling and one linear layer), "fastai" (its two-layer head), or a module of your own, which
        gets what the body puts out: feature maps in a learner, a flat vector in a torchvision network
    n_out: classes, for the first two; a learner knows its own
    Raises CourseError when a module doesn't fit the body; the old head is then still in place.
    """
    model = model_of(network)
    if n_out is None and isinstance(network, Learner):
        n_out = network.dls.c
    flat = not isinstance(model, nn.Sequential)  # torchvision's own forward pools and flattens before its head
    given = _what_the_head_gets(model)
    if isinstance(head, str):
        if not n_out:
            raise CourseError(f"A {head!r} head needs the number of classes: give n_out.")
        head = _built_head(head, given.shape[1], n_out, flat)
    head = head.to(given.device)
    training = head.training
    try:
        with torch.no_grad():
            head.eval()(given)
    except (RuntimeError, ValueError) as problem:
        raise CourseError(
            f"The head doesn't fit: the body gives it {tuple(given.shape[1:])} for each image, and the head fails on "
            f"that ({str(problem).splitlines()[0]}); build its first layer for {given.shape[1]} features."
        ) from problem
    head.train(training)
    if flat:
        setattr(model, next(name for name in HEADS if hasattr(model, name)), head)
    else:
        model[1] = head
        del model[2:]
    if isinstance(network, Learner):
        network.create_opt()  # the old one holds the old head's weights


def _built_head(kind: str, features: int, n_out: int, flat: bool) -> nn.Module:
    if kind == "linear":
        linear = nn.Linear(features, n_out)
        return linear if flat else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    if kind == "fastai":
        return create_head(features, n_out, pool=not flat)
    raise CourseError(f"There is no head {kind!r}: give 'linear', 'fastai' or a module of your own.")


@torch.no_grad()
def _what_the_head_gets(model: nn.Module) -> torch.Tensor:
    """The body's output for two black images."""
    head = model[1] if isinstance(model, nn.Sequential) else getattr(model, next(n for n in HEADS if hasattr(model, n)))
    seen = []
    hook = head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        dummy_forward(model, 64)
    finally:
        hook.remove()
    return seen[0]


def change_input_channels(network: Network, channels: int) -> None:
    """Replace the first convolution by one for `channels` input channels that keeps what it learned.

    The new channels take the old ones' weights in turn, and share out the rest, so that a grey image gives the same
    output as before: a single channel gets their sum. (fastai's `n_in` starts further channels at zero.)
    """
    if channels < 1:
        raise CourseError(f"channels is {channels}: give a whole number of at least 1.")
    parent, name, old = _first_convolution(model_of(network))
    if old.groups != 1:
        raise CourseError("The first convolution works in groups, so its channels can't be changed one by one.")
    new = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,
        old.stride,
        old.padding,
        old.dilation,
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    ).to(old.weight)
    turn = torch.arange(channels) % old.in_channels
    with torch.no_grad():
        weight = old.weight[:, turn]
        rest = old.weight.sum(1, keepdim=True) - weight.sum(1, keepdim=True)
        new.weight.copy_(weight + rest / channels)
        if old.bias is not None:
            new.bias.copy_(old.bias)
    new.weight.requires_grad_(old.weight.requires_grad)
    setattr(parent, name, new)
    if isinstance(network, Learner):
        network.create_opt()


def _first_convolution(model: nn.Module) -> tuple[nn.Module, str, nn.Conv2d]:
    """The first convolution, with the module that holds it and its name there."""
    for parent in model.modules():
        for name, layer in parent.named_children():
            if isinstance(layer, nn.Conv2d):
                return parent, name, layer
    raise CourseError("This network has no convolution, so it has no input channels to change.")
