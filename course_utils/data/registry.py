"""The registry of data sets: one entry for each, from which lists, tables, commands and contract tests are derived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import Any

from course_utils.data.sources import SOURCES
from course_utils.errors import CourseError


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What is known of a data set before it is loaded.

    Parameters
    ----------
    name : str
        The name in `data.load(name)` and `data.<name>`.
    loader : str
        Where its function is, as "module:function"; the module is imported when the data set is first loaded.
    modality : str
        What an item is: "images", "boxes" (images with boxes), "text", "sound", "tables" (rows of a table) or "writing"
        (letters, whose sets have no class in common).
    about : str
        One line that says what it holds.
    licence, citation : str
        The terms of use, and whom to cite.
    classes : int
        Number of classes with the default options, or of all classes where the sets have none in common.
    size : int, optional
        Pixels a side of an image in a batch, with the default options.
    sources : tuple of str
        The names in `course_utils.data.sources.SOURCES` of the archives that it needs or can use.
    stand_in : str
        What it gives where these can't be had: "drawings", "texts written for this course"; "" for nothing.
    small : mapping
        Options that load a small sample within seconds.
    """

    name: str
    loader: str
    modality: str
    about: str
    licence: str
    citation: str
    classes: int
    size: int | None = None
    sources: tuple[str, ...] = ()
    stand_in: str = ""
    small: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def function(self) -> Callable[..., Any]:
        """Import the module of the data set and return its function."""
        module, name = self.loader.split(":")
        return getattr(import_module(module), name)

    @property
    def needs_download(self) -> bool:
        """Whether nothing stands in where its archives can't be had."""
        return bool(self.sources) and not self.stand_in


