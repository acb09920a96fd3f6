"""How a network is read as a row of blocks: where its head begins, and which layers stand together before it.

The reading goes by structure and by the names that torchvision, timm and Hugging Face give to their parts, so none of
these libraries is imported for it, and nothing is computed: networks on torch's `meta` device can be read as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from course_utils.errors import CourseError

BATCHNORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
POOLING = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
HEADS = ("fc", "classifier", "head", "heads", "head_dist", "score", "last_linear")  # what libraries call the last part
# Layers between body and head: they get one vector for each input, or make it.
BEFORE_HEAD = ("avgpool", "global_pool", "attn_pool", "pooler", "pre_classifier", "pre_logits", "fc_norm", "head_drop")
ROWS = ("stages", "blocks", "layers", "features")  # what libraries call a row of stages
AUXILIARY = ("AuxLogits", "aux1", "aux2", "aux_classifier")  # torchvision's classifiers in mid-network, for training
ATTENTION = ("attn", "attention", "self_attention", "self_attn")  # the child that makes a layer a transformer's

Layers = dict[str, nn.Module]  # by their dotted names in the network, in order


@dataclass(frozen=True)
class Layout:
    """A network's layers by block.

    Attributes
    ----------
    body : list of (str, Layers)
        The blocks before the head: name and layers.
    head : Layers
        The layers of the head; empty for an encoder that has none.
    """

    body: list[tuple[str, Layers]]
    head: Layers


def read(model: nn.Module) -> Layout:
    """Read a network's blocks; CourseError `surgery.no-head-found` where its head can't be told apart.

    A network may name its blocks itself: an attribute `block_layers` maps each block's name to the names of its layers,
    from input to output, and the last block is the head.
    """
    return _read(model, model)


def _read(model: nn.Module, whole: nn.Module) -> Layout:
    """Read a network, or what is in the box of a whole one."""
    if named := getattr(model, "block_layers", None):
        groups = [(block, {name: model.get_submodule(name) for name in layers}) for block, layers in named.items()]
        return Layout(groups[:-1], groups[-1][1])
    children = dict(model.named_children())
    if len(children) == 1 and not _has_parameters_of_its_own(model):  # a box around the network
        ((name, only),) = children.items()
        inner = _read(only, whole) if any(True for _ in only.children()) else _unread(model, whole)
        return Layout([(block, _below(name, layers)) for block, layers in inner.body], _below(name, inner.head))
    body, head = _split(model, whole)
    if not any(_trains(layer) for layer in body.values()):
        _unread(model, whole)
    entries, row, late = _expanded(body)
    return Layout(_grouped(entries, row), late | head)


def _unread(model: nn.Module, whole: nn.Module) -> Layout:
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise CourseError(
            f"A {type(model).__name__} has an encoder and a decoder, which are no single row of blocks: give its "
            "encoder, model.get_encoder().",
            code="surgery.encoder-decoder",
        )
    raise CourseError(
        f"Body and head of a {type(whole).__name__} can't be told apart: give a vision learner, "
        "nn.Sequential(body, head), or a network whose last layer is its head. The strategies Full and FineTune train "
        "any network.",
        code="surgery.no-head-found",
    )


def _split(model: nn.Module, whole: nn.Module) -> tuple[Layers, Layers]:
    """Body and head as layers by name; the head is empty for an encoder of Hugging Face's without one."""
    children = dict(model.named_children())
    names = list(children)
    config = getattr(model, "config", None)
    if config is not None and getattr(config, "is_encoder_decoder", False):
        _unread(model, whole)
    base = getattr(model, "base_model_prefix", None)  # Hugging Face's name for all but the head
    if base in children:
        return {base: children[base]}, {name: layer for name, layer in children.items() if name != base}
    if isinstance(model, nn.Sequential) and len(names) == 2 and any(True for _ in children[names[0]].children()):
        start = 1
    else:
        last = max((i for i, name in enumerate(names) if _trains(children[name]) or name in HEADS), default=-1)
        if last >= 0 and (names[last] in HEADS or _classifies(children[names[last]])):
            start = _start_of_head(names, children, last)
        elif base is not None:
            start = len(names)
        else:
            _unread(model, whole)
    while start and names[start - 1] in (*BEFORE_HEAD, *HEADS):  # a distilled network has two
        start -= 1
    head = [name for name in names[:start] if name in AUXILIARY] + names[start:]
    return {name: children[name] for name in names if name not in head}, {name: children[name] for name in head}


