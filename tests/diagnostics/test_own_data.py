"""The checklist on other people's data: what can't be seen is said, the rest is looked at, in little memory."""

import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.metrics import accuracy, accuracy_multi
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    ImageBlock,
    ImageDataLoaders,
    IndexSplitter,
    Resize,
    get_image_files,
    parent_label,
    vision_learner,
)
from support.datasets import class_folders, few_digits, noise_images, store_loaders, write_images
from support.learners import silent, tiny, tiny_is_known

from course_utils import data
from course_utils.data.images.near_duplicates import MOST_ALIKE, near_duplicates
from course_utils.data.images.store import Store
from course_utils.diagnostics import checklist, data_checks, inputs, inspect_training


def learner(dls, **options):
    with tiny_is_known():
        return silent(vision_learner(dls, tiny, **{"metrics": accuracy, "pretrained": False, **options}))


def whats(learn, **options) -> list[str]:
    return [finding.what for finding in inspect_training(learn, **options).findings]


# ---------------------------------------------------------------------------------------------------- checks that fail


@pytest.mark.parametrize("error", [KeyError("c03"), ValueError(), RuntimeError("shapes [4, 3]\nand [4] differ.")])
def test_a_check_that_fails_ends_no_other(error, monkeypatch):
    learn = learner(few_digits())
    before = inspect_training(learn)

    def fails(learn):
        yield data_checks.Finding("what was found before", "it", "none")
        raise error

    monkeypatch.setattr(checklist.training_checks, "check_metrics", fails)
    after = inspect_training(learn)
    [told] = [reason for reason in after.unseen if reason.startswith("metrics: ")]
    assert type(error).__name__ in told and "\n" not in told and told in " ".join(str(after).split())
    assert {*after.sound, "metrics"} == {*before.sound, "metrics"}
    assert "what was found before" in [found.what for found in after.findings]


def test_an_interrupt_ends_the_whole_inspection(monkeypatch):
    def interrupt(learn):
        raise KeyboardInterrupt

    monkeypatch.setattr(checklist.training_checks, "check_metrics", interrupt)
    with pytest.raises(KeyboardInterrupt):
        inspect_training(learner(few_digits()))


def test_a_label_that_only_validation_has_is_found(tmp_path):
    class_folders(tmp_path, each=5)
    write_images(tmp_path, ["rare/0.png"])
    files = get_image_files(tmp_path)
    rare = [number for number, file in enumerate(sorted(files)) if parent_label(file) == "rare"]
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=lambda folder: sorted(get_image_files(folder)),
        get_y=parent_label,
        splitter=IndexSplitter([*rare, 0, 1]),
        item_tfms=Resize(16),
    )
    inspection = inspect_training(learner(block.dataloaders(tmp_path, bs=4, num_workers=0)))
    [found] = [finding for finding in inspection.findings if "label" in finding.what]
    assert found.what == "valid has a label that training doesn't have" and "rare" in found.evidence
    assert "duplicates" in inspection.sound


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_labels_that_are_missing_end_no_inspection(tmp_path, missing):
    files = [f"{number}.png" for number in range(12)]
    write_images(tmp_path, files)
    table = pd.DataFrame({"file": files, "label": [missing if n in (3, 10) else "ab"[n % 2] for n in range(12)]})
    table["is_valid"] = [n > 7 for n in range(12)]
    dls = ImageDataLoaders.from_df(table, tmp_path, valid_col="is_valid", item_tfms=Resize(16), bs=4, num_workers=0)
    inspection = inspect_training(learner(dls))
    assert "duplicates" in inspection.sound and len(inspection.unseen) >= 2


# ----------------------------------------------------------------------------------------------------- tables of images


@pytest.fixture
def table(tmp_path):
    """Twelve images of noise, each in one row, three of one owner each, the last four for validation."""
    files = [f"{number}.png" for number in range(12)]
    write_images(tmp_path, files)
    owners = {"owner": [f"o{n // 3}" for n in range(12)], "group": [n % 5 for n in range(12)]}
    return pd.DataFrame({"file": files, "label": list("ab") * 6, "is_valid": [n > 7 for n in range(12)], **owners})


def of_table(table, folder, **options):
    how = {"valid_col": "is_valid", "item_tfms": Resize(16), "bs": 4, "num_workers": 0}
    return ImageDataLoaders.from_df(table, folder, **how | options)


def test_the_rows_of_a_table_are_its_items_not_the_columns(table, tmp_path):
    learn = learner(of_table(table, tmp_path))
    assert "train and valid share items" not in whats(learn)
    twice = pd.concat([table, table.head(2).assign(is_valid=True)], ignore_index=True)
    [found] = [f for f in inspect_training(learner(of_table(twice, tmp_path))).findings if "duplicates" in f.what]
    assert found.evidence.startswith("2 pairs")


