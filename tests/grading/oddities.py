"""Honest oddities: what students really do to a notebook, and what a teacher who reads it would give.

Each changes one student's `Hand`, whose answers are all right before. `DO` does something to the notebook, `FILES` to
the file; `odd_answers` has what is written into the answers' cells.
"""

import io
import json
import unicodedata
import zipfile
from collections.abc import Callable
from functools import partial

from handed_in import after, cell, code, text
from odd_answers import BALANCED, Hand


def elsewhere(hand: Hand, item: str, above: bool = False, part: str = "") -> None:
    hand.beside(item, hand.clear(item), above, part)


def split(hand: Hand) -> None:
    hand.put("A", "def rec(t, g, k):\n    return np.mean(g[t == k] == k)")
    hand.beside("A", "def balanced(t, g):\n    return np.mean([rec(t, g, k) for k in np.unique(t)])")


def merged(hand: Hand, into: str = "1", gone: str = "2") -> None:
    """Merge two answers' cells, as Shift-M does: the lower one's id is gone."""
    hand.cell(into)["source"] = f"{hand.source(into)}\n\n{hand.source(gone)}"
    hand.book["cells"].remove(hand.cell(gone))


def at_the_end(hand: Hand) -> None:
    kept = [hand.clear(item) for item in "123456AB"]
    hand.book["cells"].append(code("\n\n".join(kept)))


def in_words(hand: Hand, item: str = "3", words: str = "The accuracy is 86.67 %.") -> None:
    hand.clear(item)
    after(hand.book, f"90-{item}-answer", text(words))


def in_question(hand: Hand, item: str = "3") -> None:
    hand.clear(item)
    hand.cell(item, "question")["source"] += "\n\n**My answer: 86.67 %**"


def anew(hand: Hand, item: str) -> None:
    """Delete an answer's cell, and write its answer into a new one at its place."""
    old = hand.cell(item)
    hand.book["cells"][hand.book["cells"].index(old)] = (code if "outputs" in old else text)(old["source"])


def moved_down(hand: Hand) -> None:
    cells, one = hand.book["cells"], hand.cell("3")
    cells.remove(one)
    after(hand.book, "90-4-question", one)


def twice(hand: Hand) -> None:
    hand.book["cells"] += json.loads(json.dumps(hand.book["cells"]))


def converted(hand: Hand, kind: str) -> None:
    found = hand.cell("3")
    found["cell_type"] = kind
    found.pop("outputs", None), found.pop("execution_count", None)
    found["source"] = "86.67 %" if kind == "markdown" else found["source"]


def words_in_own_cell(hand: Hand) -> None:
    hand.clear("7")
    after(hand.book, "90-7-answer", text("A far target, and many labels."))


def words_in_code(hand: Hand) -> None:
    hand.clear("7")
    after(hand.book, "90-7-answer", code("# A far target, and many labels."))


def words_as_code(hand: Hand) -> None:
    hand.cell("7").update(code("A far target, and many labels."))


def own(source: str, at: str = "setup") -> Callable[[Hand], None]:
    """Add a cell of the student's own."""
    return lambda hand: after(hand.book, at, code(source))


def writefile(hand: Hand) -> None:
    own(f"%%writefile mine.py\nimport numpy as np\n{BALANCED}")(hand)
    hand.put("A", "from mine import balanced")


def helper_in_time_cell(hand: Hand) -> None:
    hand.beside("A", "%%time\ndef rec(t, g, k):\n    return np.mean(g[t == k] == k)", above=True)
    hand.put("A", "def balanced(t, g):\n    return np.mean([rec(t, g, k) for k in np.unique(t)])")


def used_below(hand: Hand) -> None:
    """A helper that stands below its use, run out of order in the notebook's session."""
    hand.put("A", f"scores = balanced_of(np.array([0]), np.array([0]))\n{BALANCED}")
    hand.beside("A", BALANCED.replace("balanced", "balanced_of"))


def without(part: str) -> Callable[[Hand], None]:
    def change(hand: Hand) -> None:
        hand.book["cells"] = [one for one in hand.book["cells"] if part not in one.get("id", "")]

    return change


def reordered(hand: Hand) -> None:
    """The code first, as who likes it done moves it up."""
    cells = hand.book["cells"]
    moved = [one for one in cells if one.get("id", "").startswith("90-A")]
    hand.book["cells"] = [*cells[:2], *moved, *[one for one in cells[2:] if one not in moved]]


