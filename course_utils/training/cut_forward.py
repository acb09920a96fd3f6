"""A network's forward, cut behind its frozen blocks: compute up to the cut, or go on from there.

Nothing is assumed about the forward but that it calls the layers of its blocks. It runs as it is written: before the
cut, each frozen layer is replaced by one that gives back a tensor of the right shape at once, and the last of them
gives back the stored features.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery import Block

KEY = "stored features"  # of a batch that is a dictionary
MASK = "attention_mask"  # the input that tells a text's tokens from padding
Input = Tensor | Mapping[str, Tensor]


class _Reached(Exception):
    """The forward has come to the cut."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


@dataclass(frozen=True)
class _Form:
    """What a tensor looks like, without its values."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    follows: tuple[int, ...] = ()  # the dimensions that are as long as the texts of the batch

    @classmethod
    def of(cls, tensor: Tensor) -> "_Form":
        return cls(tuple(tensor.shape), tensor.dtype, tensor.device)

    def made(self, size: int, batch: int, length: int) -> Tensor:
        """Make a tensor without values for a batch of another size, or of longer texts, than that looked at."""
        shape = list(self.shape)
        if shape and shape[0] % batch == 0:
            shape[0] = shape[0] // batch * size
        for dimension in self.follows:
            shape[dimension] = length
        return torch.empty(shape, dtype=self.dtype, device=self.device)

    def compared(self, shorter: "_Form") -> "_Form":
        """Tell which dimensions follow the length of texts, by the form of the same tensor for shorter ones."""
        pairs = enumerate(zip(self.shape, shorter.shape, strict=False))
        return replace(self, follows=tuple(n for n, (long, short) in pairs if n and long == short + 1))


class CutForward:
    """A network whose first blocks are frozen, cut where the first block that trains begins.

    Parameters
    ----------
    model : nn.Module
        The network. It isn't changed, but its layers are replaced while `rest` runs.
    frozen, training : sequence of Block
        Its blocks before and behind the cut.
    example : Tensor or mapping
        The input of one batch. Floating-point inputs serve only the frozen layers and aren't needed behind the cut;
        whole numbers and booleans (words, attention masks) are handed to the rest of the network again.

    Attributes
    ----------
    shape : tuple of int
        Of one example's features.
    of_texts : bool
        Whether the features have a row for each token of a text, and a mask tells tokens from padding: then batches
        differ in length.
    """

    def __init__(self, model: nn.Module, frozen: Sequence[Block], training: Sequence[Block], example: Input) -> None:
        self.model, self.forward = model, model.forward
        self.layers = [layer for block in frozen for layer in block.layers.values()]
        self.batch = size_of(example)
        self.input = _formed(example)
        later = [layer for block in training for layer in block.layers.values()]
        self.calls = self._watch(later, example)  # frozen layers before the cut, and the form of what they gave
        if (shorter := _shorter(example)) is not None:
            again = self._watch(later, shorter)
            if [layer for layer, _ in again] == [layer for layer, _ in self.calls]:
                self.calls = [
                    (layer, _compared(form, other)) for (layer, form), (_, other) in zip(self.calls, again, strict=True)
                ]
        found = tensors_in(self.calls[-1][1]) if self.calls else []
        if len(found) != 1 or found[0].shape[:1] != (self.batch,):
            raise CourseError(
                f"The blocks of this {type(model).__name__} don't pass on one tensor with a row for each example, so "
                "there is nothing to store: cache behind another block.",
                code="training.uncacheable-forward",
            )
        told_apart = isinstance(example, Mapping) and MASK in self.kept(example)
        self.shape, self.of_texts = found[0].shape[1:], found[0].follows == (1,) and told_apart

    @torch.no_grad()
    def _watch(self, later: list[nn.Module], example: Input) -> list[tuple[nn.Module, Any]]:
        """List the calls of frozen layers up to the first call of a later one."""
        calls: list[tuple[nn.Module, Any]] = []

        def note(layer: nn.Module, _: tuple, output: Any) -> None:
            calls.append((layer, _formed(output)))

        def stop(*_: Any) -> None:
            raise _Reached(None)

        with ExitStack() as hooks:
            for layer in self.layers:
                hooks.callback(layer.register_forward_hook(note).remove)
            for layer in later:
                hooks.callback(layer.register_forward_pre_hook(stop).remove)
            with suppress(_Reached):
                self.forward(example)
        return calls

    @torch.no_grad()
    def features(self, given: Input, earlier: "CutForward | None" = None) -> Tensor:
        """Compute what the frozen blocks put out for a batch; the rest of the network doesn't run.

        earlier: the same network, cut before this cut, whose stored features are given in place of the input
        """
        left, forward = len(self.calls), self.forward if earlier is None else earlier.rest

        def count(_: nn.Module, __: tuple, output: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise _Reached(output)

        with ExitStack() as hooks:
            for layer in self.layers:
                hooks.callback(layer.register_forward_hook(count).remove)
            try:
                forward(given)
            except _Reached as reached:
                return tensors_in(reached.output)[0].as_subclass(Tensor)
        raise CourseError(
            f"The forward of this {type(self.model).__name__} calls other layers for some batches, so it can't be cut.",
            code="training.uncacheable-forward",
        )

    def kept(self, given: Input) -> dict[str, Tensor]:
        """Give the inputs that are needed behind the cut: those of whole numbers or booleans."""
        parts = given if isinstance(given, Mapping) else {"": given}
        return {name: part.as_subclass(Tensor) for name, part in parts.items() if not part.is_floating_point()}

    def stored(self, features: Tensor, kept: dict[str, Tensor]) -> Input:
        """Make a batch's input from stored features, which `rest` takes.

        A plain tensor where its shape tells it from the network's own input, as callbacks expect one; otherwise a
        dictionary.
        """
        return {**kept, KEY: features} if kept or not self._told_by_shape else features

    def is_stored(self, given: Any) -> bool:
        """Whether a batch's input holds stored features."""
        if isinstance(given, Mapping):
            return KEY in given
        return self._told_by_shape and isinstance(given, Tensor) and given.shape[1:] == self.shape

    @property
    def _told_by_shape(self) -> bool:
        return isinstance(self.input, _Form) and self.input.shape[1:] != self.shape

    def rest(self, stored: Input, fill: float | None = None) -> Any:
        """Compute what the network puts out from stored features.

        fill: a value for the inputs that shouldn't matter; without it they hold whatever was in memory
        """
        if isinstance(stored, Mapping):
            features, kept = stored[KEY], {name: part for name, part in stored.items() if name != KEY}
        else:
            features, kept = stored, {}
        size, length = len(features), features.shape[1] if self.of_texts else 0
        features = features.clone()  # layers that work in place, a DenseNet's ReLU for one, would change what is kept

        def made(form: _Form) -> Tensor:
            empty = form.made(size, self.batch, length)
            return empty if fill is None or not form.dtype.is_floating_point else empty.fill_(fill)

        if isinstance(self.input, Mapping):
            given: Input = {name: kept[name] if name in kept else made(form) for name, form in self.input.items()}
        else:
            given = kept[""] if "" in kept else made(self.input)
        outputs = [_filled(form, made) for _, form in self.calls[:-1]]
        outputs.append(_filled(self.calls[-1][1], lambda _: features))
        with self._answered(iter(outputs)):
            return self.forward(given)

    @contextmanager
    def _answered(self, outputs: Iterator[Any]) -> Iterator[None]:
        """Within it, the calls of frozen layers are answered one after the other, and computed when none is left."""

        def answer(real: Callable) -> Callable:
            def forward(*inputs: Any, **named: Any) -> Any:
                try:
                    return next(outputs)
                except StopIteration:
                    return real(*inputs, **named)

            return forward

        before = [(layer, vars(layer).get("forward")) for layer in self.layers]
        for layer in self.layers:
            layer.forward = answer(layer.forward)
        try:
            yield
        finally:
            for layer, own in before:
                del layer.forward
                if own is not None:
                    layer.forward = own


