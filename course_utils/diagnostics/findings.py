"""What an inspection says: findings with evidence and cure, what is in order, and what can't be seen."""

from dataclasses import astuple, dataclass
from textwrap import fill

import pandas as pd


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong."""

    what: str
    evidence: str
    cure: str


@dataclass(frozen=True)
class Inspection:
    """What `inspect_training` found; printed, it is the checklist."""

    findings: tuple[Finding, ...]
    sound: tuple[str, ...]  # what was looked at and is in order
    unseen: tuple[str, ...]  # what can't be seen in this learner, each with the reason

    @property
    def table(self) -> pd.DataFrame:
        """The findings, a row for each: what, evidence, cure."""
        return pd.DataFrame([astuple(found) for found in self.findings], columns=["what", "evidence", "cure"])

    def __str__(self) -> str:
        """Write the checklist, with lines of at most 110 characters."""
        lines = [f"Looks wrong: {len(self.findings) or 'nothing'}"]
        for number, found in enumerate(self.findings, 1):
            lines.append(_wrapped(f"{number}. {found.what}: {found.evidence}.", "  "))
            lines.append(_wrapped(f"Cure: {found.cure}.", "     "))
        if self.sound:
            lines.append(_wrapped(f"In order: {', '.join(self.sound)}.", ""))
        lines.append("Can't be seen from here:")
        return "\n".join(lines + [_wrapped(f"- {reason}.", "  ") for reason in self.unseen])


class Unseen(Exception):
    """Why a check can't be made."""


def _wrapped(text: str, indent: str) -> str:
    return fill(text, 110, initial_indent=indent, subsequent_indent=indent + "   ")
