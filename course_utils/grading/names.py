"""Students' ids, and other words of theirs: whether an id can be used, and how they are shown without harm."""

import unicodedata

LONGEST_ID = 200  # characters


def whole(text: str) -> str:
    """Text as every file takes it: half a character, which JSON can smuggle in, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def shown(text: str, most: int = 100) -> str:
    r"""Text for a terminal or a sentence: in one line, cut, with control and direction characters written as \x1b."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    if short.isprintable():
        return short
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in short)


def student_id(name: str) -> tuple[str, str]:
    """(the id, what is wrong with it or ""): of a file's or folder's name.

    Letters with accents get one form, whatever system wrote the name. An id that can't be used comes back in a form
    that is no other student's.
    """
    name = unicodedata.normalize("NFC", name)
    if not name.strip():
        fault = "is empty"
    elif len(name) > LONGEST_ID:
        fault = f"is longer than {LONGEST_ID} characters"
    elif any(sign in name for sign in ("/", "\\", "..", "\0")) or name == ".":
        fault = "is a path"
    elif whole(name) != name:
        fault = "isn't text"
    else:
        return name, ""
    return f"(unusable id) {shown(name)}", f"The student's id {shown(name)!r} {fault}: rename the file or folder."
