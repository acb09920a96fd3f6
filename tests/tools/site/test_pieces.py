"""The pieces of the site, without Sphinx: links, the glossary's terms, forms, broken links."""

import inspect
import subprocess
from pathlib import Path

import pytest
import yaml
from support.errors import refused

from course_utils import controls, lessons
from course_utils.quiz import reading
from course_utils.quiz.items import Code, Model
from course_utils.quiz.text import inline
from tools import site
from tools.glossary import read_terms
from tools.site import printing
from tools.site.checking import Site
from tools.site.notebooks import CONTROLS, Reading
from tools.site.places import GUIDES, TEACHING, other_guides, pages, rewrite_links
from tools.site.questions import question_html
from tools.site.reference import ROOMS, public_names

ROOT = Path(__file__).parents[3]
ADDRESS = "https://github.com/some-school/course"
LESSON = "lessons/01_first_finetune.ipynb"


@pytest.mark.parametrize(
    ("source", "link", "wanted"),
    [
        (LESSON, "../docs/glossary.md#epoch", "../glossary.md#epoch"),
        (LESSON, "00_start.ipynb", "00_start.ipynb"),
        (LESSON, f"{ADDRESS}/blob/main/docs/glossary.md#epoch", "../glossary.md#epoch"),
        (LESSON, f"{ADDRESS}/blob/main/LICENSE", f"{ADDRESS}/blob/main/LICENSE"),
        (LESSON, "#recap", "#recap"),
        (LESSON, "https://arxiv.org/abs/2202.10054", "https://arxiv.org/abs/2202.10054"),
        (LESSON, "../course_utils/quiz/items.py", f"{ADDRESS}/blob/main/course_utils/quiz/items.py"),
        ("docs/syllabus.md", "../lessons/00_start.ipynb", "lessons/00_start.ipynb"),
        ("docs/grading.md", "../README.md#start", f"{ADDRESS}/blob/main/README.md#start"),
        ("docs/grading.md", "../lessons", f"{ADDRESS}/tree/main/lessons"),
    ],
)
def test_a_link_leads_to_the_page_or_else_to_the_repository(source, link, wanted):
    assert rewrite_links(f"See [this]({link}).", source, ROOT, ADDRESS) == f"See [this]({wanted})."


def test_a_link_to_a_missing_file_is_refused_and_code_is_left_alone():
    with refused("tools.broken-link", "docs/grading.md", "nowhere.md"):
        rewrite_links("[this](nowhere.md)", "docs/grading.md", ROOT, ADDRESS)
    code = "`[this](nowhere.md)`\n\n```\n[that](nowhere.md)\n```\n"
    assert rewrite_links(code, "docs/grading.md", ROOT, ADDRESS) == code


def test_every_guide_of_docs_has_a_page_and_the_menu_names_those_that_are_there(tmp_path):
    assert {f"docs/{name}.md" for name in (*GUIDES, *TEACHING)} <= set(pages(ROOT))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "glossary.md").touch()
    (tmp_path / "docs" / "new.md").touch()
    assert other_guides(tmp_path) == ["new"] and pages(tmp_path)["docs/new.md"] == "new.md"


def test_terms_are_read_with_their_other_forms_and_their_meaning():
    freezing, weight, decay = terms = read_terms(
        "# Glossary\n\n### freezing\n<!-- also: freeze, frozen -->\nKeeping [weights](#weight) as they are. More.\n\n"
        "### weight\n<!-- not in: weight of a truck -->\nA number.\n\n### weight decay\nLess.\n"
    )
    assert (freezing.name, freezing.also) == ("freezing", ("freeze", "frozen"))
    assert freezing.meaning == "Keeping weights as they are." and weight.meaning == "A number."
    assert decay.anchor == "weight-decay"
    for term, text, use in (
        (freezing, "Frozen bodies", "Frozen"),
        (freezing, "a freezer, un-frozen", None),
        (weight, "the weight of a truck and its weights", "weights"),
        (weight, "weight decay", None),
        (decay, "some weight\ndecay", "weight\ndecay"),
    ):
        found = term.first_use(text, terms)
        assert (found and found[0]) == use, text


