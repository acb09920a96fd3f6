"""What a project decides, as its project.toml says it: every value checked, and what is still blank."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from course_utils.arguments import LARGEST_SEED
from course_utils.errors import CourseError

FILE = "project.toml"
HEAD, ALL = "head", "all"


def _each_once(values: tuple) -> tuple:
    """Refuse a value that comes twice: the same run again is no further evidence."""
    if len(set(values)) < len(values):
        raise ValueError("gives a value twice")
    return values


class Table(BaseModel):
    """A table of the file: a name that it doesn't know is refused, so that a slip of the pen isn't ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Photos(Table):
    """The photos, and what may be done with them.

    Parameters
    ----------
    folder : str
        Where they are, from the project's folder: a sub-folder for each class.
    source, licence : str
        Who took them, when and with what; and what they may be used for.
    groups : str
        "none" where no two photos show the same thing; else a csv, from the project's folder, with a column of files
        and one of groups.
    resize : "crop", "pad" or "squish"
        How a photo becomes a square.
    size : int
        Pixels a side that the network sees.
    mirrored : bool
        Whether a mirrored photo still belongs to its class.
    """

    folder: str
    source: str
    licence: str
    groups: str
    resize: Literal["crop", "pad", "squish"]
    size: Annotated[int, Field(ge=32, le=512)]
    mirrored: bool


class Search(Table):
    """What is tried, how long, and by which metric; validation photos choose.

    Parameters
    ----------
    metric : "accuracy" or "balanced accuracy"
        The second counts each class alike, however rare it is.
    epochs, batch : int
        Passes over the training photos that every depth gets, and photos a batch.
    rates : tuple of float
        Learning rates.
    depths : tuple of str
        What trains: "head" alone, from a block on ("stage 4"), or "all".
    starts : int
        Trainings of each depth at its best rate, each from another random start.
    """

    metric: Literal["accuracy", "balanced accuracy"]
    epochs: PositiveInt
    batch: PositiveInt
    rates: Annotated[tuple[PositiveFloat, ...], Field(min_length=2), AfterValidator(_each_once)]
    depths: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_each_once)]
    starts: Annotated[int, Field(ge=2)]


class Card(Table):
    """What the model card says that nothing can measure.

    Parameters
    ----------
    use, not_for : str
        What the network is for, and what nobody should use it for.
    harm : str
        Who is harmed by a mistake, and what is done about it.
    contact : str
        Who answers for it.
    """

    use: str
    not_for: str
    harm: str
    contact: str


class Settings(Table):
    """All of project.toml.

    Parameters
    ----------
    name, question : str
        The project's name; and who wants to know what from a photo.
    seed : int
        Decides who trains, who validates and who tests.
    photos, search, card
        The tables of the file.
    """

    name: str
    question: str
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    photos: Photos
    search: Search
    card: Card

    @property
    def blank(self) -> list[str]:
        """The entries that are still to be filled in, such as "photos.licence"."""
        return list(_blank(self.model_dump()))


def _blank(table: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _blank(value, f"{before}{key}.")
        elif value == "":
            yield before + key


def read_settings(folder: Path) -> Settings:
    """Read a project's settings.

    Raises
    ------
    CourseError
        `projects.no-project` for a folder without a project.toml; `projects.bad-settings` for one that can't be read,
        lacks an entry, or has a value that can't be.
    """
    file = folder / FILE
    try:
        return Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CourseError(
            f"There is no {FILE} in {folder}: make a project with `course new NAME`, and open its notebook there.",
            code="projects.no-project",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise CourseError(
            f"{FILE} can't be read ({problem}): mend that line.", code="projects.bad-settings"
        ) from problem
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        entry = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise CourseError(f"{FILE}, {entry}: {said[0].lower()}{said[1:]}.", code="projects.bad-settings") from None
