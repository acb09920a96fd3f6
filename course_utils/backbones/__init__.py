"""Pre-trained networks: the bundled ones, which need no download, those of packages, and the machine's choice."""

from course_utils.backbones.detection.grid_detector import Found, GridDetector, decode, detection_loss
from course_utils.backbones.detection.library import library_detector
from course_utils.backbones.detection.street_detector import street_detector
from course_utils.backbones.images.efficientnet_lite0 import efficientnet_lite0
from course_utils.backbones.images.resnet18_half import resnet18_half
from course_utils.backbones.images.vgg16_quarter import vgg16_quarter
from course_utils.backbones.ports.as_keras import as_keras
from course_utils.backbones.ports.as_transformers import as_transformers
from course_utils.backbones.registry import (
    BACKBONES,
    Backbone,
    BoxBackbone,
    ImageBackbone,
    SoundBackbone,
    TextBackbone,
    default,
    default_backbone,
    find_backbone,
    register,
)
from course_utils.backbones.sound.embedding import embed_sounds
from course_utils.backbones.sound.spectrogram_resnet import as_images, spectrogram_resnet
from course_utils.backbones.sound.speech_resnet import speech_resnet, spoken_words
from course_utils.backbones.sound.voice_encoder import voice_encoder
from course_utils.backbones.text.awd_lstm import awd_lstm
from course_utils.backbones.text.bert import check_tokenizer
from course_utils.backbones.text.bert_base import bert_base
from course_utils.backbones.text.classifier import TextClassifier
from course_utils.backbones.text.embedding import embed
from course_utils.backbones.text.minilm import minilm, minilm_tokenizer
from course_utils.backbones.weights import training_record, verify_weights

__all__ = [
    "BACKBONES",
    "Backbone",
    "BoxBackbone",
    "Found",
    "GridDetector",
    "ImageBackbone",
    "SoundBackbone",
    "TextBackbone",
    "TextClassifier",
    "as_images",
    "as_keras",
    "as_transformers",
    "awd_lstm",
    "bert_base",
    "check_tokenizer",
    "decode",
    "default",
    "default_backbone",
    "detection_loss",
    "efficientnet_lite0",
    "embed",
    "embed_sounds",
    "find_backbone",
    "library_detector",
    "minilm",
    "minilm_tokenizer",
    "register",
    "resnet18_half",
    "spectrogram_resnet",
    "speech_resnet",
    "spoken_words",
    "street_detector",
    "training_record",
    "verify_weights",
    "vgg16_quarter",
    "voice_encoder",
]
