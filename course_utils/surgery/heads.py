"""Give a network another head."""

from typing import Any

import torch
from fastai.learner import Learner
from fastai.vision.learner import create_head
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network, blocks, model_of
from course_utils.surgery.forward import dummy_forward, first_tensor
from course_utils.surgery.layout import HEADS
from course_utils.surgery.multi_depth import MultiDepthHead


def replace_head(network: Network, head: nn.Module | str = "linear", n_out: int | None = None) -> None:
    """Put another head in place of the old one; the body stays as it is, frozen or not.

    Parameters
    ----------
    network : nn.Module or Learner
        Changed in place; a learner gets a fresh optimiser.
    head : nn.Module or str
        "linear" (one linear layer, after average pooling where the head gets feature maps), "fastai" (its two-layer
        head), a `MultiDepthHead` (one linear layer on several blocks), or a module of your own, which gets what the old
        head got: feature maps in fastai's learners, mostly a flat vector in networks of torchvision, timm and Hugging
        Face.
    n_out : int, optional
        Classes, for the first three; a learner knows its own.

    Raises
    ------
    CourseError
        When a module doesn't fit the body (`surgery.head-does-not-fit`; the old head is then still in place), for an
        unknown name (`surgery.unknown-head`), without a number of classes (`surgery.no-n-out`), where there is no head
        (`surgery.no-head`), and for blocks that a `MultiDepthHead` can't read (see `PooledOutputs`).

    Notes
    -----
    In a network that isn't an `nn.Sequential`, what is replaced is the layer that its library calls the classifier. The
    pooling before it stays, and so do a ConvNeXt's last norm and a BERT's pooler.
    """
    model = model_of(network)
    if n_out is None and isinstance(network, Learner):
        n_out = network.dls.c
    path = head_path(model)
    given = _what_the_head_gets(model, path)
    if isinstance(head, str | MultiDepthHead) and not n_out:
        kind = repr(head) if isinstance(head, str) else "multi-depth"
        raise CourseError(f"A {kind} head needs the number of classes: give n_out.", code="surgery.no-n-out")
    if isinstance(head, MultiDepthHead):
        assert n_out
        head.connect(model, n_out)
    else:
        head = _fitting_head(head, given, n_out)
    for old in model.get_submodule(path).modules():
        if isinstance(old, MultiDepthHead) and old is not head:
            old.disconnect()
    _put(model, path, head, n_out)
    if isinstance(network, Learner):
        network.create_opt()  # the old one holds the old head's weights


def _fitting_head(head: nn.Module | str, given: Tensor, n_out: int | None) -> nn.Module:
    """Build the head that was named, or take the module, and see that it takes what the body gives."""
    if isinstance(head, str):
        assert n_out
        head = _built_head(head, given, n_out)
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


def _built_head(kind: str, given: Tensor, n_out: int) -> nn.Module:
    maps = given.ndim == 4
    features = given.shape[1] if maps else given.shape[-1]
    if kind == "linear":
        linear = nn.Linear(features, n_out)
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear) if maps else linear
    if kind == "fastai":
        return create_head(features, n_out, pool=maps)
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
    told: list[Any] = list(model.modules()) if n_out else []
    for module in told:  # timm's and Hugging Face's networks know how many classes
        if isinstance(getattr(module, "num_classes", None), int):
            module.num_classes = n_out
        if hasattr(module, "num_labels") and hasattr(module, "config"):
            module.config.num_labels = module.num_labels = n_out


@torch.no_grad()
def _what_the_head_gets(model: nn.Module, path: str) -> Tensor:
    """The body's output for two made-up inputs."""
    seen: list[Any] = []
    hook = model.get_submodule(path).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        dummy_forward(model)
    finally:
        hook.remove()
    if not seen:
        raise CourseError(
            f"This {type(model).__name__} doesn't use its {path}, so a head there would do nothing.",
            code="surgery.no-head",
        )
    return first_tensor(seen[0])
