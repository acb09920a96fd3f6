"""Tables of one's own images: columns, files, labels, groups, and rows that don't agree."""

from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
from support.datasets import class_folders, write_images
from support.errors import refused

from course_utils.data.images.own.tables import groups_of_csv, read_csv, read_table


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "photos", 2)


FILES = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"file": FILES, "label": ["a", "a", "b", "b"]} | columns)


def read(folder, given, **options):
    return read_table(given, "labels.csv", folder, **options)


@pytest.mark.parametrize("names", [("file", "label"), ("File Name", "Class"), ("image_path", "CATEGORY"), ("img", "y")])
def test_obvious_columns_are_found(folder, names):
    found = read(folder, table().set_axis(names, axis=1))
    assert found.files == tuple(FILES) and found.vocab == ["a", "b"] and found.groups is None and found.sets is None


def test_other_columns_must_be_named(folder):
    given = table().rename(columns={"label": "kind", "file": "where"})
    with refused("data.unknown-column", "labels.csv", "'where', 'kind'", "file='where'"):
        read(folder, given)
    with refused("data.unknown-column", "label='kind'"):
        read(folder, given, file="where")
    assert read(folder, given, file="where", label="kind").vocab == ["a", "b"]
    with refused("data.unknown-column", "'kint'", "did you mean 'kind'?"):
        read(folder, given, file="where", label="kint")


def test_files_as_people_write_them(folder):
    write_images(folder, ["bird/" + normalize("NFD", "ü") + ".png", "7.png"])
    written = [".\\cat\\0.png", str(folder / "dog" / "0.png"), normalize("NFC", "bird/ü.png"), "7", "./cat/1.png"]
    found = read(folder, pd.DataFrame({"file": written, "label": list("abcab")}))
    assert found.files[:2] == ("cat/0.png", "dog/0.png") and found.files[3:] == ("7.png", "cat/1.png")
    assert normalize("NFC", found.files[2]) == normalize("NFC", "bird/ü.png")


def test_all_missing_files_are_counted_and_the_first_are_named(folder):
    written = ["cat/0.png", *(f"{number}.jpg" for number in range(12)), ""]
    with refused("data.missing-files", "13 files of 14", "0.jpg, 1.jpg, 2.jpg and 10 more", "folder="):
        read(folder, pd.DataFrame({"file": written, "label": "a"}))


@pytest.mark.parametrize("nothing", [None, np.nan, " "])
def test_a_cell_without_a_file(folder, nothing):
    with refused("data.missing-files", "1 file of 2", "an empty cell"):
        read(folder, pd.DataFrame({"file": ["cat/0.png", nothing], "label": "a"}))


def test_a_bare_name_of_two_files(folder):
    with refused("data.ambiguous-file", "'0.png'", "cat/0.png, dog/0.png"):
        read(folder, pd.DataFrame({"file": ["0.png"], "label": ["a"]}))


@pytest.mark.parametrize("nothing", [None, np.nan, "", "  ", pd.NA])
def test_missing_labels_are_counted_and_named(folder, nothing):
    with refused("data.missing-labels", "2 images of 4", "cat/1.png, dog/1.png"):
        read(folder, table(label=["a", nothing, "b", nothing]))


def test_numbers_that_a_table_turned_into_decimals(folder):
    assert read(folder, table(label=[1.0, 2.0, 10.0, 1.0])).vocab == ["1", "2", "10"]
    assert read(folder, table(label=[0.5, 0.5, 1.5, 1.5])).vocab == ["0.5", "1.5"]


def test_several_labels(folder):
    found = read(folder, table(label=["x; y", "y;", "x;x", "z"]), delimiter=";")
    assert found.several and found.labels == (("x", "y"), ("y",), ("x",), ("z",))
    lists = read(folder, table(label=[["x", "y"], [], ("y",), {"z"}]))
    assert lists.several and lists.labels == (("x", "y"), (), ("y",), ("z",))
    assert lists.targets().tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]
    with refused("data.bad-option", "delimiter is ''"):
        read(folder, table(), delimiter="")


def test_the_same_file_twice(folder):
    same = pd.concat([table(), table()])
    found = read(folder, same)
    assert found.files == tuple(FILES) and found.notes == ("labels.csv: 4 rows left out that repeated another one.",)
    other = pd.concat([table(), table(label=["a", "b", "b", "a"])])
    with refused("data.contradicting-rows", "2 files different labels", "cat/1.png (a, b)", "delimiter="):
        read(folder, other)
    whose = pd.concat([table(patient=list("ppqq")), table(patient=list("pqqq"))])
    with refused("data.contradicting-rows", "1 file different groups", "cat/1.png (p, q)"):
        read(folder, whose)


def test_groups_and_sets_by_column(folder):
    found = read(folder, table(Patient=["p", "p", "q", "q"], split=["train", "VAL", "test", "train"]))
    assert found.groups == ("p", "p", "q", "q") and found.sets == ("train", "valid", "test", "train")
    assert found.notes == ("labels.csv: took the column 'Patient' as group and 'split' as split.",)
    assert read(folder, table(patient=list("ppqq")), group=False).groups is None
    assert read(folder, table(who=list("ppqq")), group="who").groups == ("p", "p", "q", "q")
    assert read(folder, table(), group=lambda path: path.parent.name).groups == ("cat", "cat", "dog", "dog")
    assert read(folder, table(is_valid=[True, False, True, False])).sets == ("valid", "train", "valid", "train")
    with refused("data.bad-split", "'fold'", "'1 of 3'"):
        read(folder, table(fold=["train", "1 of 3", "test", "test"]), split="fold")
    with refused("data.missing-groups", "1 image of 4 has no group (dog/1.png)"):
        read(folder, table(patient=["p", "p", "q", None]))


