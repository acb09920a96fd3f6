"""`python -m tools links`: every badge, install line and table row agrees with pyproject.toml and the registry."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.errors import refused

from course_utils import lessons
from tools import links

ROOT = Path(__file__).parents[2]
LOCAL = shutil.ignore_patterns(".venv", ".git", "__pycache__", "artefacts", "*.egg-info", "build", "course_utils")


@pytest.fixture
def papers(tmp_path) -> Path:
    """A copy of everything that the repository's address could stand in."""
    return shutil.copytree(ROOT, tmp_path / "papers", ignore=LOCAL)


def move(papers: Path, address: str) -> None:
    project = papers / "pyproject.toml"
    project.write_text(project.read_text().replace(links.read_address(papers), address))


def test_every_link_agrees_with_pyproject():
    assert [str(path) for path, _ in links.disagreeing(ROOT)] == []


def test_a_new_address_reaches_every_place_that_held_the_old_one(papers):
    old = links.read_address(papers).removeprefix("https://github.com/")
    move(papers, "https://github.com/some-school/tuning.course")
    moved = dict(links.disagreeing(papers))
    assert {"README.md", "CITATION.cff", "00_start.py"} <= {path.name for path in moved}
    for path, text in moved.items():
        path.write_text(text)
    assert list(links.disagreeing(papers)) == []
    texts = {path: path.read_text(errors="ignore") for path in papers.rglob("*") if path.is_file()}
    assert not [path for path, text in texts.items() if old in text]


def test_the_command_rewrites_and_check_only_tells(papers, monkeypatch):
    move(papers, "https://github.com/some-school/course")
    before = (papers / "README.md").read_text()
    command = [sys.executable, "-m", "tools", "links"]
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    check = subprocess.run([*command, "--check"], cwd=papers, capture_output=True, text=True)
    assert check.returncode == 1 and "README.md disagrees with pyproject.toml" in check.stdout
    assert (papers / "README.md").read_text() == before
    assert subprocess.run(command, cwd=papers, capture_output=True).returncode == 0
    assert subprocess.run([*command, "--check"], cwd=papers, capture_output=True).returncode == 0


def test_the_website_is_where_github_serves_the_repository():
    text = "On [the website](https://old.github.io/course/), and [Flower](https://flower.github.io/flower/)."
    assert links.derive(text, "https://github.com/Some-School/tuning.course") == (
        "On [the website](https://some-school.github.io/tuning.course/), and [Flower](https://flower.github.io/flower/)."
    )


def test_links_to_other_repositories_are_left_alone():
    other = "See https://github.com/someone/else and `pip install git+https://github.com/someone/else`."
    assert links.derive(other, "https://github.com/some-school/course") == other


