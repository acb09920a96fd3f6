"""scans: patients on one side, the share of lesions that was asked for, knobs that turn what they say, own folders."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.data import load, scans
from course_utils.data.images.drawings import scanner
from course_utils.data.images.drawings.scans import draw_scans
from course_utils.errors import CourseError

SIZES, DIGEST = [0, 32, 0, 64], "9e1dc274651c365a"
FEW = {"n_patients": 40, "slices": 4, "prevalence": 0.25, "seed": 0}
SHARES = {"train": 0.4, "valid": 0.2, "test": 0.4}


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """The mini profile and an empty data folder."""
    monkeypatch.setenv("COURSE_PROFILE", "mini")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))


def grey(dls, part: str | None = None) -> np.ndarray:
    """The store's images, or those of a part: uint8 (n, 64, 64)."""
    store = dls.train.dataset.tls[0].tfms.fs[0].store
    assert (store.images[:, 0] == store.images[:, 1]).all() and (store.images[:, 0] == store.images[:, 2]).all()
    images = store.images[:, 0].cpu().numpy()
    return images if part is None else images[(dls.factors.part == part).to_numpy()]


def parts_of(dls) -> dict[str, list[int]]:
    return {name: list(dls[place].items) for place, name in enumerate(("train", "valid", "test"))}


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How alike images are: (n, m), 1 at the most."""

    def directions(images):
        flat = images.reshape(len(images), -1).astype(float)
        flat = flat - flat.mean(1, keepdims=True)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    return directions(one) @ directions(other).T


def test_it_is_a_data_set_like_the_others():
    dls = load("scans", **FEW)
    assert list(dls.vocab) == ["healthy", "lesion"]
    assert dls.about == "synthetic scans: 64 train, 32 valid, 64 test."
    assert dls.one_batch()[0].shape == (64, 3, 64, 64)
    rows = dls.factors
    assert rows.columns.tolist() == [
        *("part", "label", "patient", "slice", "scanner", "age", "ventricles", "height"),
        *("lesion_size", "lesion_contrast", "lesion_x", "lesion_y", "duplicate_of"),
    ]
    for place, name in enumerate(("train", "valid", "test")):
        part = rows.loc[list(dls[place].items)]
        assert set(part.part) == {name}
        assert part.label.tolist() == [dls.vocab[label] for _, label in dls[place].dataset]


def test_the_same_seed_gives_the_same_bytes():
    """Down to the last bit on every machine: only + - * / and square roots, one at a time, and numpy's raw numbers."""
    lesion, copies = [0, 0.8, 0, 1.0], [False, False, True, False]
    images, masks, _ = draw_scans(3, [0, 0, 1, 2], [0, 1, 2, 5], 6, lesion, copies)
    assert images.dtype == np.uint8 and masks.sum((1, 2)).tolist() == SIZES
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == DIGEST
    alone, _, _ = draw_scans(3, [2], [5], 6, [1.0], [False])
    assert (alone[0] == images[3]).all(), "alone or among others"
    assert not (draw_scans(4, [2], [5], 6, [1.0], [False])[0] == alone).all()


def test_the_same_call_gives_the_same_loaders():
    one, again, other = scans(**FEW), scans(**FEW), scans(**FEW | {"seed": 1})
    assert (grey(one) == grey(again)).all() and one.factors.equals(again.factors)
    assert not (grey(one) == grey(other)).all()