def question_edited(hand: Hand) -> None:
    hand.cell("A", "question")["source"] += "\n\nNote to myself: np.unique!"


def example_changed(hand: Hand) -> None:
    hand.cell("A", "examples")["source"] += "\nprint(balanced(np.array([0]), np.array([0])))"


def duplicated(hand: Hand) -> None:
    """A copy of an answer's cell that keeps its id, as older tools make them."""
    after(hand.book, "90-A-answer", json.loads(json.dumps(hand.cell("A"))))


def each_cell(change: Callable[[dict], object]) -> Callable[[Hand], None]:
    def do(hand: Hand) -> None:
        for one in hand.book["cells"]:
            change(one)

    return do


def minor(number: int, ids: bool) -> Callable[[Hand], None]:
    def change(hand: Hand) -> None:
        hand.book["nbformat_minor"] = number
        if not ids:
            each_cell(lambda one: one.pop("id", None))(hand)

    return change


def kernel(name: str, **more: object) -> Callable[[Hand], None]:
    def change(hand: Hand) -> None:
        hand.book["metadata"]["kernelspec"] = {"display_name": name, "language": "python", "name": name}
        hand.book["metadata"].update(more)

    return change


def colab(hand: Hand) -> None:
    """Colab keeps ids within the metadata, and writes no cell's own."""
    minor(0, False)(hand)
    for number, one in enumerate(hand.book["cells"]):
        one["metadata"] = {**one["metadata"], "id": f"x{number}", "outputId": "y"}
    hand.book["metadata"].update(colab={"provenance": [], "gpuType": "T4"}, accelerator="GPU")


def vscode(hand: Hand) -> None:
    each_cell(lambda one: one["metadata"].update(vscode={"languageId": "python"}))(hand)
    hand.book["metadata"].pop("kernelspec")
    hand.book["metadata"]["language_info"] = {"name": "python", "version": "3.12.4"}


def stripped(cells: bool, book: bool, ids: bool) -> Callable[[Hand], None]:
    def change(hand: Hand) -> None:
        for one in hand.book["cells"]:
            if cells:
                one["metadata"] = {}
            if ids:
                one.pop("id", None)
        if book:
            hand.book["metadata"] = {}

    return change


def new_ids(hand: Hand) -> None:
    for number, one in enumerate(hand.book["cells"]):
        one["id"] = f"{number:08x}"


def outputs(hand: Hand) -> None:
    image = {"output_type": "display_data", "data": {"image/png": "iVBOR" * 100_000}, "metadata": {}}
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * 500_000}
    hand.cell("A")["outputs"] = [image, stream]


def list_of_lines(one: dict) -> None:
    one["source"] = "".join(one["source"]).splitlines(keepends=True)


def windows_lines(one: dict) -> None:
    one["source"] = "".join(one["source"]).replace("\n", "\r\n")


def format_3(hand: Hand) -> None:
    """The format before 2015, as a converter for an old server writes it."""
    for one in hand.book["cells"]:
        if one["cell_type"] == "code":
            one["input"], one["language"], one["prompt_number"] = one.pop("source"), "python", None
            one.pop("execution_count", None)
    cells = hand.book.pop("cells")
    hand.book.update(nbformat=3, nbformat_minor=0, worksheets=[{"cells": cells, "metadata": {}}])


