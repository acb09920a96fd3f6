"""What can't be read ends in a sentence, whatever its bytes and types."""

import hashlib
import json
import random

import pytest
from handed_in import cell, write

from course_utils.grading.intake.submissions import submissions

HOSTILE = {
    "empty": b"",
    "spaces": b" \n",
    "no JSON": b"%PDF-1.7",
    "cut": b'{"cells": [',
    "Latin-1": b'{"cells": ["\xe9"]}',
    "deep": b'{"cells":' + b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a huge number": b'{"nbformat": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "a number": b"4",
    "null": b"null",
    "twice": b'{"cells": [], "cells": []}',
    "twice inside": b'{"cells": [{"cell_type": "code", "source": "a", "source": "b"}], "nbformat": 4}',
    "old": b'{"nbformat": 2, "cells": []}',
    "new": b'{"nbformat": 5, "cells": []}',
    "no cells": b'{"nbformat": 4}',
    "no sheets": b'{"nbformat": 3, "cells": []}',
    "odd form": b'{"nbformat": "4", "cells": []}',
    "true form": b'{"nbformat": true, "cells": []}',
    "endless form": b'{"nbformat": Infinity, "cells": []}',
    "odd sheets": b'{"nbformat": 3, "worksheets": [1]}',
    "many cells": b'{"cells": [' + b'{"cell_type":"raw","source":""},' * 5_000 + b'{"cell_type":"raw"}]}',
    "an escape": b'{"nbformat": 4, "cells": [{"cell_type": "\\u001b[2J"}]}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_notebook_ends_in_a_sentence(taken, kind):
    found = taken(HOSTILE[kind])
    assert found.trouble.startswith("The notebook can't be read: ") and found.trouble.endswith(".")
    assert found.trouble.isprintable() and len(found.trouble) < 300
    assert (found.assignment, found.cells, found.missing, found.texts) == ("90_example", (), (), {})
    assert found.digest == hashlib.sha256(HOSTILE[kind]).hexdigest()


ODD = [None, 7, -1.5, True, "text", [], ["a", 1], {}, {"a": []}, [[]], float("nan")]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        ("cells",),
        ("cells", 3),
        ("cells", 3, "source"),
        ("cells", 3, "metadata"),
        ("cells", 3, "metadata", "nbgrader"),
        ("cells", 3, "metadata", "nbgrader", "grade_id"),
        ("cells", 3, "cell_type"),
        ("cells", 3, "id"),
        ("metadata",),
        ("metadata", "course"),
        ("metadata", "course", "assignment"),
        ("nbformat",),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_wrong_types_end_in_a_sentence_or_have_no_effect(taken, book, path, odd):
    place = book
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd
    found = taken(book)
    if found.trouble:
        assert found.cells == () and found.trouble.startswith("The notebook can't be read: ")
        assert found.trouble.endswith(".")
    else:
        assert all(type(one.source) is str for one in found.cells)
    must_fail = path in [("cells", 3), ("cells", 3, "cell_type"), ("nbformat",)]
    if must_fail or (path == ("cells", 3, "source") and odd not in ("text", [])):
        assert found.trouble


def test_random_damage_never_raises(tmp_path, quiz, book, handed):
    dice = random.Random(0)
    data = json.dumps(book).encode()
    for number in range(150):
        broken = bytearray(data)
        for _ in range(dice.randrange(1, 6)):
            place = dice.randrange(len(broken))
            broken[place : place + dice.randrange(4)] = dice.choice([b"", b"[", b"}", b'"', b"\xff", b"1", b",", b"\\"])
        write(tmp_path / "in" / f"s{number}.ipynb", bytes(broken))
    found = list(submissions(tmp_path / "in", [quiz], handed))
    assert len(found) == 150
    assert all(one.trouble or one.cells for one in found)
    assert any(one.trouble for one in found) and any(not one.trouble for one in found)


def test_a_byte_order_mark_and_nan_in_outputs_are_no_trouble(taken, book):
    cell(book, "90-1-answer")["outputs"] = [{"data": {"application/json": float("nan")}}]
    found = taken(b"\xef\xbb\xbf" + json.dumps(book).encode())
    assert found.trouble == "" and found.missing == ()


def test_a_large_notebook_is_not_parsed(taken, book):
    data = json.dumps(book).encode()
    assert taken(data, largest=len(data)).trouble == ""
    assert "larger than" in taken(data, largest=len(data) - 1).trouble


def test_the_marks_of_a_merge_are_named(taken):
    (found) = taken(b'{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> other\n]}')
    assert "merged" in found.trouble