def _start_of_head(names: list[str], children: Layers, last: int) -> int:
    """The index of the head's first layer: what pools, flattens and drops out just before it works for it."""
    flat = max((i for i in range(last) if isinstance(children[names[i]], nn.Flatten)), default=0)
    if any(_trains(children[name]) for name in names[:flat]):
        last = flat  # a classifier of several linear layers
    while last and not _trains(before := children[names[last - 1]]) and not _ends_a_stage(before):
        last -= 1
    return last


def _ends_a_stage(layer: nn.Module) -> bool:
    """Whether a layer without weights belongs to what comes before it: an activation, or pooling between stages."""
    return isinstance(layer, POOLING) or type(layer).__module__ == "torch.nn.modules.activation"


def _classifies(layer: nn.Module) -> bool:
    """Whether a layer without a telling name may be a head: it ends in a linear layer and sees no images or words."""
    if isinstance(layer, nn.Linear):
        return True
    inner = [module for module in layer.modules() if not any(True for _ in module.children()) and _trains(module)]
    body_layers = (*CONVOLUTIONS, nn.Embedding, nn.MultiheadAttention)
    ends = isinstance(layer, nn.Sequential) and bool(inner) and isinstance(inner[-1], nn.Linear)
    return ends and not any(isinstance(module, body_layers) for module in layer.modules())


def _expanded(body: Layers) -> tuple[Layers, set[str], Layers]:
    """The body's layers with its row of stages opened, the names of that row, and what belongs to the head after all.

    VGG's `features`, ConvNeXt's `stages`, a vision transformer's `blocks` and BERT's `encoder.layer` are such rows, and
    so is the only layer of a body, as in fastai's learners. A ResNet's four stages stand side by side: none is opened.
    """
    entries, row = dict(body), set(body)
    late: Layers = {}
    while True:
        inside = {
            name: layer for name, layer in entries.items() if name in row
        }  # what stands apart is no row of stages
        lists = [name for name, layer in inside.items() if type(layer) is nn.ModuleList and len(layer)]
        rows = [name for name, layer in inside.items() if _is_row(layer) and not _stands_in_a_row(name)]
        if len(rows) > 1:  # a stem that is made of layers, too
            rows = [name for name in rows if name.rpartition(".")[2] in ROWS] or rows
        alone = len(entries) == 1 and _opens(next(iter(entries.values())))
        if not (lists or len(rows) == 1 or alone):
            return entries, row, late
        chosen = set(lists) or set(rows if rows else entries)
        opened: Layers = {}
        row = set()
        for name, layer in entries.items():
            inner = {name: layer}
            if name in chosen:
                inner, head = _without_head(layer)
                inner, late = _below(name, inner), late | _below(name, head)
                row |= set(inner)
            opened |= inner
        entries = opened


def _without_head(layer: nn.Module) -> tuple[Layers, Layers]:
    """A nested network's layers, and those of its own head: an encoder's pooler, for one."""
    children = dict(layer.named_children())
    if isinstance(layer, CONTAINERS):
        return children, {}
    head = {name: part for name, part in children.items() if name in (*HEADS, *BEFORE_HEAD)}
    head = head if len(head) < len(children) else {}
    body = {name: part for name, part in children.items() if name not in head}
    return body, {name: part for name, part in head.items() if _trains(part)}