@pytest.mark.parametrize(
    ("lesson", "text", "name", "use"),
    [
        ("00", "JupyterLab's user guide: cells, kernels, shortcuts.", "shortcut", None),
        ("10", "It found a shortcut: a scanner's mark.", "shortcut", "shortcut"),
        ("17", "a bottleneck with a shortcut around it", "shortcut", None),
        ("02", "We average each map within the cells, and each map's maximum", "mean average precision", None),
        ("14", "its mAP is the mean average precision", "mean average precision", "mAP"),
        ("04", "A recycling centre's camera at the gate", "gate", None),
        ("12", "It has gates that decide what its state keeps.", "gate", "gates"),
        ("06", "The line hides two stages and three groups.", "stage", None),
        ("05", "the blocks up to stage 2", "stage", "stage"),
        ("15", "images of a head made by magnetic resonance", "head", None),
        ("15", "Train the head first.", "head", "head"),
        ("02", "You train the detector from random weights.", "detector", None),
        ("10", "some are mistakes of the detector", "detector", None),
        ("01", "He et al. found it for object detectors.", "detector", "detectors"),
        ("15", "its average confidence should equal its accuracy", "confidence", None),
    ],
)
def test_a_word_is_linked_only_where_it_means_the_term(lesson, text, name, use):
    terms = read_terms((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    term = next(one for one in terms if one.name == name)
    found = term.first_use(text, terms) if term.may_be_in(lesson) else None
    assert (found and found[0]) == use


def test_the_glossary_is_in_order_and_no_two_terms_share_a_word():
    terms = read_terms((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    assert len(terms) > 80
    words = [word.casefold() for term in terms for word in (term.name, *term.also)]
    assert len(words) == len(set(words))
    assert all(term.meaning for term in terms)


def test_every_question_is_a_form_with_its_answer_folded_away():
    for number in reading.numbers():
        for item in reading.lesson_quiz(number).items:
            if isinstance(item, (Code, Model)):
                continue
            page = question_html(item)
            assert page.count("<form") == page.count("</form>") == page.count("<details") == 1
            assert "$" not in page.partition("<script")[0], f"{item.id}: a formula was left as it is"
            shown = page.partition("<details")[0]
            assert f"hidden>{'Read on in' if item.below else 'Reread'} <a href=" in shown and "and try again." in shown
            for option in getattr(item, "options", ()):
                assert option.feedback not in shown


def page(folder: Path, name: str, body: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"<html><body>{body}</body></html>")


def test_broken_links_are_told_and_sound_ones_are_not(tmp_path):
    sound = '<h2 id="there">T</h2><a href="#there">x</a><a href="sub/">y</a><a href="sub/index.html#deep">z</a>'
    page(tmp_path, "index.html", sound + '<a href="https://example.org/a">w</a><img alt="a cat" src="cat.png">')
    page(tmp_path, "sub/index.html", '<p id="deep"></p><a href="../index.html">up</a>')
    (tmp_path / "cat.png").touch()
    assert list(Site(tmp_path).broken()) == []
    broken = '<a href="gone.html">a</a><a href="sub/#gone">b</a><a href="https:///x">c</a><a href="javascript:x">d</a>'
    page(tmp_path, "bad.html", broken + '<a href="../outside.html">e</a><img src="cat.png">')
    told = list(Site(tmp_path).broken())
    assert len(told) == 6 and all(line.startswith("bad.html: ") for line in told)


def test_the_reference_has_every_public_function_of_the_rooms_that_lessons_import():
    used = {
        line.split()[1].split(".")[1]
        for lesson in lessons.LESSONS
        for line in (ROOT / "lessons" / "text" / f"{lesson.slug}.py").read_text(encoding="utf-8").splitlines()
        if line.startswith("from course_utils.")
    }
    assert used <= set(ROOMS)
    assert {"freeze_to", "describe", "replace_head"} <= set(public_names("surgery"))
    assert "setup" in public_names("environment")
    assert all(public_names(room) for room in ROOMS)


def test_without_a_browser_a_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(printing.shutil, "which", lambda name: None)
    with refused("tools.no-browser", "--no-pdf"):
        printing.find_browser()


def test_the_workflow_publishes_what_make_site_builds():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8"))
    build, publish = workflow["jobs"]["build"]["steps"], workflow["jobs"]["publish"]
    assert [step["run"] for step in build if "run" in step] == ["make site"]
    uploaded = next(step["with"]["path"] for step in build if "upload-pages" in step.get("uses", ""))
    assert uploaded == str(inspect.signature(site.site).parameters["out"].default)
    assert publish["needs"] == "build" and publish["permissions"] == {"pages": "write", "id-token": "write"}
    recipe = subprocess.run(["make", "-n", "site"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "-m tools site" in recipe


@pytest.mark.parametrize("lesson", lessons.LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lessons_card_shows_no_raw_tag(lesson):
    assert "&lt;" not in inline(Reading(lesson, ROOT, ADDRESS).case)


def test_every_control_moves_in_the_page_or_says_where_it_runs():
    made = {name for name in controls.__all__ if name.islower()}
    moving = {name for name in made if "slider_frames" in inspect.getsource(inspect.getmodule(getattr(controls, name)))}
    assert {"threshold_slider", "confidence_slider"} <= moving
    assert made - moving == CONTROLS.keys()
