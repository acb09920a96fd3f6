"""What every registered data set promises: the same options, the same splits, the same refusals."""

import inspect
import subprocess
import sys
from typing import Any

import pytest
import torch
from fastai.data.core import DataLoaders
from support.archives import STAND_INS, mirror_stand_in
from support.datasets import class_folders
from support.errors import refused

from course_utils import data
from course_utils.data.boxes.boxed import BoxedImages, BoxOptions
from course_utils.data.images.options import ImageOptions
from course_utils.data.options import DivisionOptions, SplitOptions
from course_utils.data.registry import DATA_SETS, DataSet
from course_utils.data.sound.sounds import Sounds
from course_utils.data.sources import SOURCES
from course_utils.data.tables.options import RatingOptions, WeekOptions
from course_utils.data.tables.ratings import Ratings
from course_utils.data.tables.transactions import Transactions
from course_utils.data.text.texts import Texts
from course_utils.data.writing.letters import Letters

# The common options of each modality.
OPTIONS = {"images": ImageOptions, "boxes": BoxOptions, "text": SplitOptions, "sound": SplitOptions}
OPTIONS["writing"] = SplitOptions
OF_TABLES = {"transactions": WeekOptions, "ratings": RatingOptions}  # each table counts what it holds
Tables = Transactions | Ratings
Loaded = DataLoaders | Texts | Sounds | BoxedImages | Tables | Letters
NEEDED_SPLITS = ("train", "valid", "test")

# One's own images have no content that a registry could describe; they keep all other promises, here with drawn files.
OWN = DataSet(
    name="images",
    loader="course_utils.data.images.own.loading:images",
    modality="images",
    about="two classes of noise",
    licence="",
    citation="",
    classes=2,
    size=64,
    small={"source": "own", "n_per_class": 3, "split": (2, 3)},
)

registered = pytest.mark.parametrize("entry", DATA_SETS.values(), ids=DATA_SETS)
EVERY = [*DATA_SETS.values(), OWN]
every_data_set = pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.name)
of_images = pytest.mark.parametrize(
    "entry", [entry for entry in EVERY if entry.modality == "images"], ids=lambda entry: entry.name
)


@pytest.fixture
def ready(entry, tmp_path, monkeypatch):
    """Data with which the data set loads; a small archive stands in for one that must be downloaded."""
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    if entry is OWN:
        monkeypatch.chdir(tmp_path)
        class_folders(tmp_path / "own", 9)
    if entry.needs_download:
        (source,) = entry.sources
        mirror_stand_in(source, tmp_path, monkeypatch)


def small(entry: DataSet, **options: Any) -> Loaded:
    return entry.function()(**{**entry.small, "seed": 0, **options})


def items(loaded: Loaded) -> list[list]:
    """What is in each split: the numbers of images, the texts themselves, or names."""
    if isinstance(loaded, BoxedImages | Letters):
        return [loaded.names[split] for split in NEEDED_SPLITS]
    if isinstance(loaded, Sounds | Tables):
        return [getattr(loaded, split).name.tolist() for split in NEEDED_SPLITS]
    if isinstance(loaded, Texts):
        return [loaded.texts(split) for split in NEEDED_SPLITS]
    return [list(loader.items) for loader in loaded.loaders]


def classes(loaded: Loaded) -> list[str]:
    """The classes to train on."""
    if isinstance(loaded, Letters):
        return list(loaded.classes["train"])
    return list(loaded.vocab if isinstance(loaded, DataLoaders) else loaded.classes)


def labels(loaded: Loaded) -> list[int]:
    """The classes of the training set, as numbers."""
    if isinstance(loaded, BoxedImages):
        return torch.cat(loaded.boxes["train"])[:, 4].int().tolist()
    if isinstance(loaded, Texts | Sounds | Transactions):
        return loaded.targets("train").tolist()
    if isinstance(loaded, Ratings):
        return [loaded.classes.index(str(stars)) for stars in loaded.train.rating]
    if isinstance(loaded, Letters):
        return loaded.labels["train"].tolist()
    return [int(label) for _, label in loaded.train_ds]


def counts_of_users(loaded: Loaded) -> int | None:
    """How many ratings each user has in the training set, if all have as many."""
    counts = loaded.train.user.value_counts().unique() if isinstance(loaded, Ratings) else ()
    return int(counts[0]) if len(counts) == 1 else None


def contents(loaded: Loaded) -> set:
    """The training set itself, whatever its numbers are."""
    if isinstance(loaded, Texts | Sounds | BoxedImages | Tables | Letters):
        return set(items(loaded)[0])
    return {loaded.train_ds[i][0].tobytes() for i in range(len(loaded.train_ds))}


def counted(entry: DataSet) -> str:
    """The option that says how many items there are to train on."""
    return {"transactions": "n_weeks", "ratings": "n_ratings", "streets": "n_images", "blood_cells": "n_images"}.get(
        entry.name, "n_per_class"
    )


def options_of(entry: DataSet) -> type:
    """The class of the options that a data set of its kind takes."""
    return OF_TABLES[entry.name] if entry.modality == "tables" else OPTIONS[entry.modality]


def unaugmented(entry: DataSet, **options: Any) -> Loaded:
    return small(entry, **options, **({"augment": False} if entry.modality == "images" else {}))


@registered
def test_the_entry_says_what_the_data_set_is(entry):
    assert entry.name.isidentifier() and entry.modality in (*OPTIONS, "tables")
    assert entry.about and not entry.about.endswith(".") and "\n" not in entry.about
    assert entry.licence and entry.citation and entry.classes >= 2
    assert set(entry.sources) <= set(SOURCES)
    assert not entry.needs_download or set(entry.sources) <= set(STAND_INS)
    assert entry.loader.startswith(f"course_utils.data.{entry.modality}.") and entry.loader.endswith(f":{entry.name}")


