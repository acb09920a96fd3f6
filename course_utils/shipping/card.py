"""A model card from recorded facts; what nobody has filled in is refused, not left out."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from course_utils.errors import CourseError

FILE = "README.md"  # where model hubs look for the card
SECTIONS = (
    "What it is for",
    "What it is not for",
    "Who is harmed by a mistake",
    "Training data",
    "How it was trained",
    "How good it is",
    "How sure it is",
    "Limits",
    "Contact",
)
FILLERS = {"", "todo", "tbd", "na", "none", "xxx", "moreinformationneeded"}  # without what isn't a letter or digit
UNFINISHED = re.compile(r"\W*(TODO|TBD|FIXME)\b")  # "TODO: ask Anna"; "todo" may be a word of another language


def model_card(
    folder: Path | str,
    name: str,
    sections: Mapping[str, str | pd.DataFrame],
    *,
    licence: str,
    tags: tuple[str, ...] = (),
) -> Path:
    """Write a model card beside a network, as README.md, and return it.

    Parameters
    ----------
    folder : Path or str
        The network's, as `save_network` made it.
    name : str
        The network's.
    sections : mapping of str to str or DataFrame
        A text, in Markdown, or a table for each of `SECTIONS`.
    licence : str
        Of the network, such as "apache-2.0" or "other".
    tags : tuple of str
        Words that it shall be found by.

    Returns
    -------
    Path
        The card; its first lines are the metadata that the Hugging Face Hub reads, written by `huggingface_hub`.

    Raises
    ------
    CourseError
        `shipping.empty-section` for a section that is missing or says nothing, such as "TODO";
        `shipping.unknown-section` for another; `shipping.extra-missing` without huggingface-hub.
    """
    if unknown := [title for title in sections if title not in SECTIONS]:
        raise CourseError(
            f"A card has no section {unknown[0]!r}: its sections are {', '.join(map(repr, SECTIONS))}.",
            code="shipping.unknown-section",
        )
    texts = {title: as_text(sections.get(title, "")) for title in SECTIONS} | {"licence": licence.strip()}
    if empty := [title for title, text in texts.items() if _says_nothing(text)]:
        raise CourseError(
            f"The card says nothing under {', '.join(map(repr, empty))}: whoever uses the network needs to know. Write "
            "what is so, and where you don't know, that nobody has measured it.",
            code="shipping.empty-section",
        )
    try:
        from huggingface_hub import ModelCard, ModelCardData
    except ImportError as problem:
        raise CourseError(
            'A model card needs huggingface-hub: pip install "fine-tuning-course[shipping]".',
            code="shipping.extra-missing",
        ) from problem
    facts = ModelCardData(license=texts.pop("licence"), library_name="fastai", tags=list(tags) or None, model_name=name)
    body = "\n\n".join(f"## {title}\n\n{text.strip()}" for title, text in texts.items())
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    ModelCard(f"---\n{facts.to_yaml()}\n---\n\n# {name}\n\n{body}\n").save(where / FILE)
    return where / FILE


def _says_nothing(text: str) -> bool:
    return bool(UNFINISHED.match(text)) or re.sub(r"[\W_]", "", text).lower() in FILLERS


def as_text(given: str | pd.DataFrame) -> str:
    """Give Markdown: a text as it is, a table as a table, and one without a value as nothing."""
    if not isinstance(given, pd.DataFrame):
        return str(given)
    rows = [[str(column) for column in given], ["---"] * len(given.columns)]
    rows += [["" if pd.isna(value) else f"{value}" for value in row] for row in given.itertuples(index=False)]
    lines = [" | ".join(text.replace("|", r"\|") for text in row) for row in rows]  # a bar would begin another cell
    return "\n".join(f"| {line} |" for line in lines) if given.notna().any(axis=None) else ""
