"""Give a network another head."""

from typing import Any

import torch
from fastai.data.transforms import get_c
from fastai.layers import SigmoidRange
from fastai.learner import Learner
from fastai.vision.learner import create_head
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network, blocks, model_of
from course_utils.surgery.forward import channels_last, dummy_forward, first_tensor
from course_utils.surgery.layout import AUXILIARY, HEADS
from course_utils.surgery.multi_depth import MultiDepthHead

TOKENS, PIXELS = "a value for each token", "a value for each pixel"  # what a network may give, other than one vector


class AveragePositions(nn.Module):
    """Average over all positions of what has its channels last: a transformer's tokens, or a Swin's feature maps."""

    def forward(self, outputs: Tensor) -> Tensor:
        """Give (batch, channels) for (batch, ..., channels)."""
        return outputs.flatten(1, -2).mean(1)


def replace_head(network: Network, head: nn.Module | str = "linear", n_out: int | None = None) -> None:
    """Put another head in place of the old one; the body stays as it is, frozen or not.

    Parameters
    ----------
    network : nn.Module or Learner
        Changed in place; a learner gets a fresh optimiser, and keeps its loss and its metrics.
    head : nn.Module or str
        "linear" (one linear layer, after average pooling where the head gets feature maps or tokens), "fastai" (its
        two-layer head), a `MultiDepthHead` (one linear layer on several blocks), or a module of your own, which gets
        what the old head got: feature maps in fastai's learners, mostly a flat vector in networks of torchvision, timm
        and Hugging Face.
    n_out : int, optional
        Classes, for the first three; a learner knows its own.

    Raises
    ------
    CourseError
        When a module doesn't fit the body (`surgery.head-does-not-fit`; the old head is then still in place), for an
        unknown name (`surgery.unknown-head`), without a number of classes (`surgery.no-n-out`), where there is no head
        (`surgery.no-head`), where there are several and another than "linear" is asked for (`surgery.several-heads`),
        for a network that gives a value for each pixel, where only a module of your own can go
        (`surgery.head-for-pixels`), and for blocks that a `MultiDepthHead` can't read (see `PooledOutputs`).

    Notes
    -----
    In a network that isn't an `nn.Sequential`, what is replaced is the layer that its library calls the classifier. The
    pooling before it stays, and so do a ConvNeXt's last norm and a BERT's pooler. The range of values that a fastai
    head was given (`y_range`) holds for the first three heads, too. Auxiliary classifiers, which GoogLeNet and
    Inception have for training from scratch, go with the old head.
    """
    model = model_of(network)
    if n_out is None and isinstance(network, Learner):
        n_out = _outputs_of(network)
    if made := several_classifiers(model):
        if head != "linear" or not n_out:
            raise CourseError(
                f"This {type(model).__name__} averages several classifiers, which only head='linear' with n_out can "
                "replace, all at once.",
                code="surgery.several-heads",
            )
        made.reset_classifier(n_out)  # timm's own
        if isinstance(network, Learner):
            network.create_opt()
        return
    path = head_path(model)
    given, put_out = _at_the_head(model, path)
    if isinstance(head, str | MultiDepthHead):
        if not n_out:
            kind = repr(head) if isinstance(head, str) else "multi-depth"
            raise CourseError(f"A {kind} head needs the number of classes: give n_out.", code="surgery.no-n-out")
        if put_out == PIXELS:
            raise CourseError(
                f"This {type(model).__name__} gives values for each pixel, and the heads that have names give them for "
                "whole images: give a head module of your own, such as a 1x1 convolution.",
                code="surgery.head-for-pixels",
            )
    ranges = [layer for layer in blocks(model)[-1].modules() if isinstance(layer, SigmoidRange)]
    new: nn.Module
    if isinstance(head, MultiDepthHead):
        assert n_out
        head.connect(model, n_out)
        new = head
    elif isinstance(head, str):
        assert n_out
        pooled = None if put_out == TOKENS else _pooling(model, given)
        new = _checked(_built_head(head, pooled, given, n_out), given)
    else:
        new = _checked(head, given)
    for old in blocks(model)[-1].modules():
        if isinstance(old, MultiDepthHead) and old is not head:
            old.disconnect()
    if ranges and not isinstance(head, nn.Module):
        new = nn.Sequential(*([*new] if type(new) is nn.Sequential else [new]), ranges[-1])
    elif ranges and isinstance(head, MultiDepthHead):
        new = nn.Sequential(head, ranges[-1])
    _put(model, path, new, n_out)
    if isinstance(network, Learner):
        network.create_opt()  # the old one holds the old head's weights


def several_classifiers(model: nn.Module) -> Any:
    """The network of timm's, here or in a box, whose output is an average of several classifiers; else None."""
    for above in model.modules():
        settings = getattr(above, "pretrained_cfg", None)
        said = settings.get("classifier") if settings is not None else None
        if isinstance(said, tuple | list) and hasattr(above, "reset_classifier") and above.num_classes:
            return above
    return None


def _outputs_of(learn: Learner) -> int | None:
    """How many values a learner's network is to give: one for each class, or what it was made for."""
    classes = get_c(learn.dls)
    made_for = getattr(learn, "n_out", None)
    return made_for or classes if not getattr(learn.dls, "vocab", None) else classes or made_for


