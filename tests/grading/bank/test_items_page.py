"""docs/items.md: its tables are those of the classes, and its examples are sound; so is what the guide compares."""

import collections
import math
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from needs import bwrap, run
from support.items.table import FIELDS, KINDS, PAGE, PRACTICE, said, tables, written
from typer.main import get_command

from course_utils.cli.quiz import app
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedModel, GradedQuiz
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.marking.comparing import Rules, same
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.selftest import faults
from course_utils.grading.sandbox.values import decode, encode
from course_utils.grading.sandbox.worker_pool import WorkerPool
from course_utils.quiz.reading import read

TEXT = PAGE.read_text(encoding="utf-8")
GUIDE = (PAGE.parent / "grading.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S)
HEAD, ITEMS = BLOCKS[0], [yaml.safe_load(block)[0] for block in BLOCKS[1:]]


def quiz_of(*items) -> GradedQuiz:
    head = yaml.safe_load(HEAD) | {"items": list(items)}
    return read(yaml.safe_dump(head, sort_keys=False), "90_example.yaml", GradedQuiz)


@pytest.mark.parametrize("name", tables())
def test_a_table_is_that_of_the_class(name):
    assert written(TEXT, name) == tables()[name], "run tests/support/items/table.py"


def test_every_field_is_described_and_no_other():
    fields = {field for form in (GradedQuiz, *KINDS.values()) for field in form.model_fields} - PRACTICE
    assert {name.partition(".")[2] or name for name in FIELDS} == fields
    assert {item["kind"] for item in ITEMS} == set(KINDS)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["topic"])
def test_a_fields_example_can_stand_in_an_item(item):
    form = KINDS[item["kind"]]
    for field in set(form.model_fields) - PRACTICE - {"id", "kind"}:
        _, example = said(item["kind"], field)
        changed = item | {field: yaml.safe_load(example)}
        if field in ("points", "rubric") and item["kind"] == "free text":
            changed |= {"rubric": [{"text": "says why", "points": changed["points"]}]}
        if field in ("stem", "variant") and item["kind"] == "varied number":
            changed |= {one: yaml.safe_load(said(item["kind"], one)[1]) for one in ("stem", "variant", "mistakes")}
        found = getattr(quiz_of(changed).items[0], field)
        assert found is not None, field


@bwrap
def test_the_examples_are_sound():
    """All but the network, which would import torch for this alone: it is that of the example bank."""
    light = Assignment(quiz_of(*(one for one in ITEMS if one["kind"] != "model")), PUBLIC, personal=True)

    async def proven():
        async with WorkerPool(2, ["numpy"]) as pool:
            return await faults(Marker(light, pool))

    assert run(proven()) == []
    assert any(isinstance(one, GradedModel) for one in quiz_of(*ITEMS).items)


def test_its_commands_and_links_exist():
    commands = get_command(app).commands
    for line in re.findall(r"^course quiz (.*)$", TEXT, re.M):
        name, *arguments = line.split()
        commands[name].make_context(name, arguments)
    pages = {"": TEXT, "items.md": TEXT, "grading.md": GUIDE}
    titles = {page: re.findall(r"^#+ (.*)", text, re.M) for page, text in pages.items()}
    slugs = {
        page: {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}
        for page, found in titles.items()
    }
    for text in (TEXT, GUIDE):
        for page, slug in re.findall(r"\]\(((?:items|grading)\.md)?#([^)]*)\)", text):
            where = page if page else ("" if text is TEXT else "grading.md")
            assert slug in slugs[where], (page, slug)


def test_what_the_guide_says_is_right_is_right():
    names = {"np": np, "pd": pd, "math": math, "Counter": collections.Counter}
    rows = re.findall(r"^\| (`[^|]*) \| (`[^|]*) \| (`[^|]*) \|$", GUIDE.split("| right too | not right |")[1], re.M)
    assert len(rows) == 9
    for wanted, right, wrong in rows:
        (expected,) = (decode(encode(eval(code, names))) for code in re.findall("`(.*?)`", wanted))
        for codes, agrees in ((right, True), (wrong, False)):
            for code in re.findall("`(.*?)`", codes):
                assert same(expected, decode(encode(eval(code, names))), Rules()) is agrees, (wanted, code)
