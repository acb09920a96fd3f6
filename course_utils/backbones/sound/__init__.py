"""Backbones of sounds: one module each, which registers its own."""

from course_utils.backbones.sound import speech_resnet, voice_encoder

__all__ = ["speech_resnet", "voice_encoder"]