@registered
def test_it_is_an_attribute_of_the_package(entry):
    assert getattr(data, entry.name) is entry.function()
    assert entry.name in dir(data) and entry.name in data.__all__


@every_data_set
def test_the_signature_shows_every_option(entry):
    shown = inspect.signature(entry.function()).parameters
    common = inspect.signature(options_of(entry)).parameters
    assert set(common) <= set(shown) and "kwargs" not in shown
    assert ("size" in shown) == (entry.modality == "images")
    assert entry.size is None or shown["size"].default == entry.size
    assert issubclass(options_of(entry), DivisionOptions)
    assert "Parameters\n" in inspect.getdoc(entry.function())


@every_data_set
def test_it_loads_three_splits_that_never_overlap(entry, ready):
    loaded = small(entry)
    splits = [set(each) for each in items(loaded)]
    assert isinstance(loaded, Loaded) and len(splits) == len(NEEDED_SPLITS) and all(splits)
    assert len(set.union(*splits)) == sum(map(len, splits)) == sum(map(len, items(loaded)))
    assert not isinstance(loaded, DataLoaders) or loaded.test is loaded.loaders[2]
    assert loaded.about.endswith(".") and "\n" not in loaded.about
    for name, indices in zip(NEEDED_SPLITS, splits, strict=True):
        assert f"{len(indices):,} {name}" in loaded.about


@every_data_set
def test_every_class_is_in_the_training_set(entry, ready):
    loaded = small(entry)
    if not entry.needs_download and entry.modality != "writing":  # a stand-in has fewer; of letters, a seed chooses
        assert len(classes(loaded)) == entry.classes
    found = labels(loaded)
    assert set(found) == set(range(len(classes(loaded))))
    if entry.modality == "boxes":
        assert len(items(loaded)[0]) == entry.small["n_images"]
    elif entry.modality == "tables":
        assert entry.small[counted(entry)] in (len(set(loaded.train.time.dt.to_period("W"))), counts_of_users(loaded))
    else:
        assert len(found) == entry.small["n_per_class"] * len(classes(loaded))


@every_data_set
def test_the_seed_decides_and_nothing_else(entry, ready):
    one, again, other = small(entry), small(entry), small(entry, seed=1)
    assert items(one) == items(again)
    if entry.modality != "images":
        shared = set(items(one)[2]) & set(items(other)[2])
        assert len(shared) < len(items(one)[2]) / 2, "a few of hundreds"
        return
    batches = [dls.test.one_batch() for dls in (one, again, other)]
    assert torch.equal(batches[0][0], batches[1][0]) and torch.equal(batches[0][1], batches[1][1])
    assert batches[0][0].shape != batches[2][0].shape or not torch.equal(batches[0][0], batches[2][0])


@every_data_set
def test_the_courses_seed_is_the_default(entry, ready, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "7")
    assert items(small(entry, seed=None)) == items(small(entry, seed=7))


@every_data_set
def test_fewer_labels_are_among_more_and_the_other_splits_stay(entry, ready):
    few, more = unaugmented(entry, **{counted(entry): 1}), unaugmented(entry)
    assert contents(few) <= contents(more) and len(items(few)[0]) < len(items(more)[0])
    if entry.modality == "tables":
        assert len(few.train) < len(more.train) and few.train.time.max() == more.train.time.max()
    else:
        assert len(items(few)[0]) == (1 if entry.modality == "boxes" else len(classes(few)))
    assert items(few)[1:] == items(more)[1:]


@of_images
def test_the_options_are_honoured(entry, ready):
    dls = small(entry, size=24, bs=4, augment=False, normalize=False)
    images, labels = dls.train.one_batch()
    assert images.shape == (4, 3, 24, 24) and labels.shape == (4,)
    assert images.min() >= 0 and images.max() <= 1, "neither augmented nor normalised"
    normalised, _ = small(entry, size=24, bs=4, augment=False).train.one_batch()
    assert normalised.min() < 0


def wrong(entry: DataSet) -> list[tuple[dict[str, Any], str]]:
    return [
        ({counted(entry): 0}, "data.bad-number"),
        ({counted(entry): 10**6}, "data.too-few-items"),
        ({"split": (0.2,)}, "data.bad-split"),
        ({counted(entry)[:-1]: 3}, "data.unknown-option"),
    ]


WRONG_OF_IMAGES = [({"size": 0}, "data.bad-number"), ({"bs": 2.5}, "data.bad-number")]


@pytest.mark.parametrize(
    ("entry", "options", "code"),
    [
        pytest.param(entry, *each, id=f"{entry.name}-{each[0]}")
        for entry in EVERY
        for each in wrong(entry) + (WRONG_OF_IMAGES if entry.modality == "images" else [])
    ],
)
def test_wrong_options_are_refused(entry, ready, options, code):
    (name,) = options
    with refused(code):
        small(entry, **options)
    if code == "data.unknown-option":
        with refused(code, f"{entry.name} has no option {name!r}", f"did you mean {counted(entry)!r}?"):
            small(entry, **options)


@pytest.mark.parametrize("entry", [each for each in EVERY if each.needs_download], ids=lambda entry: entry.name)
def test_what_has_no_drawings_says_so(entry, ready, monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    with refused("data.needs-photographs", entry.name, "COURSE_IMAGES=photographs"):
        small(entry)


def test_the_registry_is_light():
    """Listing the data sets imports none of the libraries that load them."""
    code = (
        "import sys; from course_utils import data; list(data.DATA_SETS); "
        "print(sorted({'torch', 'fastai', 'pandas', 'numpy', 'requests'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
