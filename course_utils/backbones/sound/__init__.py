"""Backbones of sounds: one module each, which registers its own."""

from course_utils.backbones.sound import spectrogram_resnet, speech_resnet, voice_encoder

__all__ = ["spectrogram_resnet", "speech_resnet", "voice_encoder"]