@pytest.mark.parametrize("prevalence", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_patient_is_on_two_sides_and_every_part_has_its_share_of_lesions(prevalence, seed):
    rows = scans(prevalence=prevalence, seed=seed, n_patients=150).factors
    assert rows.groupby("patient").part.nunique().max() == 1
    assert rows.groupby("patient").size().eq(6).all() and rows.patient.nunique() == 150
    for part, share in SHARES.items():
        ill = rows.label[rows.part == part] == "lesion"
        assert len(ill) == 900 * share and abs(ill.sum() - prevalence * 900 * share) <= 1


def test_by_slice_the_same_images_leak():
    apart, leaking = scans(**FEW), scans(**FEW, split_by="slice")
    key = ["patient", "slice", "label"]
    same = [dls.factors[key].sort_values(key).to_numpy().tolist() for dls in (apart, leaking)]
    assert same[0] == same[1], "the same slices, divided otherwise"
    assert leaking.factors.groupby("patient").part.nunique().max() == 3
    counts = leaking.factors.groupby("part").label.value_counts()
    assert counts["train", "lesion"] == 16 and counts["test", "lesion"] == 16 and counts["valid", "lesion"] == 8


def test_slices_of_a_patient_look_alike():
    rows, alike = (dls := scans(**FEW)).factors, correlation(grey(dls), grey(dls))
    patient = rows.patient.to_numpy()
    mine = (patient[:, None] == patient) & ~np.eye(len(rows), dtype=bool)
    assert np.median(alike[mine]) > 0.85 > np.quantile(alike[patient[:, None] != patient], 0.95)


def test_n_per_class_takes_some_of_train_and_leaves_the_rest_alone():
    few, more = scans(5, **FEW), scans(9, **FEW)
    for dls, count in ((few, 5), (more, 9)):
        rows = dls.factors[dls.factors.part == "train"]
        assert rows.label.value_counts().to_dict() == {"healthy": count, "lesion": count}
    assert parts_of(few)["test"] == parts_of(more)["test"] and parts_of(few)["valid"] == parts_of(more)["valid"]
    assert (grey(few, "test") == grey(more, "test")).all()
    names = [set(zip(dls.factors.patient, dls.factors["slice"], strict=True)) for dls in (few, more)]
    assert names[0] < names[1]


def test_shift_changes_test_alone_and_by_degrees():
    near, half, far = (scans(**FEW, shift=shift) for shift in (0.0, 0.5, 1.0))
    for part in ("train", "valid"):
        assert (grey(near, part) == grey(far, part)).all()
    assert set(near.factors.scanner) == {"A", "B", "C"}
    assert set(far.factors.scanner[far.factors.part == "test"]) == {"unseen"}
    assert set(far.factors.scanner[far.factors.part != "test"]) <= {"A", "B", "C"}
    corner = [grey(dls, "test")[:, :6, :6].astype(float).std() for dls in (near, half, far)]
    assert corner[0] < corner[1] < corner[2] and corner[2] > 1.4 * corner[0], "air shows the noise alone"
    assert (near.masks == far.masks).all() and near.factors.label.equals(far.factors.label)


def test_duplicates_are_betrayed_by_their_pixels_alone():
    dls = scans(**FEW | {"n_patients": 60}, duplicates=0.1)
    rows, images = dls.factors, grey(dls)
    copies = rows.index[rows.duplicate_of >= 0].to_numpy()
    assert len(copies) == 24, "a tenth of sixty patients, with four slices each"
    originals = rows.duplicate_of[copies].to_numpy()
    assert (rows.duplicate_of[originals] == -1).all()
    assert (rows.patient[copies].to_numpy() != rows.patient[originals].to_numpy()).all()
    assert (rows.label[copies].to_numpy() == rows.label[originals].to_numpy()).all()
    assert (rows["slice"][copies].to_numpy() == rows["slice"][originals].to_numpy()).all()
    alike = correlation(images, images)
    shown = rows.patient.to_numpy().copy()
    shown[copies] = shown[originals]
    strangers = shown[:, None] != shown
    assert alike[copies, originals].min() > alike[strangers].max()
    assert (images[copies] != images[originals]).any((1, 2)).all(), "a file's digest finds none of them"
    assert (scans(**FEW).factors.duplicate_of == -1).all()


def test_duplicates_of_one_patient_land_in_different_parts():
    rows = scans(**FEW | {"n_patients": 60}, duplicates=0.4, split_by="slice").factors
    copies = rows[rows.duplicate_of >= 0]
    assert (copies.part.to_numpy() != rows.part[copies.duplicate_of].to_numpy()).any()


def test_masks_are_where_the_images_change(monkeypatch):
    """Drawn with and without their lesions, before noise, slices differ only inside the masks grown by three pixels."""
    monkeypatch.setattr(scanner, "expose", lambda signal, noise, raw: signal.clip(0, 255).astype(np.uint8))
    heads, which = np.repeat(np.arange(20), 2), np.tile([1, 4], 20)
    ill, masks, rows = draw_scans(7, heads, which, 6, np.full(40, 0.9), np.zeros(40, bool))
    well, none, _ = draw_scans(7, heads, which, 6, np.zeros(40), np.zeros(40, bool))
    assert masks.any((1, 2)).all() and not none.any()
    difference = np.abs(ill.astype(int) - well)
    grown = torch.nn.functional.max_pool2d(torch.from_numpy(masks)[:, None].float(), 7, 1, 3)[:, 0].bool().numpy()
    assert difference[~grown].max() == 0
    inside = np.array([each[mask].mean() for each, mask in zip(difference, masks, strict=True)])
    assert inside.min() > 5 and np.median(inside) > 25
    assert rows.lesion_size.tolist() == masks.sum((1, 2)).tolist()
    sign = [np.sign((a.astype(int) - b)[mask].mean()) for a, b, mask in zip(ill, well, masks, strict=True)]
    assert np.mean(sign == np.sign(rows.lesion_contrast)) > 0.9, "bright ones are brighter"


def test_lesions_have_masks_and_healthy_slices_have_none():
    dls = scans(**FEW | {"n_patients": 200})
    rows, size = dls.factors, dls.masks.sum((1, 2)).numpy()
    assert dls.masks.shape == (len(rows), 64, 64) and dls.masks.dtype == torch.bool
    assert ((size > 0) == (rows.label == "lesion")).all() and (size == rows.lesion_size).all()
    ill = rows[rows.label == "lesion"]
    assert ill.lesion_size.min() < 30 and ill.lesion_size.max() > 100, "small and large"
    assert (ill.lesion_contrast < 0).any() and (ill.lesion_contrast > 0).mean() > 0.7, "dark and bright"
    assert rows.lesion_x[rows.label == "healthy"].isna().all()
    place = rows.index[rows.label == "lesion"][0]
    y, x = np.nonzero(dls.masks[place].numpy())
    assert rows.lesion_x[place] == pytest.approx(x.mean() + 0.5) and rows.lesion_y[place] == pytest.approx(
        y.mean() + 0.5
    )


def test_lesions_lie_inside_the_brain():
    """The slice of a head with a lesion, without it, is no air and no skull there: mostly tissue."""
    heads = np.arange(60)
    _, masks, _ = draw_scans(1, heads, np.full(60, 2), 6, np.ones(60), np.zeros(60, bool))
    well, _, _ = draw_scans(1, heads, np.full(60, 2), 6, np.zeros(60), np.zeros(60, bool))
    under = np.array([image[mask].mean() for image, mask in zip(well, masks, strict=True)])
    assert np.mean(under > 60) > 0.9


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"prevalence": 1.5}, r"^prevalence is 1\.5: give a number from 0 to 1\.$"),
        ({"prevalence": "rare"}, r"^prevalence is 'rare': give a number"),
        ({"shift": -1}, r"^shift is -1: give a number from 0 to 1\.$"),
        ({"duplicates": 0.7}, r"^duplicates is 0\.7: give a number from 0 to 0\.5\.$"),
        ({"split_by": "hospital"}, r"^split_by is 'hospital': choose 'patient' or 'slice'\.$"),
        ({"n_patients": 2}, r"^n_patients is 2: give a whole number from 3 to 20,000\.$"),
        ({"slices": 2.5}, r"^slices is 2\.5: give a whole number from 1 to 24\.$"),
        ({"split": (0.5, 0.5)}, r"^split is \(0\.5, 0\.5\): give the shares of valid and test"),
        ({"split": (3, 4), "split_by": "slice"}, r"^split is \(3, 4\): give the shares of valid and test"),
        ({"n_per_class": 20}, r"^20 'lesion' images were asked for and train has 16: ask for at most 16\.$"),
        ({"prevalence": 0}, r"^There is no 'lesion' image in train, .*: raise prevalence or n_patients, or change"),
        ({"prevalence": 0.01}, r"^There is no 'lesion' image in \w+, where nothing could be measured: raise"),
        ({"patients": "p.csv"}, r"^patients is given without a folder: name the folder"),
    ],
)
def test_wrong_options(options, sentence):
    with pytest.raises(CourseError, match=sentence):
        scans(**FEW | options)


