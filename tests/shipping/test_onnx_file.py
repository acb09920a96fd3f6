"""ONNX: the same scores for batches of any size, 8 bits in a third of the bytes, and refusals."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils.shipping import OnnxNetwork, export_onnx, load_network, quantise_onnx, save_network

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime", "onnxscript"))), reason="the extra 'shipping' isn't installed"
)


@pytest.fixture(scope="module")
def file(learn, tmp_path_factory):
    return export_onnx(learn, tmp_path_factory.mktemp("onnx") / "network.onnx", temperature=3.0)


@pytest.fixture(scope="module")
def small(learn, file):
    training = [images.numpy() for images, _ in learn.dls.train]
    return quantise_onnx(file, training, file.with_name("small.onnx"))


@pytest.mark.parametrize("images", [1, 3, 10])
def test_scores_are_pytorchs_for_any_number_of_images(learn, batch, file, images):
    with torch.no_grad():
        expected = learn.model.eval()(batch[:images])
    np.testing.assert_allclose(OnnxNetwork(file).scores(batch[:images].numpy()), expected, atol=1e-4)


def test_it_is_one_file_that_says_how_images_are_prepared(file, learn):
    assert [path.name for path in file.parent.iterdir() if path.name.startswith("network")] == ["network.onnx"]
    config = OnnxNetwork(file).config
    assert config.classes == tuple(learn.dls.vocab) and config.size == 32 and config.temperature == 3.0


def test_a_saved_network_gives_the_same_answers_as_its_onnx(learn, tmp_path):
    saved = load_network(save_network(learn, tmp_path, temperature=2.0))
    exported = OnnxNetwork(export_onnx(saved, tmp_path / "network.onnx"))
    photo = np.random.default_rng(0).integers(0, 255, (50, 40, 3), dtype=np.uint8)
    assert exported.config == saved.config
    assert list(exported.predict(photo).values()) == pytest.approx(list(saved.predict(photo).values()), abs=1e-5)


def test_exporting_leaves_the_learner_as_it_was(learn, tmp_path):
    learn.model.train()
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    export_onnx(learn, tmp_path / "network.onnx")
    assert learn.model.training
    assert all(torch.equal(value, before[name]) for name, value in learn.model.state_dict().items())


def test_eight_bits_take_a_third_of_the_bytes_and_give_nearly_the_same_scores(batch, file, small):
    assert small.stat().st_size < 0.35 * file.stat().st_size
    plain, rounded = (OnnxNetwork(each).scores(batch.numpy()) for each in (file, small))
    assert not np.array_equal(plain, rounded)
    assert np.abs(plain - rounded).mean() < 0.2 * plain.std()
    assert OnnxNetwork(small).config == OnnxNetwork(file).config


def test_activations_are_unsigned_and_weights_use_seven_bits(small):
    """Signed activations are slow on x86, and weights of all 8 bits overflow on processors without VNNI."""
    import onnx
    from onnx.numpy_helper import to_array

    graph = onnx.load(small).graph
    stored = {each.name: to_array(each) for each in graph.initializer}
    assert {stored[node.input[2]].dtype for node in graph.node if node.op_type == "QuantizeLinear"} == {
        np.dtype("uint8")
    }
    weights = [each for name, each in stored.items() if each.dtype == np.int8 and each.ndim == 4]
    assert len(weights) == 20 and max(np.abs(each.astype(int)).max() for each in weights) == 64


def test_quantising_needs_images(file, tmp_path):
    with refused("shipping.no-images", "training images"):
        quantise_onnx(file, [], tmp_path / "small.onnx")


@pytest.mark.parametrize("content", [b"", b"not onnx", b"\x08\x07"])
def test_what_isnt_onnx_of_the_course_is_refused(tmp_path, content):
    (tmp_path / "other.onnx").write_bytes(content)
    with refused("shipping.bad-network", "export_onnx"):
        OnnxNetwork(tmp_path / "other.onnx")
    with refused("shipping.no-network", "missing.onnx"):
        OnnxNetwork(tmp_path / "missing.onnx")
