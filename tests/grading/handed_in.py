"""Notebooks, folders and zips as students and platforms hand them in."""

import json
import zipfile

KEY = b"k" * 32


def cell(book, identifier):
    return next(one for one in book["cells"] if one.get("id") == identifier)


def code(source, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, **more}


def text(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def after(book, identifier, new):
    book["cells"].insert(book["cells"].index(cell(book, identifier)) + 1, new)


def answer(book, identifier, source):
    cell(book, f"90-{identifier}-answer")["source"] = source


def write(path, book):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(book if isinstance(book, bytes) else json.dumps(book).encode())
    return path


def deflated(name):
    info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files:
            info = name if isinstance(name, zipfile.ZipInfo) else deflated(name)
            file.writestr(info, content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def answers(submission):
    return {one.item: one.source for one in submission.cells if one.item}