def test_sets_in_the_names_of_the_files(tmp_path):
    names = ["train/1.png", "train/2.png", "valid/1.png", "test/1.png"]
    write_images(tmp_path, names)
    assert read(tmp_path, table(file=names)).sets == ("train", "train", "valid", "test")


def test_a_csv_as_people_save_it(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file;label;remark\na.png;é;x, y\n", encoding="utf-8-sig")
    assert read_csv(path).to_dict("records") == [{"file": "a.png", "label": "é", "remark": "x, y"}]


@pytest.mark.parametrize("content", [b"", b"file,label\n\xff\xfe.png,1\n", b"PK\x03\x04" + bytes(range(256))])
def test_a_csv_that_is_none(folder, tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with refused("data.bad-table", "labels.csv"):
        read_table(read_csv(path), path.name, folder)


def test_a_csv_that_is_not_there_or_empty(folder, tmp_path):
    (tmp_path / "labels.csv").write_text("file,label\n")
    with refused("data.bad-table", "no rows"):
        read(folder, read_csv(tmp_path / "labels.csv"))
    with refused("data.bad-table", "did you mean 'labels.csv'?"):
        read_csv(tmp_path / "label.csv")


def test_groups_of_a_csv(folder, tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("file,patient\n" + "".join(f"{file},{file[0]}\n" for file in FILES[1:]))
    group_of = groups_of_csv(path, folder)
    assert [group_of(folder / file) for file in FILES] == [None, "c", "d", "d"]
    with refused("data.unknown-column", "group"):
        path.write_text("file,age\ncat/0.png,3\n")
        groups_of_csv(path, folder)


def test_lists_that_were_written_as_text(folder):
    with refused("data.lists-as-text", "\"['x', 'y']\"", "literal_eval"):
        read(folder, table(label=["['x', 'y']", "['x']", "[]", "['y']"]))
    assert read(folder, table(label=["[x]", "a", "a", "a"])).vocab == ["[x]", "a"]


@pytest.mark.parametrize("labels", [[True, False, True, False], [b"a", "a", "b", b"b"], [1, "1", 2.0, np.int64(2)]])
def test_labels_of_any_type(folder, labels):
    found = read(folder, pd.DataFrame({"file": FILES, "label": pd.Series(labels, dtype=object)}))
    assert len(found.vocab) == 2 and not found.several


def test_missing_labels_that_became_text(folder):
    with refused("data.missing-labels", "1 image of 4", "cat/0.png"):
        read(folder, table(label=pd.Series([np.nan, "a", "b", "b"], dtype=object).map(str)))


def test_one_group_written_as_number_and_as_text(folder):
    found = read(folder, table(patient=pd.Series([1, "1", 1.0, "2"], dtype=object)))
    assert found.groups == (1, 1, 1, "2")
    assert read(folder, table(patient=[(1, 2), (1, 2), (3, 4), (3, 4)])).groups[0] == (1, 2)
    with refused("data.bad-group", "cat/0.png is a list"):
        read(folder, table(patient=[[1], [1], [2], [2]]))


def test_numbers_of_files_that_became_decimals(tmp_path):
    write_images(tmp_path, ["7.png", "8.png"])
    assert read(tmp_path, pd.DataFrame({"id": [7.0, 8.0], "label": ["a", "b"]})).files == ("7.png", "8.png")


def test_two_columns_of_one_name(folder):
    with refused("data.bad-table", "'label'"):
        read(folder, pd.concat([table(), table()[["label"]]], axis=1))


def test_a_csv_without_names_of_columns(folder):
    with refused("data.no-header", "'cat/0.png', '0'", "first row"):
        read(folder, pd.DataFrame({"cat/0.png": FILES[1:], "0": list("abb")}))
    with refused("data.unknown-column", "file=0"):
        read(folder, pd.DataFrame([["cat/0.png", "a"]]))


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_rows_of_zeros_and_ones_are_no_lists_of_labels(folder, kind):
    with refused("data.one-hot-labels", "names of the classes"):
        read(folder, table(label=[kind(row) for row in ([1, 0], [0, 1], [1, 1], [0, 0])]))
    assert read(folder, table(label=[[0], [1], [0, 1], []])).vocab == ["0", "1"]


def test_columns_of_zeros_and_ones(folder):
    with refused("data.bad-option", "label is a list of columns"):
        read(folder, table(cat=[1, 1, 0, 0], dog=[0, 0, 1, 1]), label=["cat", "dog"])


@pytest.mark.parametrize("known", [[1.0, 0.0, 1.0, 0.0], [1, 0, 1, 0], ["True", "false", "VALID", "train"]])
def test_ways_to_say_is_valid(folder, known):
    assert read(folder, table(is_valid=known)).sets == ("valid", "train", "valid", "train")
