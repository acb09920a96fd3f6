"""scans of one's own: what `data.scans` asks of `data.images`, with a csv of each image's patient."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.errors import refused

from course_utils.data import scans


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Drawings and an empty data folder."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))


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
    assert dls.about == "images of your own, padded to squares: 8 train, 8 valid, 8 test."
    rows = dls.factors
    assert len(rows) == 24 and rows.groupby("patient").split.nunique().max() == 1
    assert rows.lesion_size.isna().all() and (rows.duplicate_of == -1).all() and set(rows["slice"]) == {0, 1}
    row = dls.test.items[0]
    assert rows.split[row] == "test" and rows.file[row].startswith(rows.label[row] + "/")
    image = dls.train.dataset.tls[0].tfms.fs[0].store.images[row, 0].cpu().numpy()
    assert image.shape == (64, 64) and (image[:, :10] == 0).all() and image[:, 12:52].std() > 20, "beside it, black"


def test_a_patient_in_two_ready_made_sets_is_refused(own):
    tested = ("00b", "10a", "10b", "11a", "11b")
    for kind in ("tumour", "normal"):
        for which in ("train", "test"):
            (own / which / kind).mkdir(parents=True)
        for file in sorted((own / kind).glob("*.png")):
            file.rename(own / ("test" if file.stem in tested else "train") / kind / file.name)
    moved = sorted(own.rglob("*.png"))
    write(own, [f"{file.relative_to(own).as_posix()},patient {int(file.stem[:2])}" for file in moved])
    with refused("data.group-in-two-sets", "1 group of 12 is in two ready-made sets", "patient 0 in test and train"):
        scans(folder=own, seed=0)


def test_own_images_by_slice_need_no_csv(own):
    (own / "patients.csv").unlink()
    assert scans(folder=own, split_by="slice", seed=0).factors.patient.nunique() == 24
    with refused("data.bad-table", "split_by='slice'"):
        scans(folder=own)


def test_own_images_are_found_by_themselves_where_photographs_are_chosen(own, monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    own.rename(tmp_path / "data" / "scans")
    assert "lesion" in scans(n_patients=40, slices=4, prevalence=0.25, seed=0).vocab
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
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


def test_images_and_patients_that_do_not_match(own):
    lines = lines_of(own)
    write(own, lines[2:])
    with refused("data.missing-groups", "2 images of 24", "tumour/00a.png"):
        scans(folder=own)
    write(own, [*lines, "tumour/99a.png,patient 99", "tumour/99b.png,patient 99"])
    with refused("data.missing-files", "2 files of 26", "tumour/99a.png"):
        scans(folder=own)
    write(own, [*lines, "tumour/00a.png,patient 5"])
    with refused("data.contradicting-rows", "tumour/00a.png", "(patient 0, patient 5)"):
        scans(folder=own)


def test_an_own_class_from_one_patient_cannot_be_in_every_part(own):
    write(
        own,
        [
            line.split(",")[0] + (",one" if line.startswith("tumour") else f",{n}")
            for n, line in enumerate(lines_of(own))
        ],
    )
    with refused("data.missing-class", "'tumour'", "at least three groups"):
        scans(folder=own)