def _checked(head: nn.Module, given: Tensor) -> nn.Module:
    """Give the head back on the body's device if it takes what the body gives."""
    head = head.to(given.device)
    training = head.training
    try:
        with torch.no_grad():
            head.eval()(given)
    except (RuntimeError, ValueError) as problem:
        width = given.shape[1] if given.ndim != 3 else given.shape[2]
        raise CourseError(
            f"The head doesn't fit: the body gives it {tuple(given.shape[1:])} for each input, and the head fails on "
            f"that ({str(problem).splitlines()[0]}); build its first layer for {width} features.",
            code="surgery.head-does-not-fit",
        ) from problem
    return head.train(training)


def head_path(model: nn.Module) -> str:
    """The dotted name of what a new head replaces; in a row of layers, where it begins."""
    last = blocks(model)[-1]
    if last.name != "head":
        raise CourseError(
            f"This {type(model).__name__} has no head to replace: put it and a head into a module of your own.",
            code="surgery.no-head",
        )
    row = list(last.layers)[-1].rpartition(".")[0]
    names = [name for name in last.layers if name.rpartition(".")[0] == row]  # others come from a nested network
    if isinstance(model.get_submodule(row), nn.Sequential):
        return names[0]
    for above in model.modules():  # timm says it
        settings = getattr(above, "pretrained_cfg", None)
        said = settings.get("classifier") if settings is not None else None
        if isinstance(said, str):
            prefix = next(name for name, module in model.named_modules() if module is above)
            path = f"{prefix}.{said}" if prefix else said
            if any(path == name or path.startswith(f"{name}.") for name in names):
                return path
    telling = [name for name in names if name.rpartition(".")[2] in HEADS]
    path = (telling or [name for name in names if any(True for _ in last.layers[name].parameters())])[-1]
    chosen = last.layers[path]
    inner = [name for name, module in chosen.named_modules() if name and isinstance(module, nn.Linear)]
    starts_with_norm = isinstance(chosen, nn.Sequential) and len(chosen) and "Norm" in type(chosen[0]).__name__
    if inner and (starts_with_norm or type(chosen).__module__.startswith("transformers.")):
        return f"{path}.{inner[-1]}"
    return path


def _pooling(model: nn.Module, given: Tensor) -> list[nn.Module]:
    """What makes one vector of what the body gives for an input."""
    if given.ndim == 2:
        return []
    if channels_last(model.modules(), given):
        return [AveragePositions()]
    return [nn.AdaptiveAvgPool1d(1) if given.ndim == 3 else nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def _built_head(kind: str, pooling: list[nn.Module] | None, given: Tensor, n_out: int) -> nn.Module:
    """Build a head by its name; pooling: the layers that it begins with, None for one that works token by token."""
    maps = pooling is not None and len(pooling) > 1
    features = given.shape[1] if maps else given.shape[-1]
    if kind == "linear":
        linear = nn.Linear(features, n_out)
        return nn.Sequential(*pooling, linear) if pooling else linear
    if kind == "fastai":
        if maps and given.ndim == 4:
            return create_head(features, n_out)  # with its own pooling
        return nn.Sequential(*(pooling or []), *create_head(features, n_out, pool=False))
    raise CourseError(
        f"There is no head {kind!r}: give 'linear', 'fastai' or a module of your own.", code="surgery.unknown-head"
    )


def _put(model: nn.Module, path: str, head: nn.Module, n_out: int | None) -> None:
    parent_name, _, name = path.rpartition(".")
    parent = model.get_submodule(parent_name)
    if isinstance(parent, nn.Sequential) and path in blocks(model)[-1].layers:
        start = list(dict(parent.named_children())).index(name)
        del parent[start + 1 :]
    setattr(parent, name, head)
    for extra in AUXILIARY:
        if getattr(parent, extra, None) is not None:
            setattr(parent, extra, None)
            setattr(parent, "aux_logits", False)  # noqa: B010 - torchvision's word for whether there are any
    told: list[Any] = list(model.modules()) if n_out else []
    for module in told:  # timm's and Hugging Face's networks know how many classes
        if isinstance(getattr(module, "num_classes", None), int):
            module.num_classes = n_out
        if hasattr(module, "num_labels") and hasattr(module, "config"):
            module.config.num_labels = module.num_labels = n_out


@torch.no_grad()
def _at_the_head(model: nn.Module, path: str) -> tuple[Tensor, str]:
    """What the body gives the head for two made-up inputs, and of what kind the network's output is.

    The old head itself may fail, as fastai's does on a Swin's feature maps.
    """
    seen: list[Any] = []

    def note(_: nn.Module, inputs: tuple, named: dict[str, Any]) -> None:
        seen.append(inputs[0] if inputs else next(iter(named.values())))

    hook = model.get_submodule(path).register_forward_pre_hook(note, with_kwargs=True)
    put_out = None
    try:
        put_out = first_tensor(dummy_forward(model))
    except CourseError:
        if not seen:
            raise
    finally:
        hook.remove()
    if not seen:
        raise CourseError(
            f"This {type(model).__name__} doesn't use its {path}, so a head there would do nothing.",
            code="surgery.no-head",
        )
    return first_tensor(seen[-1]), {3: TOKENS, 4: PIXELS}.get(put_out.ndim if put_out is not None else 2, "")
