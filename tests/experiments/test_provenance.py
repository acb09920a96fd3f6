"""Fingerprints of code and data: they change with what a run depends on, and with nothing else."""

import subprocess
import sys
from functools import partial
from types import FunctionType

import pytest
import torch
from support.datasets import coloured_images, few_digits, store_loaders

from course_utils import training
from course_utils.data.images.store import Store
from course_utils.experiments import fingerprints
from course_utils.experiments.fingerprints import digest_of_code
from course_utils.experiments.provenance import digest_of_data

HELPER = """
SCALE = 2
WORDS = {"a", "b", "c"}

def helper(x):
    return x * SCALE

class Base:
    rate = 0.1
    def run(self, x):
        return helper(x) in {"some", "words", "in", "a", "set"}

def outer():
    def inner(x):
        return Base().run(x)
    return inner
"""


def digest(source: str, name: str = "outer") -> str:
    """The fingerprint of a function or class of a notebook's, which has no source that could be read."""
    module: dict = {"__name__": "__main__of_a_notebook"}
    exec(source, module)
    return digest_of_code([module[name]() if name == "outer" else module[name]])


@pytest.mark.parametrize(
    ("old", "new"), [("SCALE = 2", "SCALE = 3"), ("x * SCALE", "x + SCALE"), ("0.1", "0.2"), ('"some"', '"other"')]
)
def test_code_changes_with_all_that_it_uses_of_its_own_module(old, new):
    assert digest(HELPER) == digest(HELPER) != digest(HELPER.replace(old, new))
    assert digest(HELPER, "Base") != digest(HELPER.replace(old, new), "Base")


def test_code_does_not_change_with_comments_and_layout():
    assert digest(HELPER) == digest("# a comment\n\n" + HELPER.replace("return x *", "return  x *"))


def test_what_a_function_holds_counts():
    def made(number):
        return lambda x: x + number

    assert digest_of_code([made(1)]) == digest_of_code([made(1)]) != digest_of_code([made(2)])
    assert digest_of_code([partial(max, 1)]) != digest_of_code([partial(max, 2)])
    assert digest_of_code([training.Full]) != digest_of_code([training.HeadOnly])


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        f"module = {{'__name__': '__main__of_a_notebook'}}; exec({HELPER!r}, module)\n"
        "from course_utils.experiments.fingerprints import digest_of_code\n"
        "print(digest_of_code([module['outer']()]), digest_of_code([module['Base']]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [digest(HELPER), digest(HELPER, "Base")], done.stderr[-800:]


def test_functions_of_libraries_are_told_by_their_names():
    assert digest_of_code([torch.nn.Linear]) == digest_of_code([torch.nn.Linear]) != digest_of_code([torch.nn.ReLU])
    assert isinstance(training.HeadOnly.phases, FunctionType) and fingerprints._is_installed("course_utils.training")


def test_data_change_with_images_labels_and_splits():
    store = coloured_images(40)
    same = digest_of_data(store_loaders(store, (20, 10, 10)))
    assert digest_of_data(store_loaders(coloured_images(40), (20, 10, 10))) == same
    assert digest_of_data(store_loaders(store, (20, 9, 11))) != same
    images, labels = store.images.clone(), store.labels.clone()
    images[39] += 1
    labels[7] = (labels[7] + 1) % 3
    for other in (Store(images, store.labels, store.vocab), Store(store.images, labels, store.vocab)):
        assert digest_of_data(store_loaders(other, (20, 10, 10))) != same


def test_looking_at_data_draws_no_random_numbers():
    dls = few_digits()
    torch.manual_seed(3)
    expected, state = torch.rand(2), dls.train.rng.getstate()
    torch.manual_seed(3)
    digest_of_data(dls)
    assert torch.equal(torch.rand(2), expected) and dls.train.rng.getstate() == state