def test_what_colab_lacks_is_installed_with_the_course_in_every_lesson(papers):
    project = papers / "pyproject.toml"
    for now, wanted in (('["one-thing", "another"]', "one-thing another "), ('["a"]', "a "), ("[]", "")):
        project.write_text(re.sub(r"^colab-lacks = .*$", f"colab-lacks = {now}", project.read_text(), flags=re.M))
        for path, text in list(links.disagreeing(papers)):
            path.write_text(text)
        assert list(links.disagreeing(papers)) == []
        for path in (papers / "lessons" / "text").glob("*.py"):
            notebook = json.loads((papers / "lessons" / f"{path.stem}.ipynb").read_text())
            setup = next(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
            for source in (path.read_text(), "".join(setup)):
                (installs,) = re.findall(r"%pip install .*", source)
                assert installs.startswith(f"%pip install -q --no-deps {wanted}git+https://")


def test_a_setup_cell_of_another_form_becomes_that_of_every_lesson(papers):
    text = papers / "lessons" / "text" / "00_start.py"
    good = text.read_text()
    before, _, rest = good.partition("# %%\n")
    _, call, after = rest.partition('course = setup("00_start")\n')
    text.write_text(
        f"{before}# %%\ntry:\n    from course_utils.environment import setup\nfinally:\n    pass\n\n{call}{after}"
    )
    assert dict(links.disagreeing(papers)) == {text: good}
    text.write_text(before + after)
    assert list(links.disagreeing(papers)) == []  # the lessons' check names what is missing


def test_a_releases_badges_and_install_lines_name_its_tag_and_come_back_to_main(papers):
    before = {path: path.read_text() for path in papers.rglob("*") if path.suffix in (".md", ".py", ".ipynb")}
    project = papers / "pyproject.toml"
    for ref, installed in (("v0.1.0", "fine-tuning-course@v0.1.0"), ("v0.2.0", "fine-tuning-course@v0.2.0")):
        project.write_text(re.sub(r'^ref = ".*"$', f'ref = "{ref}"', project.read_text(), flags=re.M))
        for path, text in list(links.disagreeing(papers)):
            path.write_text(text)
        assert list(links.disagreeing(papers)) == []
        for path in ("README.md", "lessons/04_freezing.ipynb", "lessons/text/04_freezing.py"):
            text = (papers / path).read_text()
            assert f"/fine-tuning-course/blob/{ref}/lessons/04_freezing.ipynb" in text, path
            assert not re.search(r"colab[^)\s]*/blob/main/|mybinder[^)\s]*/main\?", text), path
        assert text.count(installed) == 1 and "%pip install -q --no-deps optuna" in text
        slug = links.read_address(papers).removeprefix("https://github.com/")
        assert f"mybinder.org/v2/gh/{slug}/{ref}?" in (papers / "README.md").read_text()
    project.write_text(re.sub(r'^ref = ".*"$', 'ref = "main"', project.read_text(), flags=re.M))
    for path, text in list(links.disagreeing(papers)):
        path.write_text(text)
    assert {path: path.read_text() for path in before} == before


def test_a_badge_copied_with_a_lesson_is_pointed_at_its_own_lesson(papers):
    copied = papers / "lessons" / "text" / "99_copied.py"
    shutil.copy(papers / "lessons" / "text" / "00_start.py", copied)
    changes = dict(links.disagreeing(papers))
    assert "/blob/main/lessons/99_copied.ipynb" in changes[copied]
    assert "lessons/00_start.ipynb" not in changes[copied]


def test_the_readmes_table_is_the_registry(papers, monkeypatch):
    new = lessons.Lesson("99_new", "Is it new?", 7, goals=("do more;", "go on."))
    monkeypatch.setattr(lessons, "LESSONS", (*lessons.LESSONS, new))
    table = dict(links.disagreeing(papers))[papers / "README.md"]
    (row,) = [line for line in table.splitlines() if "99_new" in line]
    assert row.startswith("| [99 · Is it new?](lessons/99_new.ipynb) | do more | 7 | [![Open in Colab]")
    assert row.count("badge") == 1 and row.count("/lessons/99_new.ipynb") == 1


def test_a_mistake_is_one_sentence_and_no_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run([sys.executable, "-m", "tools", "links"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("tools links: There is no pyproject.toml") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "address",
    ["https://github.com/owner", "https://github.com/owner/name.git", "https://github.com/owner/name/", "git@host:a/b"],
)
def test_an_address_that_makes_no_badge_is_refused(papers, address):
    move(papers, address)
    with refused("tools.unfit-address", address):
        list(links.disagreeing(papers))


def test_a_lesson_without_its_badge_is_told(papers):
    text = papers / "lessons" / "text" / "00_start.py"
    text.write_text(text.read_text().replace("[![Open in Colab]", "[![Elsewhere]"))
    with refused("tools.no-badge", "00_start.py"):
        list(links.disagreeing(papers))


def test_a_readme_without_its_table_is_told(papers):
    (papers / "README.md").write_text("# A course\n")
    with refused("tools.no-table", "README.md"):
        list(links.disagreeing(papers))
