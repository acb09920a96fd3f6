"""Reads an item bank: a private folder of files like those of course_utils/quizzes/, plain or locked."""

from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.bank.items import GradedQuiz
from course_utils.quiz.reading import read


def open_bank(folder: Path, numbers: list[str] | None = None, key: Path | None = None) -> list[GradedQuiz]:
    """The assignments of an item bank, in order; those of some lessons by their numbers, ["04"].

    key: the private key that opens locked files (NN_slug.yaml.locked). CourseError when there is none, when a file is
    faulty (each fault with its line and item), when a lesson has no file.
    """
    files: dict[str, Path] = {}
    for file in sorted(folder.glob("[0-9][0-9]_*.yaml*")):
        if _is_ours(file):
            if other := files.get(file.name[:2]):
                raise CourseError(
                    f"{folder} holds both {other.name} and {file.name}: keep the right one and move the other away.",
                    code="grading.plain-and-locked",
                )
            files[file.name[:2]] = file
    if not files:
        raise CourseError(
            f"{folder} holds no graded items: name the folder of the files NN_slug.yaml (or .locked).",
            code="grading.no-items",
        )
    if strange := [number for number in numbers or () if number not in files]:
        raise CourseError(
            f"{folder} has no assignment {strange[0]!r}: choose one of {', '.join(sorted(files))}.",
            code="grading.unknown-assignment",
        )
    return [_read(files[number], key) for number in sorted(numbers or files)]


def _is_ours(file: Path) -> bool:
    return file.name.endswith((".yaml", ".yaml.locked"))


def _read(file: Path, key: Path | None) -> GradedQuiz:
    if file.suffix == ".locked":
        from course_utils.grading.bank.locks import unlock

        content = unlock(file, key)
    else:
        content = file.read_bytes()
    try:
        return read(content.decode("utf-8-sig"), file.name, GradedQuiz)
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{file.name}: byte {error.start} isn't UTF-8: save the file as UTF-8.", code="grading.encoding"
        ) from None
