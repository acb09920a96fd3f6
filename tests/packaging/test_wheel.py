"""The wheel of the repository: what it holds, and that the course runs from it with what it declares and no more."""

import json
import zipfile
from pathlib import Path

import jupytext
import pytest
from support.project import PROJECT, ROOT, outside, run

MUST_HOLD = {
    "course_utils/__init__.pyi",
    "course_utils/backbones/resnet18_half.json",
    "course_utils/backbones/resnet18_half.safetensors",
    "course_utils/course.mplstyle",
    "course_utils/grading/returning/templates/base.html.j2",
    "course_utils/quizzes/00_start.yaml",
    "course_utils/quizzes/10_honest_numbers.yaml",
}
# Imported by the commands that need them, which name the extra where it is missing.
NEED_EXTRAS = ("course_utils.cli.running", "course_utils.grading.returning.browser.")


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel):
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "course_utils").rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    [startup] = packed - package
    assert startup.endswith(".data/data/etc/ipython/startup/course_startup.py")  # IPython runs it as a kernel starts
    assert packed - {startup} == package >= MUST_HOLD
    assert {name.split("/")[0] for name in package} == {"course_utils"}  # no tests, no tools, no top-level quizzes


@pytest.fixture
def away(tmp_path, monkeypatch) -> dict[str, str]:
    """The variables of a user, who stands in an empty folder outside the clone."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    places = {"COURSE_DATA_DIR": tmp_path / "data", "COURSE_PROGRESS": tmp_path / "progress.sqlite"}
    return outside() | {"COURSE_PROFILE": "mini"} | {name: str(path) for name, path in places.items()}


@pytest.mark.timeout(600)
def test_every_module_imports_and_the_doctor_is_content(empty_environment, away):
    everything = (
        f"NEED_EXTRAS = {NEED_EXTRAS}\n"
        + """if True:
        import importlib, json, pkgutil, warnings
        warnings.simplefilter("ignore")
        import course_utils
        for found in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
            if not found.name.startswith(NEED_EXTRAS):
                importlib.import_module(found.name)
        print(json.dumps([course_utils.__file__, course_utils.__version__]))
    """
    )
    file, version = json.loads(run(empty_environment, "-c", everything, env=away).splitlines()[-1])
    assert Path(file).is_relative_to(empty_environment.parents[1])
    assert version == PROJECT["version"]
    told = run(empty_environment.with_name("course"), "doctor", env=away)
    assert "The course runs on this machine." in told


def test_a_question_is_rendered(empty_environment, away):
    code = """if True:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.utils.capture import capture_output
        InteractiveShell.instance()
        from course_utils.quiz import ask
        with capture_output() as shown:
            ask("00.1")._ipython_display_()
        print(shown.outputs[0].data["text/html"])
    """
    page = run(empty_environment, "-c", code, env=away)
    assert "Question 00.1" in page and "<details><summary>Answer</summary>" in page


@pytest.mark.timeout(600)
def test_the_cells_of_a_lesson_run(empty_environment, away, tmp_path):
    """Lesson 00 with its solutions, from its text; a cell that shows an error is there to do so."""
    notebook = jupytext.read(ROOT / "lessons" / "text" / "00_start.py")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = [[cell.source, "raises-exception" in cell.metadata.get("tags", [])] for cell in cells]
    (tmp_path / "cells.json").write_text(json.dumps(cells), encoding="utf-8")
    code = f"""if True:
        import json
        import matplotlib
        matplotlib.use("agg")
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for source, fails in json.load(open({str(tmp_path / "cells.json")!r}, encoding="utf-8")):
            result = shell.run_cell(source)
            if fails:
                assert not result.success, source
            else:
                result.raise_error()
    """
    told = run(empty_environment, "-c", code, env=away)
    assert "network   small" in told and "ready, on cpu: " in told and told.count("Right.") >= 2