# what is done → (the items that it touches, "" for the whole notebook; what does it)
DO: dict[str, tuple[str, Callable[[Hand], object]]] = {
    "own cell below the blank": ("A", partial(elsewhere, item="A")),
    "own cell above the blank": ("A", partial(elsewhere, item="A", above=True)),
    "own cell below the examples": ("A", partial(elsewhere, item="A", part="examples")),
    "letter in an own cell": ("1", partial(elsewhere, item="1")),
    "number in an own cell": ("3", partial(elsewhere, item="3")),
    "network in an own cell": ("B", partial(elsewhere, item="B")),
    "own cell under the next question": ("5", partial(elsewhere, item="5", part="examples")),
    "answer in another answer's cell": (
        "AB",
        lambda hand: hand.put("B", f"{hand.clear('A')}\n\nANSWER"),
    ),
    "answer in the examples' cell": (
        "A",
        lambda hand: hand.cell("A", "examples").update(source=hand.clear("A")),
    ),
    "cell split in two": ("A", split),
    "mended in a later cell": (
        "A",
        lambda hand: (hand.put("A", "def balanced(t, g):\n    return 0"), hand.beside("A", BALANCED)),
    ),
    "two cells merged": ("12", merged),
    "code cells merged": ("AB", partial(merged, into="A", gone="B")),
    "all answers in one cell at the end": ("123456AB", at_the_end),
    "answer in a text cell below": ("3", in_words),
    "answer in the question's cell": ("3", in_question),
    "answer's cell made a text cell": ("3", partial(converted, kind="markdown")),
    "answer's cell made a raw cell": ("3", partial(converted, kind="raw")),
    "words in an own text cell": ("7", words_in_own_cell),
    "words in a code cell below": ("7", words_in_code),
    "words in a cell made code": ("7", words_as_code),
    "words in the question's cell": ("7", partial(in_question, item="7")),
    "cell deleted and written anew": ("A", partial(anew, item="A")),
    "number's cell deleted and written anew": ("3", partial(anew, item="3")),
    "words' cell deleted and written anew": ("7", partial(anew, item="7")),
    "cell moved below the next question": ("3", moved_down),
    "cell deleted": ("5", lambda hand: hand.book["cells"].remove(hand.cell("5"))),
    "letter mended in a later cell": (
        "1",
        lambda hand: (hand.beside("1", "ANSWER"), hand.put("1", "answer_90_1 = 'ABC'['VALUE' == 'A']")),
    ),
    "notebook pasted below itself": ("", twice),
    "another name for the assignment": ("", lambda hand: hand.book["metadata"]["course"].update(assignment="91_other")),
    "helper module by %%writefile": ("A", writefile),
    "helper under %%time": ("A", helper_in_time_cell),
    "helper below its use": ("A", used_below),
    "own cell that fails": ("", own("1 / 0")),
    "own cell with a syntax error": ("", own("for x in :")),
    "own cell that sleeps": ("", own("import time\ntime.sleep(2)")),
    "own cell that asks": ("", own("name = input('Your name? ')")),
    "own cell with !pip and !ls": ("", own("!pip install torch\n!ls -la\nfiles = !ls")),
    "own cell with %%bash": ("", own("%%bash\nls\necho done")),
    "own cell with %%html": ("", own("%%html\n<b>Ada</b>")),
    "own cell with apt-get": ("", own("%cd /content\n!apt-get install x\n!nvidia-smi")),
    "own cell in R": ("", own("%%R\nx <- c(1, 2)")),
    "own cell with a plot": (
        "",
        own("import matplotlib.pyplot as plt\nplt.hist([1, 2]); plt.savefig('a.png'); plt.show()"),
    ),
    "own cell that downloads": ("", own("import urllib.request as u\nu.urlopen('https://example.org').read()")),
    "own cell with await": ("", own("import asyncio\nawait asyncio.sleep(0)")),
    "own cell with exit": ("", own("import sys\nsys.exit()")),
    "own imports": ("", own("import numpy as np, torch, pandas as pd\nfrom pathlib import Path\nnp.random.seed(0)")),
    "own import of everything": ("", own("from numpy import *\nfrom math import *")),
    "own note with images": ("", lambda hand: after(hand.book, "title", text("![](data:image/png;base64,AAAA)"))),
    "micropip of JupyterLite": ("", own("import piplite\nawait piplite.install('numpy')")),
    "name and number at the top": ("", lambda hand: after(hand.book, "title", text("Ada Lovelace, 12345, Gruppe 4"))),
    "imports deleted": ("", without("setup")),
    "examples deleted": ("", without("examples")),
    "questions deleted": ("", without("question")),
    "all text deleted": (
        "",
        lambda hand: hand.book.update(cells=[one for one in hand.book["cells"] if "answer" in one.get("id", "")]),
    ),
    "cells moved": ("", reordered),
    "question edited": ("A", question_edited),
    "example changed": ("A", example_changed),
    "cell copied with its id": ("A", duplicated),
    "execution counts null": (
        "",
        each_cell(lambda one: one.update(execution_count=None) if "outputs" in one else None),
    ),
    "execution counts out of order": (
        "",
        each_cell(lambda one: one.update(execution_count=99) if "outputs" in one else None),
    ),
    "sources as lists": ("", each_cell(list_of_lines)),
    "line ends of Windows": ("", each_cell(windows_lines)),
    "format 4.0 without ids": ("", minor(0, False)),
    "format 4.2 without ids": ("", minor(2, False)),
    "format 4.4 with ids": ("", minor(4, True)),
    "format 4.5 without ids": ("", minor(5, False)),
    "format 3": ("", format_3),
    "Colab": ("", colab),
    "VS Code": ("", vscode),
    "Kaggle": ("", kernel("python3", kaggle={"accelerator": "none"}, papermill={"default_parameters": {}})),
    "Deepnote": ("", each_cell(lambda one: one["metadata"].update(cell_id="0a", deepnote_cell_type="code"))),
    "conda kernel": ("", kernel("conda-env-dl-py")),
    "kernel of Pyodide": ("", kernel("python", language_info={"name": "python", "codemirror_mode": "python"})),
    "no kernel": ("", lambda hand: hand.book["metadata"].pop("kernelspec")),
    "cells' metadata stripped": ("", stripped(True, False, False)),
    "notebook's metadata stripped": ("", stripped(False, True, False)),
    "metadata and ids stripped": ("", stripped(True, False, True)),
    "all stripped": ("", stripped(True, True, True)),
    "new ids": ("", new_ids),
    "duplicate ids": ("", each_cell(lambda one: one.update(id="same"))),
    "long outputs": ("", outputs),
    "tags and collapsed cells": (
        "",
        each_cell(lambda one: one["metadata"].update(tags=["a"], collapsed=True, jupyter={"source_hidden": True})),
    ),
}