_DRAWN = "made by this course, Apache 2.0"
DATA_SETS: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            name="digits",
            loader="course_utils.data.images.digits:digits",
            modality="images",
            about="1,797 handwritten digits of 8×8 pixels, shipped with scikit-learn",
            licence="CC BY 4.0",
            citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
            classes=10,
            size=64,
            small={"n_per_class": 3, "split": (0.02, 0.05)},
        ),
        DataSet(
            name="vehicles",
            loader="course_utils.data.images.vehicles:vehicles",
            modality="images",
            about="cars and trucks: CIFAR-10's photographs, or drawings with known factors",
            licence=f"drawings: {_DRAWN}; photographs: none stated, distributed for research and teaching",
            citation=SOURCES["cifar10"].citation,
            classes=2,
            size=64,
            sources=("cifar10",),
            stand_in="drawings",
            small={"n_per_class": 3, "split": (4, 6)},
        ),
        DataSet(
            name="recycling",
            loader="course_utils.data.images.recycling:recycling",
            modality="images",
            about="rubbish in six materials: TrashNet's 2,527 phone photographs, or drawings",
            licence=f"photographs: MIT; drawings: {_DRAWN}",
            citation=SOURCES["trashnet"].citation,
            classes=6,
            size=96,
            sources=("trashnet",),
            stand_in="drawings",
            small={"n_per_class": 3, "split": (2, 4)},
        ),
        DataSet(
            name="pets",
            loader="course_utils.data.images.pets:pets",
            modality="images",
            about="about 7,400 photographs of cats and dogs in 37 breeds",
            licence=SOURCES["pets"].licence,
            citation=SOURCES["pets"].citation,
            classes=37,
            size=224,
            sources=("pets",),
            small={"n_per_class": 2, "size": 40, "split": (1, 2)},
        ),
        DataSet(
            name="scans",
            loader="course_utils.data.images.scans:scans",
            modality="images",
            about="synthetic brain-like slices with and without a lesion, several a patient, or your own images",
            licence=_DRAWN,
            citation="this course; nothing medical can be concluded from them",
            classes=2,
            size=64,
            small={"n_patients": 40, "slices": 4, "prevalence": 0.25, "n_per_class": 5},
        ),
        DataSet(
            name="mri",
            loader="course_utils.data.images.mri:mri",
            modality="images",
            about="253 MR slices with and without a tumour and 2,065 copies of them, or synthetic ones",
            licence=f"public slices: {SOURCES['brain_tumor'].licence}; synthetic ones: {_DRAWN}",
            citation=SOURCES["brain_tumor"].citation,
            classes=2,
            size=96,
            sources=("brain_tumor",),
            stand_in="drawings",
            small={"n_per_class": 3, "split": (0.03, 0.06)},
        ),
        DataSet(
            name="streets",
            loader="course_utils.data.boxes.streets:streets",
            modality="boxes",
            about="drawn streets with boxes around cars, trucks, people and signs, by day, by night and in the rain",
            licence=_DRAWN,
            citation="this course",
            classes=4,
            small={"n_images": 8, "split": (3, 5)},
        ),
        DataSet(
            name="blood_cells",
            loader="course_utils.data.boxes.cells:blood_cells",
            modality="boxes",
            about="364 photographs of blood with boxes around red cells, white cells and platelets, or drawings",
            licence=f"photographs: {SOURCES['blood_cells'].licence}; drawings: {_DRAWN}",
            citation=SOURCES["blood_cells"].citation,
            classes=3,
            sources=("blood_cells",),
            stand_in="drawings",
            small={"n_images": 8, "split": (3, 5)},
        ),
        DataSet(
            name="reviews",
            loader="course_utils.data.text.reviews:reviews",
            modality="text",
            about="short texts that praise or blame products or films: public ones, or some written for this course",
            licence=f"public texts: {SOURCES['pros_cons'].licence}; written ones: {_DRAWN}",
            citation=f"{SOURCES['pros_cons'].citation}; {SOURCES['sentence_polarity'].citation}",
            classes=2,
            sources=("pros_cons", "sentence_polarity"),
            stand_in="texts written for this course",
            small={"n_per_class": 3, "split": (2, 4)},
        ),
        DataSet(
            name="spoken_digits",
            loader="course_utils.data.sound.digits:spoken_digits",
            modality="sound",
            about="3,000 recordings of the ten digits by six people, or some by a synthesizer",
            licence=f"recordings: {SOURCES['spoken_digits'].licence}; synthetic ones: {_DRAWN}",
            citation=SOURCES["spoken_digits"].citation,
            classes=10,
            sources=("spoken_digits",),
            stand_in="recordings of a synthesizer",
            small={"n_per_class": 3, "split": (2, 4)},
        ),
        DataSet(
            name="trade_words",
            loader="course_utils.data.sound.trades:trade_words",
            modality="sound",
            about="the words of a ward, a warehouse or a workshop, spoken by ten voices of a synthesizer",
            licence=_DRAWN,
            citation="this course; spoken by espeak-ng, no person's voice",
            classes=12,
            small={"n_per_class": 3, "split": (2, 4)},
        ),
        DataSet(
            name="transactions",
            loader="course_utils.data.tables.transactions:transactions",
            modality="tables",
            about="twenty weeks of card payments at a large or a small bank, with fraud whose cause is known",
            licence=_DRAWN,
            citation="this course; after Le Borgne, Siblini, Lebichot and Bontempi 2022, Fraud Detection Handbook, ULB",
            classes=2,
            small={"bank": "B", "n_weeks": 3, "split": (1, 2)},
        ),
        DataSet(
            name="ratings",
            loader="course_utils.data.tables.ratings:ratings",
            modality="tables",
            about="stars that readers of a big and a new bookshop gave, made by code with known tastes, or MovieLens",
            licence=f"made ratings: {_DRAWN}; MovieLens: {SOURCES['movielens'].licence}",
            citation=SOURCES["movielens"].citation,
            classes=5,
            small={"shop": "new", "n_ratings": 3},
        ),
        DataSet(
            name="letters",
            loader="course_utils.data.writing.letters:letters",
            modality="writing",
            about="letters of eight alphabets, each drawn by twenty people, or of twenty scripts rendered from fonts",
            licence=f"drawings: {SOURCES['omniglot_small1'].licence}; from fonts: {_DRAWN}",
            citation=SOURCES["omniglot_small1"].citation,
            classes=242,
            sources=("omniglot_small1", "omniglot_small2"),
            stand_in="letters rendered from fonts",
            small={"n_per_class": 3, "split": (2, 4)},
        ),
    )
}


def find_data_set(name: str) -> DataSet:
    """Return the entry of that name.

    Raises
    ------
    CourseError
        `data.unknown-data-set`, with the names and the nearest one.
    """
    if name in DATA_SETS:
        return DATA_SETS[name]
    near = get_close_matches(str(name), DATA_SETS, n=1, cutoff=0.5)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    raise CourseError(
        f"There is no data set {name!r}{meant}: choose one of {', '.join(DATA_SETS)}.", code="data.unknown-data-set"
    )


def markdown_table() -> str:
    """Return the table of data sets that stands in docs/data.md."""
    rows = ["| data set | what it holds | classes | licence |", "| --- | --- | --- | --- |"]
    for entry in DATA_SETS.values():
        rows.append(f"| `{entry.name}` | {entry.about} | {entry.classes} | {entry.licence} |")
    return "\n".join(rows)


def load(name: str, **options: Any) -> Any:
    """Load a data set by name: images as DataLoaders, texts as `Texts`, sounds as `Sounds`, tables as tables.

    Parameters
    ----------
    name : str
        One of DATA_SETS.
    **options
        Those of the data set's own function; `help(data.digits)` lists them.

    Raises
    ------
    CourseError
        `data.unknown-data-set`, and the errors of the data set.
    """
    return find_data_set(name).function()(**options)
