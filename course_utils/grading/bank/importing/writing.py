"""Writes an imported assignment: its YAML as an author would, and the page of what is left to do."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

Listed = Sequence[tuple[int, str, str]]  # cell, why, source


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, everything else on one line where it fits."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", lines.replace("\t", "    ") if style else text, style=style)


def _number(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    return dumper.represent_int(int(number)) if number % 1 == 0 else dumper.represent_float(number)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def yaml_text(content: dict[str, Any], remark: str) -> str:
    """The file of an assignment, items apart from each other, below a remark."""
    head = {name: value for name, value in content.items() if name != "items"}
    written = [_dumped(head), "items:"]
    for item in content["items"]:
        item = {
            name: int(value) if isinstance(value, float) and value % 1 == 0 else value for name, value in item.items()
        }
        written.append(_dumped([item]))
    return f"# {remark}\n" + "\n".join(written)


def _dumped(content: Any) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def review_page(lesson: str, lost: Listed, changed: Listed) -> str:
    """What is in no item, and what to look at in those that were made."""
    page = [f"# {lesson}: what is left of the import", ""]
    page += ["Hidden tests became hidden inputs: what they should give is computed by your solution.", ""]
    for title, listed in (("In no item", lost), ("To look at", changed)):
        page += [f"## {title}", ""] if listed else []
        for cell, why, source in listed:
            page += [f"- cell {cell}: {why}.", ""]
            if source.strip():
                fence = "`" * max(3, max((len(run) for run in _runs(source)), default=0) + 1)
                page += [f"  {fence}", *(f"  {line}" for line in source.strip("\n").splitlines()), f"  {fence}", ""]
    return "\n".join(page).rstrip() + "\n"


def _runs(source: str) -> list[str]:
    return re.findall(r"`{3,}", source)