def saved(hand: Hand, name: str = "90_example.ipynb", encoding: str = "utf-8", **how: object) -> None:
    hand.files.append((name, json.dumps(hand.book, **how).encode(encoding)))


def zipped_in(hand: Hand, times: int = 1, name: str = "90_example.ipynb", more: tuple[str, ...] = ()) -> None:
    content, inner = json.dumps(hand.book).encode(), name
    for number in range(times):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(inner, content)
            for other in more:
                file.writestr(other, b"not a notebook")
        content, inner = packed.getvalue(), f"hand-in{number}.zip"
    hand.files.append((inner, content))


def with_blank(hand: Hand, name: str) -> None:
    saved(hand)
    hand.files.append((name, json.dumps(hand.blank).encode()))


def better_second(hand: Hand) -> None:
    worse = json.loads(json.dumps(hand.book))
    cell(worse, "90-3-answer")["source"] = "answer_90_3 = 42"
    hand.files.append(("90_example.ipynb", json.dumps(worse).encode()))
    saved(hand, "90_example-2.ipynb")


def late(hand: Hand) -> None:
    hand.late = True
    saved(hand)


FILES: dict[str, Callable[[Hand], object]] = {
    "renamed": partial(saved, name="Ada Lovelace homework final FINAL.ipynb"),
    "-Copy1": partial(saved, name="90_example-Copy1.ipynb"),
    "(1)": partial(saved, name="90_example (1).ipynb"),
    "name in Chinese": partial(saved, name="作业.ipynb"),
    "name in NFD": partial(saved, name=unicodedata.normalize("NFD", "Übung.ipynb")),
    ".ipynb.txt": partial(saved, name="90_example.ipynb.txt"),
    ".ipynb.json": partial(saved, name="90_example.ipynb.json"),
    ".IPYNB": partial(saved, name="90_EXAMPLE.IPYNB"),
    "in a zip": zipped_in,
    "zips within each other": partial(zipped_in, times=3),
    "zip of macOS": partial(
        zipped_in, name="hw/90_example.ipynb", more=("__MACOSX/hw/._90_example.ipynb", "hw/.DS_Store")
    ),
    "zip with checkpoints and data": partial(
        zipped_in, name="hw/90_example.ipynb", more=("hw/data.csv", "hw/.ipynb_checkpoints/x-checkpoint.ipynb")
    ),
    "blank newer copy": partial(with_blank, name="90_example-Copy1.ipynb"),
    "better second attempt": better_second,
    "late by the platform's mark": late,
    "UTF-16": partial(saved, encoding="utf-16"),
    "byte order mark": partial(saved, encoding="utf-8-sig"),
    "cut off": lambda hand: hand.files.append(("90_example.ipynb", json.dumps(hand.book).encode()[:9000])),
    "saved as Python": lambda hand: hand.files.append(("90_example.py", b"# %%\nanswer_90_1 = 'B'\n")),
    "saved as HTML": lambda hand: hand.files.append(("90_example.html", b"<html><body>In [1]:</body></html>")),
    "empty file": lambda hand: hand.files.append(("90_example.ipynb", b"")),
    "a link": lambda hand: hand.files.append(("link.txt", b"https://colab.research.google.com/drive/1")),
    "no escapes": partial(saved, ensure_ascii=False, indent=4, sort_keys=True),
}
