"""The instructor's guide: its commands exist as they are written, and its term runs as it is told."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from needs import bwrap
from typer.main import get_command

from course_utils.cli.quiz import app
from course_utils.grading.sandbox import shell

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "grading.md").read_text(encoding="utf-8")
DOCKERFILE = (REPOSITORY / "docker" / "grading" / "Dockerfile").read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
LINES = [
    line.strip()
    for _, _, inside in BLOCK.findall(GUIDE)
    for line in inside.splitlines()
    if line.strip().startswith("course quiz ")
]
IN_WORDS = re.findall(r"`(?:course quiz )?(\w+)((?: [^`\n]*)? --[^`\n]*)`", GUIDE)
COMMANDS = get_command(app).commands


def parsed(name: str, arguments: list[str]) -> None:
    """Parse a command as the terminal would; what it says of an unknown option or a missing argument is raised."""
    COMMANDS[name].make_context(name, arguments)


def blocks(language: str) -> list[str]:
    return [inside for _, kind, inside in BLOCK.findall(GUIDE) if kind == language]


@pytest.mark.parametrize("line", sorted(set(LINES)))
def test_commands_parse(line):
    name, *arguments = shlex.split(line)[2:]
    parsed(name, arguments)


def test_the_parser_knows_wrong_commands():
    for name, arguments in (("grade", ["back", "--sheduler", "x"]), ("mark", []), ("export", ["lti"])):
        with pytest.raises(Exception, match=r"No such option|Missing"):
            parsed(name, arguments)


def test_commands_in_words_exist():
    told = [(name, option) for name, rest in IN_WORDS if name in COMMANDS for option in re.findall(r"--[\w-]+", rest)]
    assert len(told) >= 1
    for name, option in told:
        assert option in {one for parameter in COMMANDS[name].params for one in parameter.opts}, (name, option)


def test_every_command_is_told():
    told = {line.split()[2] for line in LINES}
    assert told | {"check"} == set(COMMANDS)  # `check` is for the authors of practice items


def test_links_lead_somewhere():
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", GUIDE, re.M)}
    for link in re.findall(r"\]\(([^)]*)\)", GUIDE):
        if link.startswith("#"):
            assert link[1:] in slugs, link
        elif not link.startswith("http"):
            assert (REPOSITORY / "docs" / link.partition("#")[0]).exists(), link


def test_the_tiers_are_told():
    rows = re.findall(r"^\| ([\w ]+) \|", GUIDE.split("### The tiers")[1].split("###")[0], re.M)
    assert rows[1:] == [tier.name for tier in shell.TIERS]


def test_the_image_is_the_container_tier(monkeypatch):
    set_there = dict(pair.split("=") for line in re.findall(r"^ENV (.*)$", DOCKERFILE, re.M) for pair in line.split())
    monkeypatch.setenv("COURSE_GRADING_CONTAINER", set_there["COURSE_GRADING_CONTAINER"])
    assert shell.in_container() and shell.CONTAINER in shell.candidates()
    assert re.search(r"install .*\bbubblewrap\b.*\blibseccomp2\b", DOCKERFILE)
    (user,) = re.findall(r"^USER (\w+)$", DOCKERFILE, re.M)
    assert user != "root"
    assert 'ENTRYPOINT ["course", "quiz"]' in DOCKERFILE


def test_the_image_is_run_with_walls():
    (run,) = re.findall(r"^#   docker run (.*?)\n#\n", DOCKERFILE, re.M | re.S)
    words = shlex.split(run.replace("\\\n#", " "))
    for wall in ("--read-only", "no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"):
        assert wall in words, wall
    for option, value in (("--network", "none"), ("--cap-drop", "ALL"), ("--tmpfs", "/tmp")):
        assert words[words.index(option) + 1] == value
    assert {"--memory", "--pids-limit"} <= set(words)
    volumes = [words[place + 1] for place, word in enumerate(words) if word == "-v"]
    assert [volume for volume in volumes if not volume.endswith(":ro")] == ["$PWD/marks:/term/marks"]
    name, *arguments = words[words.index("course-grading") + 1 :]
    parsed(name, arguments)


def test_the_image_takes_no_pool_along():
    rules = (REPOSITORY / "docker" / "grading" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        *("!pyproject.toml", "!README.md", "!LICENSE", "!requirements.lock", "!course_utils")
    }


@bwrap
@pytest.mark.timeout(300)
def test_the_term_runs(tmp_path):
    """All of the guide's sh and python, in its order, in one shell: each line must succeed."""
    script = ["set -eu"]
    for number, (_, kind, inside) in enumerate(BLOCK.findall(GUIDE)):
        if kind == "sh":
            script.append(inside)
        elif kind == "python":
            (tmp_path / f"{number}.py").write_text(inside, encoding="utf-8")
            script.append(f"python {number}.py")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=kept | {"PATH": path, "COURSE": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 items are sound" in done.stdout and "isolation: sandbox" in done.stdout
    assert "6 submissions, 6 of them done before" in done.stdout
    with (tmp_path / "marks.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    pages = sorted(page.parent.name for page in (tmp_path / "feedback").rglob("*.html"))
    assert pages == ["ada", "alan", "emmy", "grace", "katherine", "sophie"]
    assert (tmp_path / "report" / "90_example_report.html").is_file()
    assert list(tmp_path.glob("marks.backup-*.sqlite"))
    assert (tmp_path / "marks.sqlite").stat().st_mode & 0o077 == 0
    assert "The tolerance admits it".lower() in done.stdout.lower()  # the history tells the comment