def test_groups_of_a_table_are_a_column_or_a_function_of_the_row(table, tmp_path):
    learn = learner(of_table(table, tmp_path))
    for group in ("owner", lambda row: row.owner):
        [shared] = [f for f in inspect_training(learn, group=group).findings if "patients" in f.what]
        assert shared.evidence == "1 of the 2 in valid are in train too"
    [shared] = [f for f in inspect_training(learn).findings if "patients" in f.what]  # the column "group"
    assert shared.evidence == "4 of the 4 in valid are in train too"
    table["owner"] = [f"o{n}" if n % 2 else None for n in range(12)]
    assert "patients" in inspect_training(learner(of_table(table, tmp_path)), group="owner").sound


# --------------------------------------------------------------------------------------- duplicates, in how much memory


def test_digits_of_one_kind_are_no_duplicates():
    dls = data.digits(n_per_class=40, seed=0, size=32, augment=False, split=(0.1, 0.2))
    assert "duplicates" in inspect_training(learner(dls)).sound


def frames(count: int, scenes: int = 4, side: int = 32) -> torch.Tensor:
    """Frames of some scenes in turn, each with a little noise of its own."""
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(0, 250, (scenes, 3, side, side), generator=generator)
    noise = torch.randint(0, 6, (count, 3, side, side), generator=generator)
    return (base[torch.arange(count) % scenes] + noise).to(torch.uint8)


def test_an_image_that_many_resemble_has_some_pairs_and_not_all():
    pairs = near_duplicates(frames(400))
    assert set(pairs.flatten().tolist()) == set(range(400)) and (pairs[:, 0] < pairs[:, 1]).all()
    assert (pairs[:, 0] % 4 == pairs[:, 1] % 4).all()
    assert 400 * MOST_ALIKE / 2 <= len(pairs) <= 400 * MOST_ALIKE < 4 * 100 * 99 / 2


def test_pairs_are_looked_for_across_sets_alone():
    images, sets = frames(24), torch.arange(24) // 12
    across = near_duplicates(images, sets)
    everywhere = near_duplicates(images)
    assert across.tolist() == [pair for pair in everywhere.tolist() if sets[pair[0]] != sets[pair[1]]]
    assert len(across) == 4 * 3 * 3


def test_a_video_says_how_many_of_its_frames_stand_on_both_sides():
    dls = store_loaders(Store(frames(240, side=16), torch.arange(240) // 4 % 2, ["a", "b"]), (120, 60, 60))
    [found] = [f for f in inspect_training(learner(dls)).findings if "duplicates" in f.what]
    assert (
        found.evidence.startswith("at least ")
        and "(120 images of train, 60 images of valid, 60 images" in found.evidence
    )


def test_photographs_are_opened_one_at_a_time(tmp_path, monkeypatch):
    write_images(tmp_path, [f"{name}/{number}.png" for name in "ab" for number in range(20)], side=80)
    dls = ImageDataLoaders.from_folder(tmp_path, valid_pct=0.5, seed=0, bs=4, item_tfms=Resize(16), num_workers=0)
    into = torch.empty(20, 3, inputs.THUMBNAIL, inputs.THUMBNAIL, dtype=torch.uint8)
    seen, most = [], []
    real = inputs.Image.Image.resize

    def counting(image, *given, **how):
        seen.append(weakref.ref(image))
        most.append(sum(each() is not None for each in seen))
        return real(image, *given, **how)

    monkeypatch.setattr(inputs.Image.Image, "resize", counting)
    inputs.fill_thumbnails(into, dls.train)
    assert len(most) == 20 and max(most) <= 2, "the last one may still be there when the next is opened"


def test_large_images_in_memory_are_shrunk_some_at_a_time(monkeypatch):
    shapes = []
    real = inputs.F.interpolate
    monkeypatch.setattr(
        inputs.F, "interpolate", lambda x, *given, **how: shapes.append(len(x)) or real(x, *given, **how)
    )
    store = Store(noise_images(150, 96), torch.arange(150) % 2, ["a", "b"])
    dls = store_loaders(store, (150, 0, 0))
    into = torch.empty(150, 3, 64, 64, dtype=torch.uint8)
    inputs.fill_thumbnails(into, dls.train)
    assert shapes == [64, 64, 22]
    whole = real(store.images.float(), (64, 64), mode="bilinear", antialias=True).round().to(torch.uint8)
    assert torch.equal(into, whole)


# -------------------------------------------------------------------------------------- several labels, numbers, masks


def test_running_statistics_are_compared_label_by_label_where_an_image_has_several():
    labels = torch.from_numpy(np.random.default_rng(0).random((60, 3)) < 0.5)
    dls = store_loaders(Store(noise_images(60, 16), labels, ["x", "y", "z"]), (40, 10, 10))
    learn = learner(dls, metrics=accuracy_multi)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1, 1e-3)
    norm = next(layer for layer in learn.model.modules() if isinstance(layer, torch.nn.BatchNorm1d))
    norm.running_mean.add_(50)
    [lagging] = [found for found in inspect_training(learn).findings if "lag" in found.what]
    assert "of the answers on the validation images" in lagging.evidence