def _is_row(layer: nn.Module) -> bool:
    """Whether a layer holds a row of layers that are made of layers, itself or in its only row."""
    if isinstance(layer, CONTAINERS):
        return _height(layer) >= 2
    return sum(_is_row(child) or type(child) is nn.ModuleList for child in layer.children()) == 1


def _stands_in_a_row(name: str) -> bool:
    """Whether a layer is numbered, as in nn.Sequential: among others it is a stage then, and no row to be opened."""
    return name.rpartition(".")[2].isdigit()


def _opens(layer: nn.Module) -> bool:
    """Whether the only layer of a body may be looked into; torch's own layers, such as attention, are whole."""
    own = type(layer).__module__.startswith("torch.nn.modules") and not isinstance(layer, CONTAINERS)
    return any(True for _ in layer.children()) and (_is_row(layer) or not own)


def _grouped(entries: Layers, row: set[str]) -> list[tuple[str, Layers]]:
    """Blocks of neighbouring layers, with their names.

    A stage is a layer of the row with weights that is made of layers (of layers of layers, where there are such). What
    stands before the first one is the stem; between two, weights go to the later stage and the rest to the earlier one.
    In a plain row of single layers, a stage ends at a pooling layer.
    """
    heights = {name: _height(layer) for name, layer in entries.items() if name in row and _trains(layer)}
    tallest = max(heights.values(), default=0)
    if tallest == 0:
        return [(f"stage {i}", group) for i, group in enumerate(_split_at_pooling(entries), 1)]
    stages = [name for name, height in heights.items() if height >= min(2, tallest)]
    groups: list[Layers] = []
    waiting: Layers = {}
    for name, layer in entries.items():
        if name in stages:
            if not groups and any(_trains(early) for early in waiting.values()):
                groups, waiting = [waiting], {}
            groups.append(waiting | {name: layer})
            waiting = {}
        elif groups and not _trains(layer) and not waiting:
            groups[-1][name] = layer
        else:
            waiting[name] = layer
    groups[-1].update(waiting)
    stem = len(groups) > len(stages)
    transformer = any(name in ATTENTION for name, _ in entries[stages[0]].named_children())
    words = stem and any(isinstance(module, nn.Embedding) for module in _modules(groups[0].values()))
    first = ["embeddings" if words else "stem"] * stem
    names = first + [f"{'layer' if transformer else 'stage'} {i}" for i in range(1, len(stages) + 1)]
    return list(zip(names, groups, strict=True))


def _split_at_pooling(entries: Layers) -> list[Layers]:
    groups: list[Layers] = [{}]
    for name, layer in entries.items():
        groups[-1][name] = layer
        if any(isinstance(inner, POOLING) for inner in layer.modules()):  # in a box with an activation, too
            groups.append({})
    joined: list[Layers] = []
    for group in groups:
        if joined and not any(map(_trains, group.values())):
            joined[-1].update(group)
        elif group:
            joined.append(group)
    return joined


def _height(layer: nn.Module) -> int:
    """How many levels of layers a layer is made of.

    Normalisation counts as one thing, whatever timm puts into it, and so does a layer that carries LoRA or an adapter.
    """
    if isinstance(layer, (*BATCHNORM, *CONVOLUTIONS, nn.Linear)):
        return 0
    return max((1 + _height(child) for child in layer.children()), default=0)


def _trains(layer: nn.Module) -> bool:
    """Whether a layer has weights at all."""
    return any(True for _ in layer.parameters())


def _has_parameters_of_its_own(model: nn.Module) -> bool:
    return any(True for _ in model.parameters(recurse=False))


def _below(name: str, layers: Layers) -> Layers:
    return {f"{name}.{inner}": layer for inner, layer in layers.items()}


def _modules(layers: Iterable[nn.Module]) -> Iterable[nn.Module]:
    return (module for layer in layers for module in layer.modules())