@pytest.fixture
def own(tmp_path) -> Path:
    """A folder of 12 patients with two images each, half of them ill, and the csv that belongs to it."""
    folder, lines = tmp_path / "own", []
    random = np.random.default_rng(0)
    for number in range(12):
        kind = ("tumour", "normal")[number % 2]
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for part in "ab":
            name = f"{kind}/{number:02d}{part}.png"
            Image.fromarray(random.integers(0, 255, (30, 20), np.uint8)).save(folder / name)
            lines.append(f"{name},patient {number}")
    write(folder, lines)
    (folder / "tumour" / ".DS_Store").write_bytes(b"no image")
    return folder


def write(folder: Path, lines: list[str], head: str = "file,patient", encoding: str = "utf-8") -> None:
    (folder / "patients.csv").write_text("\n".join([head, *lines]) + "\n", encoding=encoding)


def lines_of(folder: Path) -> list[str]:
    return (folder / "patients.csv").read_text().splitlines()[1:]


def test_own_images_by_patient(own):
    dls = scans(folder=own, seed=0, split=(0.3, 0.3))
    assert list(dls.vocab) == ["normal", "tumour"] and dls.masks is None
    assert dls.about.startswith("images of your own: 8 train, 8 valid, 8 test")
    rows = dls.factors
    assert len(rows) == 24 and rows.groupby("patient").part.nunique().max() == 1
    assert rows.lesion_size.isna().all() and (rows.duplicate_of == -1).all() and set(rows["slice"]) == {0, 1}
    place = dls.test.items[0]
    assert rows.part[place] == "test" and rows.file[place].startswith(rows.label[place] + "/")
    image = grey(dls)[place]
    assert image.shape == (64, 64) and (image[:, :10] == 0).all() and image[:, 12:52].std() > 20, "beside it, black"


