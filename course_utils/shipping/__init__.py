"""Shipping a trained network: saved without pickles, as ONNX, calibrated, with a card, a manifest and an app."""

from course_utils.shipping.app import make_app
from course_utils.shipping.calibration import calibration_error, fit_temperature
from course_utils.shipping.card import model_card
from course_utils.shipping.conformal import conformal_sets
from course_utils.shipping.manifest import check_manifest, make_manifest
from course_utils.shipping.onnx_file import OnnxNetwork, export_onnx, quantise_onnx
from course_utils.shipping.saving import load_network, save_network

__all__ = [
    "OnnxNetwork",
    "calibration_error",
    "check_manifest",
    "conformal_sets",
    "export_onnx",
    "fit_temperature",
    "load_network",
    "make_app",
    "make_manifest",
    "model_card",
    "quantise_onnx",
    "save_network",
]
