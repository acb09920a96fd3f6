"""Networks of every family that surgery reads, small and with random weights."""

from collections.abc import Callable

import timm
import torch
import torchvision.models as tv
import transformers as hf
from fastai.vision.all import create_timm_model, create_vision_model
from torch import Tensor, nn

from course_utils.backbones import resnet18_half

SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
TEXT = {"vocab_size": 99, "hidden_size": 16, "max_position_embeddings": 32} | SIZES
DISTIL = {"vocab_size": 99, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 32}
STAGES = ["stem", *(f"stage {i}" for i in range(1, 5)), "head"]
LAYERS = ["embeddings", "layer 1", "layer 2", "head"]


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """A convolution that halves the image, with its norm and activation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU())


class Scaled(nn.Module):
    """A network with a weight of its own, which no layer holds."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1))
        self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.pool(self.conv(images) * self.token).flatten(1))


class Sentences(nn.Module):
    """An encoder and a head on its averaged hidden states, as sentence embeddings have."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = hf.BertModel(hf.BertConfig(**TEXT))
        self.head = nn.Linear(16, 3)

    def forward(self, **tokens: Tensor) -> Tensor:
        return self.head(self.encoder(**tokens).last_hidden_state.mean(1))


# Each with the blocks that it must have.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "resnet18_half": (resnet18_half, STAGES),
    "torchvision resnet": (tv.resnet18, STAGES),
    "torchvision vit": (lambda: tv.VisionTransformer(32, 8, 2, 2, 16, 32), ["stem", *LAYERS[1:]]),
    "torchvision convnext": (tv.convnext_tiny, STAGES),
    "torchvision mobilenet": (tv.mobilenet_v3_small, ["stem", *(f"stage {i}" for i in range(1, 12)), "head"]),
    "torchvision densenet": (tv.densenet121, STAGES),
    "torchvision maxvit": (
        lambda: tv.MaxVit((64, 64), 8, 4, [8, 8], [1, 1], 4, 0.0),
        ["stem", "stage 1", "stage 2", "head"],
    ),
    "timm efficientvit": (
        lambda: timm.create_model("efficientvit_b0", widths=(8, 8, 8, 16, 16), depths=(1, 1, 1, 1, 1)),
        STAGES,
    ),
    "timm resnet": (lambda: timm.create_model("resnet18"), STAGES),
    "timm vit": (
        lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2),
        ["stem", *LAYERS[1:]],
    ),
    "timm convnext": (lambda: timm.create_model("convnext_atto"), STAGES),
    "timm efficientnet": (
        lambda: timm.create_model("efficientnet_lite0"),
        ["stem", *(f"stage {i}" for i in range(1, 8)), "head"],
    ),
    "timm naflexvit": (
        lambda: timm.create_model("naflexvit_base_patch16_gap", embed_dim=32, num_heads=2, depth=2),
        ["stem", *LAYERS[1:]],
    ),
    "row of stages": (
        lambda: nn.Sequential(
            convolution(3, 8),
            convolution(8, 16),
            convolution(16, 32),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, 5),
        ),
        ["stage 1", "stage 2", "stage 3", "head"],
    ),
    "row of layers": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 5),
        ),
        ["stage 1", "head"],
    ),
    "own weight": (Scaled, ["stage 1", "head"]),
    "fastai resnet": (lambda: create_vision_model(tv.resnet18, 5, pretrained=False), STAGES),
    "fastai convnext": (lambda: create_vision_model(tv.convnext_tiny, 5, pretrained=False), STAGES),
    "fastai timm convnext": (lambda: create_timm_model("convnext_atto", 5, pretrained=False)[0], STAGES),
    "bert": (lambda: hf.BertForSequenceClassification(hf.BertConfig(**TEXT)), LAYERS),
    "distilbert": (lambda: hf.DistilBertForSequenceClassification(hf.DistilBertConfig(**DISTIL)), LAYERS),
    "roberta": (lambda: hf.RobertaForSequenceClassification(hf.RobertaConfig(**TEXT)), LAYERS),
    "tied bert": (lambda: hf.BertForMaskedLM(hf.BertConfig(**TEXT)), LAYERS),
    "sentences": (Sentences, LAYERS),
    "hugging face vit": (
        lambda: hf.ViTForImageClassification(hf.ViTConfig(hidden_size=16, image_size=32, patch_size=8, **SIZES)),
        ["stem", *LAYERS[1:]],
    ),
}
