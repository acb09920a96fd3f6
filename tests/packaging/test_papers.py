"""The papers around the code: citation, licences, README and CONTRIBUTING agree with what is there."""

import re

import pytest
from support.project import PROJECT, ROOT


def test_the_citation_agrees_with_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {PROJECT['version']}\n" in citation
    assert PROJECT["license"] in citation


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("LICENSE", ["Apache License", "Version 2.0", "END OF TERMS AND CONDITIONS"]),
        ("LICENSE-lessons", ["Attribution 4.0 International", "Creative Commons may be contacted"]),
    ],
)
def test_the_licences_are_there_in_full(name, marks):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert all(mark in text for mark in marks)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_papers_point_at_files_and_commands_that_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#]+)", text)
    assert not [link for link in links if not (ROOT / link).exists()]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"\bmake ([a-z]+)`", text)) <= targets