def test_own_images_by_slice_need_no_csv(own):
    (own / "patients.csv").unlink()
    assert scans(folder=own, split_by="slice", seed=0).factors.patient.nunique() == 24
    with pytest.raises(
        CourseError, match=r"^There is no table of patients .*: write a csv .* with split_by='slice'\.$"
    ):
        scans(folder=own)


def test_own_images_are_found_by_themselves_in_the_full_profile(own, monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    own.rename(tmp_path / "data" / "scans")
    assert "lesion" in scans(**FEW).vocab
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert "tumour" in scans(prevalence=0.3, shift=1.0, seed=0, split=(0.3, 0.3)).vocab


def test_a_csv_as_people_save_it(own, tmp_path):
    """With semicolons and a byte-order mark, bare names, a Windows path, other columns, and elsewhere."""
    lines = [line.split(",") for line in lines_of(own)]
    (own / "patients.csv").unlink()
    table = tmp_path / "whose.csv"
    names = [file.replace("/", "\\") if row % 2 else file.split("/")[1] for row, (file, _) in enumerate(lines)]
    body = [f"{name};{patient};x" for name, (_, patient) in zip(names, lines, strict=True)]
    table.write_text("\n".join(["File; Patient;remark", *body]), encoding="utf-8-sig")
    assert scans(folder=str(own), patients=str(table), seed=0, split=(0.3, 0.3)).factors.patient.nunique() == 12


def test_a_image_without_a_patient(own):
    write(own, lines_of(own)[2:])
    sentence = r"^2 of 24 images have no patient in patients\.csv, for example tumour/00a\.png: add a line for each"
    with pytest.raises(CourseError, match=sentence):
        scans(folder=own)


def test_patients_that_match_no_file(own):
    write(own, [*lines_of(own), "tumour/99a.png,patient 99", "tumour/99b.png,patient 99"])
    sentence = (
        r"^2 of 26 lines in patients\.csv match no image, for example 'tumour/99a\.png' of patient 'patient 99': "
    )
    with pytest.raises(CourseError, match=sentence):
        scans(folder=own)


def test_a_file_of_two_patients_and_a_name_of_two_files(own):
    lines = lines_of(own)
    write(own, [*lines, "tumour/00a.png,patient 5"])
    with pytest.raises(
        CourseError, match=r"gives tumour/00a\.png to two patients, 'patient 0' and 'patient 5': keep one"
    ):
        scans(folder=own)
    (own / "normal" / "00a.png").write_bytes((own / "normal" / "01a.png").read_bytes())
    write(own, [*lines, "00a.png,patient 0"])
    with pytest.raises(
        CourseError, match=r"names '00a\.png', and 2 sub-folders have a file of that name: give it with"
    ):
        scans(folder=own)


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"name,who\na.png,1\n", r"^patients\.csv has no column 'file' but 'name', 'who': name its columns file and"),
        (b"file,age\na.png,1\n", r"^patients\.csv has no column 'patient' but 'file', 'age'"),
        (b"", r"^patients\.csv can't be read as a table \(.+\): save it as csv in UTF-8"),
        (
            b"file,patient\n\xff\xfe\xfa.png,1\n",
            r"^patients\.csv can't be read as a table \(.+\): save it as csv in UTF-8",
        ),
        (b"PK\x03\x04" + bytes(range(256)), r"^patients\.csv (can't be read as a table|has no column)"),
    ],
    ids=["columns", "one column", "empty", "not UTF-8", "a spreadsheet"],
)
def test_a_csv_that_is_none(own, content, sentence):
    (own / "patients.csv").write_bytes(content)
    with pytest.raises(CourseError, match=sentence):
        scans(folder=own)


