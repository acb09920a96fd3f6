"""A network as ONNX: one file with weights and architecture, which a small runtime computes without PyTorch."""

import json
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner
from torch import nn

from course_utils.data.images.opening import Source
from course_utils.errors import CourseError
from course_utils.shipping.saving import Config, SavedNetwork, checked_temperature, config_from, config_of

ONNX, CONFIG_KEY, INPUT, OUTPUT = "network.onnx", "course_config", "images", "scores"
BATCH = 64  # images that the runtime gets at a time
AT_ONCE = 4  # images, while ranges are read: all activations of a piece are in memory together
CLOSE = 1e-3  # of the largest score: by how much the runtime's scores may differ from PyTorch's


def export_onnx(network: Learner | SavedNetwork, file: Path | str, temperature: float | None = None) -> Path:
    """Write a network as ONNX, compare the runtime's scores with PyTorch's, and return the file.

    The file takes batches of any size. It holds the config too, so that it is all an app needs.

    Parameters
    ----------
    network : Learner or SavedNetwork
        A learner of images, or what `load_network` gave.
    file : Path or str
        Where to write, such as "network.onnx".
    temperature : float, optional
        What scores are to be divided by; the saved network's own, or 1, if left out.

    Raises
    ------
    CourseError
        `shipping.extra-missing` without onnx, onnxscript or onnxruntime; `shipping.scores-differ` where the runtime's
        scores aren't PyTorch's; `shipping.bad-temperature`; what `config_of` raises.
    """
    onnx = _library("onnx", "onnxscript")
    if isinstance(network, SavedNetwork):
        model, config = network.network, network.config
    else:
        model, config = network.model, config_of(network)
    if temperature is not None:
        config = replace(config, temperature=checked_temperature(temperature))
    model, target = _plain(model), Path(file)
    example = torch.randn(4, 3, config.size, config.size, generator=torch.Generator().manual_seed(0))
    batch = torch.export.Dim("batch", min=1)
    with tempfile.TemporaryDirectory() as folder:  # the exporter may put weights beside its file
        draft = Path(folder) / ONNX
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        assert program is not None  # the older exporter gives none
        program.save(str(draft))
        graph = onnx.load(draft)
    onnx.helper.set_model_props(graph, {CONFIG_KEY: json.dumps(asdict(config))})
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, target)
    with torch.no_grad():
        expected = model(example).numpy()
    gap = float(np.abs(OnnxNetwork(target).scores(example.numpy()) - expected).max())
    if not gap <= CLOSE * max(1.0, float(np.abs(expected).max())):
        raise CourseError(
            f"The scores of {target.name} differ from PyTorch's by up to {gap:.2g}: don't ship it, and look for a "
            "layer that isn't exported as it is.",
            code="shipping.scores-differ",
        )
    return target


def quantise_onnx(file: Path | str, images: Iterable[np.ndarray], target: Path | str) -> Path:
    """Write an ONNX network with weights and activations of 8 bits, and return the file.

    Parameters
    ----------
    file : Path or str
        What `export_onnx` has written.
    images : iterable of (batch, 3, size, size) float32 arrays
        Prepared as for the network: from them the range of each layer's activations is read. Training images, since
        test images may choose nothing.
    target : Path or str
        Where to write.

    Raises
    ------
    CourseError
        `shipping.extra-missing`; `shipping.no-images` without any image.

    Notes
    -----
    onnxruntime's static quantisation in its QDQ form. Activations are unsigned: with signed ones, the course's
    ResNet-18 took 2.8 times as long on an x86 processor. Weights are signed, with a scale for each channel, and use 7
    of their 8 bits: with all 8, sums may overflow on x86 processors without instructions for 8 bits, and the same file
    then scores otherwise (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
    """
    _library("onnx", "onnxruntime")
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    batches = [np.asarray(batch, np.float32) for batch in images]
    pieces = [batch[start : start + AT_ONCE] for batch in batches for start in range(0, len(batch), AT_ONCE)]
    if not batches or not sum(map(len, batches)):
        raise CourseError(
            "Quantising needs images to read the range of activations from: give some batches of training images.",
            code="shipping.no-images",
        )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(pieces)

        def get_next(self) -> Mapping[str, np.ndarray] | None:
            batch = next(self.left, None)
            return None if batch is None else {INPUT: batch}

    with tempfile.TemporaryDirectory() as folder:
        prepared = os.path.join(folder, ONNX)
        quant_pre_process(str(file), prepared, skip_symbolic_shape=True)
        logging.disable(logging.WARNING)  # of weights of one dimension, which have no channels
        try:
            quantize_static(
                prepared,
                str(target),
                Reader(),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                reduce_range=True,
                per_channel=True,
            )
        finally:
            logging.disable(logging.NOTSET)
    return Path(target)


@dataclass(frozen=True)
class OnnxNetwork:
    """A network in an ONNX file, computed by onnxruntime on the CPU.

    Parameters
    ----------
    file : Path or str
        What `export_onnx` or `quantise_onnx` has written.
    threads : int
        That the runtime may use; 0 for all.

    Raises
    ------
    CourseError
        `shipping.extra-missing` without onnxruntime; `shipping.no-network` for a file that isn't there;
        `shipping.bad-network` for one that isn't ONNX, or that the course didn't write.
    """

    file: Path | str
    threads: int = 0

    def __post_init__(self) -> None:
        """Open the file."""
        runtime = _library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        if not Path(self.file).is_file():
            raise CourseError(
                f"There is no file {self.file}: export a network to it first.", code="shipping.no-network"
            )
        try:
            session = runtime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])
            given = json.loads(session.get_modelmeta().custom_metadata_map[CONFIG_KEY])
            config = config_from(given)
        except Exception as problem:  # the runtime has exceptions of its own for each fault
            raise CourseError(
                f"{Path(self.file).name} can't be used: give a file that export_onnx wrote.",
                code="shipping.bad-network",
            ) from problem
        vars(self).update(session=session, config=config)

    config: Config = None  # type: ignore[assignment]
    session: Any = None

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Give the scores (batch, classes) of prepared images (batch, 3, size, size)."""
        parts = [
            images[start : start + BATCH] for start in range(0, len(images), BATCH)
        ]  # all at once take much memory
        return np.concatenate([self.session.run([OUTPUT], {INPUT: np.asarray(each, np.float32)})[0] for each in parts])

    def predict(self, image: Source) -> dict[str, float]:
        """Give the probability of each class for a file, its bytes, an array or a PIL image."""
        return self.config.answer(torch.from_numpy(self.scores(self.config.prepare(image).numpy())[0]))


def _plain(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode on the CPU, without what fastai's learner hooked on."""
    import copy

    return copy.deepcopy(model).cpu().float().eval()


def _library(name: str, *others: str) -> Any:
    from importlib import import_module

    try:
        for other in others:
            import_module(other)
        return import_module(name)
    except ImportError as problem:
        raise CourseError(
            f"ONNX needs {' and '.join((name, *others))}: install the course with pip install "
            '"fine-tuning-course[shipping]".',
            code="shipping.extra-missing",
        ) from problem
