"""What the ports read from a network of torchvision's kind, and the networks that they refuse."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torchvision.models.resnet import BasicBlock

from course_utils.errors import CourseError


@dataclass(frozen=True)
class BasicResNet:
    """The parts of a ResNet made of basic blocks, in the order in which an image passes them."""

    stem: tuple[nn.Conv2d, nn.BatchNorm2d]
    stages: tuple[tuple[BasicBlock, ...], ...]
    head: nn.Linear

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(stage[0].conv1.out_channels for stage in self.stages)


def is_resnet(network: nn.Module) -> bool:
    """Whether a network is made of torchvision's basic blocks, in its four stages."""
    children = dict(network.named_children())
    stages = [children.get(f"layer{number}", nn.Identity()) for number in range(1, 5)]
    blocks = [block for stage in stages for block in stage.children()]
    return {"conv1", "bn1", "fc"} <= children.keys() and all(
        len(list(stage.children())) and all(isinstance(block, BasicBlock) for block in blocks) for stage in stages
    )


def basic_resnet(network: nn.Module) -> BasicResNet:
    """Find the parts of a ResNet, or refuse with `backbones.port-unknown`."""
    if not is_resnet(network):
        raise unknown(network, "resnet18_half, or torchvision's resnet18 or resnet34")
    children = dict(network.named_children())
    stages = tuple(tuple(children[f"layer{number}"].children()) for number in range(1, 5))
    return BasicResNet((children["conv1"], children["bn1"]), stages, linear(network, children["fc"]))  # type: ignore[arg-type]


def linear(network: nn.Module, head: nn.Module) -> nn.Linear:
    """Give the head where it is one linear layer, or refuse."""
    if not isinstance(head, nn.Linear):
        raise unknown(network, "a network whose head is one linear layer")
    return head


def unknown(network: nn.Module, wanted: str) -> CourseError:
    """Build the refusal of a network that can't be carried over."""
    return CourseError(
        f"This {type(network).__name__} can't be carried over, since its layers must be matched one by one with "
        f"the other framework's: give {wanted}.",
        code="backbones.port-unknown",
    )


def check_classes(classes: Sequence[str] | None, scores: int) -> None:
    """Refuse names that don't fit the scores, with `backbones.port-classes`."""
    if classes is not None and not (len(classes) == len(set(classes)) == scores):
        raise CourseError(
            f"The network scores {scores} classes, and you name {len(set(classes))} different ones: give one name per "
            "class, in the order of the scores.",
            code="backbones.port-classes",
        )