def test_a_image_that_cannot_be_read_is_named(own):
    (own / "tumour" / "00a.png").write_bytes(b"%PDF-1.4 report")
    with pytest.raises(CourseError, match=r"^tumour/00a\.png: 00a\.png is a PDF document, not an image"):
        scans(folder=own, split=(0.3, 0.3))


def test_folders_without_two_classes(own, tmp_path):
    with pytest.raises(CourseError, match=r"^There is no folder .*nowhere: give one that has a sub-folder of images"):
        scans(folder=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match=r"empty has no sub-folder with images: sort the images into a sub-folder"):
        scans(folder=tmp_path / "empty")
    for file in (own / "normal").iterdir():
        file.unlink()
    with pytest.raises(CourseError, match=r"has only one class, 'tumour': sort the images into a sub-folder for each"):
        scans(folder=own)


def test_an_own_class_from_one_patient_cannot_be_in_every_part(own):
    write(
        own,
        [
            line.split(",")[0] + (",one" if line.startswith("tumour") else f",{n}")
            for n, line in enumerate(lines_of(own))
        ],
    )
    sentence = r"^There is no 'tumour' image in \w+, where .*: add images of it from at least three patients, or change"
    with pytest.raises(CourseError, match=sentence):
        scans(folder=own)


def test_own_images_are_kept_nowhere_else(own, tmp_path):
    """They may be of patients."""
    before = sorted(tmp_path.rglob("*"))
    scans(folder=own, seed=0, split=(0.3, 0.3))
    assert sorted(tmp_path.rglob("*")) == before
