"""Forward passes on made-up inputs: what a network takes, and what its blocks put out."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.layout import CONVOLUTIONS

SIZE = 64  # pixels a side of made-up images, where the network leaves it open
LARGE = 224  # where that is too small
WORDS = 8  # tokens in a made-up text


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; each part gets back the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def example_input(model: nn.Module, size: int | None = None, batch: int = 2) -> tuple[tuple, dict[str, Tensor]]:
    """Make up a batch that a network takes, with random values that are the same every time.

    Parameters
    ----------
    model : nn.Module
        A network of images, sequences, words or plain numbers, told by its first layer. A network that takes anything
        else may say so by a method `example_input(batch)` that gives a tensor, a tuple or a dictionary of tensors.
    size : int, optional
        Pixels a side of images; without it, those that the network is built for, or 64.
    batch : int
        How many inputs.

    Returns
    -------
    tuple, dict
        Positional and keyword arguments. Hugging Face's networks take keywords: `input_ids` and `attention_mask` of
        shape (batch, 8), or `pixel_values`.
    """
    weight = next((weight for weight in model.parameters() if weight.is_floating_point()), torch.zeros(()))
    rng = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=rng).to(weight.device, weight.dtype)

    for module in model.modules():
        if made := _offered(module, batch):
            return made
        if _is_hugging_face(module):
            if module.main_input_name == "input_ids":
                return _words(_setting(module, "vocab_size"), rng, batch, weight.device)
            if module.main_input_name == "pixel_values":
                side = size or _setting(module, "image_size") or SIZE
                sides = tuple(side) if isinstance(side, list | tuple) else (side, side)
                return (), {"pixel_values": noise(_setting(module, "num_channels") or 3, *sides)}
        if isinstance(module, CONVOLUTIONS):
            dimensions = len(module.kernel_size)
            return (noise(module.in_channels, *[size or _built_for(model) or SIZE] * dimensions),), {}
        if isinstance(module, nn.Embedding):
            ids = torch.randint(module.num_embeddings, (batch, WORDS), generator=rng)
            return (ids.to(weight.device),), {}
        if isinstance(module, nn.Linear):
            shape = _trained_on(model)  # some of timm's networks of images begin with a linear layer on patches
            return (noise(*([shape[0], size or shape[1], size or shape[2]] if shape else [module.in_features])),), {}
    raise CourseError(
        f"What a {type(model).__name__} takes can't be told from its layers: give it a method example_input(batch).",
        code="surgery.unknown-input",
    )


def _offered(module: nn.Module, batch: int) -> tuple[tuple, dict[str, Tensor]] | None:
    """What a network that knows its input makes up itself."""
    offer = getattr(module, "example_input", None)
    if not callable(offer):
        return None
    made = offer(batch)
    if isinstance(made, Mapping):
        return (), dict(made)
    return (made if isinstance(made, tuple) else (made,)), {}


def _is_hugging_face(module: nn.Module) -> bool:
    return hasattr(module, "main_input_name") and hasattr(module, "config")


def _setting(module: nn.Module, name: str) -> Any:
    return getattr(module.config, name, None)


def _words(known: int, rng: torch.Generator, batch: int, device: torch.device) -> tuple[tuple, dict[str, Tensor]]:
    ids = torch.randint(min(3, known - 1), known, (batch, WORDS), generator=rng)  # the first ids often are padding
    mask = torch.ones_like(ids)
    return (), {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def _built_for(model: nn.Module) -> int | None:
    """Pixels a side that a vision transformer is built for, by torchvision's and timm's attributes."""
    for module in model.modules():
        if isinstance(side := getattr(module, "image_size", None), int):
            return side
        settings = getattr(module, "pretrained_cfg", None)
        side = getattr(getattr(module, "patch_embed", None), "img_size", None)
        if settings is not None and settings.get("fixed_input_size") and side:
            return side[0]
    return None


def _trained_on(model: nn.Module) -> tuple[int, ...] | None:
    """Channels, height and width of the images that a network of timm's was made for, by its settings."""
    for module in model.modules():
        settings = getattr(module, "pretrained_cfg", None)
        if settings is not None and (shape := settings.get("input_size")):
            return shape
    return None


def first_tensor(output: Any) -> Tensor:
    """The tensor of an output: itself, or the first one of a tuple or a dictionary, as Hugging Face's networks give."""
    while not isinstance(output, Tensor):
        values = output.values() if isinstance(output, Mapping) else output
        output = next(value for value in values if value is not None)
    return output


def channels_last(parts: Iterable[nn.Module], output: Tensor) -> bool:
    """Whether an output for made-up inputs has its channels last, as tokens and a Swin's feature maps have.

    parts: the layers that it comes from
    """
    shape = output.shape
    if len(shape) == 3:  # (batch, tokens, width), and not (batch, channels, time)
        return not any(isinstance(part, nn.Conv1d) for part in parts)
    return len(shape) == 4 and shape[1] == shape[2] != shape[3]  # images made up for a dry run are square


@torch.no_grad()
def dummy_forward(model: nn.Module, size: int | None = None) -> Any:
    """Send two made-up inputs through a network, for the sake of its hooks, and give what it puts out.

    Raises CourseError `surgery.unknown-input` where nobody knows what the network takes, and `surgery.forward-fails`
    where it doesn't take that.
    """
    positional, named = example_input(model, size)
    try:
        with evaluating(model):
            return model(*positional, **named)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, AttributeError) as problem:
        if size is None and _is_image(positional):  # some networks are too deep for small images
            return dummy_forward(model, (_trained_on(model) or (LARGE,))[-1])
        shapes = " and ".join(str(tuple(value.shape)) for value in (*positional, *named.values()))
        reason = (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(". ")
        raise CourseError(
            f"This {type(model).__name__} doesn't take a batch of shape {shapes} ({reason}): give another size, or "
            "the network a method example_input(batch).",
            code="surgery.forward-fails",
        ) from problem


def fitting_input(model: nn.Module) -> tuple[tuple, dict[str, Tensor]]:
    """Make up a batch, as `example_input` does, of a size that the network has been seen to take."""
    taken: list[tuple[tuple, dict]] = []
    hook = model.register_forward_pre_hook(lambda _, inputs, named: taken.append((inputs, named)), with_kwargs=True)
    try:
        dummy_forward(model)
    finally:
        hook.remove()
    return taken[-1]


def _is_image(inputs: tuple) -> bool:
    return len(inputs) == 1 and inputs[0].ndim == 4