def size_of(given: Input) -> int:
    """How many examples a batch has."""
    return len(tensors_in(given)[0])


def same_input(one: Input, other: Input) -> bool:
    """Whether two batches hold equal inputs."""
    return all(torch.equal(a, b) for a, b in zip(tensors_in(one), tensors_in(other), strict=True))


def first_of(given: Input, count: int) -> Input:
    """Take the first examples of a batch."""
    if isinstance(given, Mapping):
        return {name: part[:count] for name, part in given.items()}
    return given[:count]


def length_of(given: Input) -> int:
    """How many tokens the texts of a batch have, padding included; 0 for anything but texts."""
    parts = tensors_in(given)
    lengths = {part.shape[1] for part in parts if part.ndim == 2 and not part.is_floating_point()}
    return lengths.pop() if isinstance(given, Mapping) and len(lengths) == 1 else 0


def _shorter(given: Input) -> Input | None:
    """Take the last token from each text; None where that can't be done."""
    length = length_of(given)
    if length < 2 or not isinstance(given, Mapping) or any(part.shape[1:] != (length,) for part in given.values()):
        return None
    return {name: part[:, :-1] for name, part in given.items()}


def _compared(value: Any, shorter: Any) -> Any:
    """Build the same structure with forms that know which dimensions follow the length of texts."""
    others = iter(tensors_in(shorter))
    return _mapped(value, _Form, lambda form: form.compared(next(others, form)))


def _formed(value: Any) -> Any:
    """Build the same structure with forms in place of tensors."""
    return _mapped(value, Tensor, _Form.of)


def _filled(form: Any, make: Callable[[_Form], Tensor]) -> Any:
    """Build the same structure with tensors in place of forms."""
    return _mapped(form, _Form, make)


def _mapped(value: Any, kind: type, function: Callable) -> Any:
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, tuple | list):
        return type(value)([_mapped(part, kind, function) for part in value])
    if isinstance(value, dict):  # or one of its kind, such as the outputs of Hugging Face's networks
        return type(value)({name: _mapped(part, kind, function) for name, part in value.items()})
    return value


def tensors_in(value: Any) -> list:
    """List the tensors, or the forms of tensors, in a structure."""
    if isinstance(value, Tensor | _Form):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in tensors_in(part)]
    return []
