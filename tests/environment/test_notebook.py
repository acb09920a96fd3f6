"""A notebook that the setup cell prepared, in a real kernel.

Stop says one line and leaves nothing running, and a missing name says where the lesson makes it.
"""

import json
import os
import shutil
import sys
import sysconfig
import time
from types import SimpleNamespace

import psutil
import pytest
from fastprogress import fastprogress
from jupyter_client.manager import start_new_kernel
from support.project import ROOT

from course_utils import notebook

SETUP = """
import time, torch, course_utils.notebook
from fastai.vision.all import *
from course_utils.experiments import run_parallel
from course_utils.quiz.execution import limited
course_utils.notebook.prepare()
class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        time.sleep(0.05)
        return torch.zeros(3), 0
class Waiting(Callback):
    def after_batch(self):
        print("now"); time.sleep(60)
def wait(seconds):
    time.sleep(seconds)
def fit():
    dls = DataLoaders.from_dsets(Slow(), Slow(), bs=2)
    Learner(dls, torch.nn.Linear(3, 2), loss_func=CrossEntropyLossFlat(), cbs=Waiting()).fit(1)"""
TEXTS = """
import os
os.environ |= {"COURSE_IMAGES": "drawings", "COURSE_NETWORK": "small"}
from course_utils import backbones, training
from course_utils.data.text.word_loaders import language_loaders
from course_utils.data.text.words import SPECIAL
from course_utils.tasks import TextTask
from course_utils.tasks.language import language_learner
from course_utils.tasks.running import train
from course_utils.training.text.ulmfit import fit_ulmfit
reviews = TextTask("reviews", bs=4, longest=24, split=(2, 2))
words = [["xxbos", "xxunk"] * 99]
def language_model():
    model = backbones.awd_lstm(None, [*SPECIAL, "a"])
    learn = language_learner(language_loaders(words, words, model.vocabulary, bs=2), model)
    learn.add_cb(Waiting())
    return learn
"""
LONG = {
    "a loop of one's own": "print('now')\nwait(60)",
    "fastai's training": "print('fit')\nfit()",
    "processes": "print('now')\nrun_parallel(wait, [(0.1,), (60,), (60,)], jobs=2)",
    "a DataLoader's processes": "data = DataLoader(Slow(), bs=2, num_workers=2)\nfor _ in data: print('now')",
    "the check of an exercise": "print('now')\nwith limited(60): wait(60)",
    "a training of texts": "print('fit')\ntrain(reviews, training.LoRA(1), 4, 0, cbs=[Waiting()])",
    "a training of texts on stored features": "train(reviews, training.HeadOnly(1), 4, 0, cbs=[Waiting()])",
    "a language model's training": "fit_ulmfit(language_model(), 1, 1e-2, discriminative=False, gradual=False)",
}


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel()
    try:
        assert run(manager, client, SETUP + TEXTS)[0] == "ok"
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(manager, client, code, stop=False):
    """Run code, and stop it once it has said "now"; the reply's status and the errors shown."""
    asked, errors = client.execute(code), []
    while True:
        message = client.get_iopub_msg(timeout=100)
        if message["parent_header"].get("msg_id") != asked:
            continue
        content = message["content"]
        if message["msg_type"] == "error":
            errors.append(content["traceback"])
        if stop and "now" in content.get("text", ""):
            stop = False
            time.sleep(0.5)
            manager.interrupt_kernel()
        if content.get("execution_state") == "idle":
            while (reply := client.get_shell_msg(timeout=10))["parent_header"].get("msg_id") != asked:
                pass
            return reply["content"]["status"], errors


@pytest.mark.parametrize("what", LONG)
def test_stop_says_one_line_and_leaves_nothing_running(kernel, what):
    manager, client = kernel
    before = set(psutil.Process(manager.provisioner.pid).children(recursive=True))
    source = LONG[what].splitlines()
    status, [[line]] = run(manager, client, LONG[what], stop=True)
    assert status == "error", "so that Run All ends here"
    assert line == f"Stopped in line {len(source)}, {source[-1]}. {notebook.AGAIN}"
    assert run(manager, client, "1 + 1") == ("ok", [])
    left = set(psutil.Process(manager.provisioner.pid).children(recursive=True)) - before
    assert not psutil.wait_procs(left, timeout=5)[1]


def test_rows_of_training_tables_keep_to_the_page_and_only_once(monkeypatch):
    monkeypatch.setattr(fastprogress, "html_styles", "<style></style>")
    notebook.make_training_tables_readable()
    notebook.make_training_tables_readable()
    assert fastprogress.html_styles == f"<style></style>{notebook.READABLE}"


LESSON = {
    "setup": "from course_utils.environment import setup\n%pip install x\nimport pandas as pd",
    "makes": "with open('x') as file:\n    learn, (dls, few) = 1, (2, 3)\nsquares = [hidden for hidden in range(3)]",
    "writes": "def share(rows):\n    inner = 1\n    return inner",
    "half": "score = share(",
}


def test_the_names_that_a_lesson_makes_are_read_from_its_notebook():
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in LESSON.values()]
    page = {"cells": [{"cell_type": "markdown", "source": ["text = 1"]}, *cells]}
    assert set(notebook.names_made(page)) == {"setup", "pd", "file", "learn", "dls", "few", "squares", "share"}
    for broken in (None, [], {"cells": 3}, {"cells": [{}]}):
        assert list(notebook.names_made(broken)) == []


@pytest.mark.parametrize("fails", [False, True])
def test_on_colab_the_names_come_from_the_page_that_has_the_notebook(monkeypatch, tmp_path, fails):
    def request(name, timeout_sec):
        assert name == "get_ipynb" and timeout_sec < 10 and not fails
        return {"ipynb": {"cells": [{"cell_type": "code", "source": ["learn = 1"]}]}}

    monkeypatch.setitem(sys.modules, notebook.COLAB, SimpleNamespace(blocking_request=request))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "01_lesson.ipynb").write_text("no notebook")
    assert [list(notebook.names_made(page)) for page in notebook._notebooks("01_lesson")] == [["learn"]][fails:]


def test_a_name_of_a_cell_that_never_ran_is_told_where_it_is_made(kernel, tmp_path):
    cells = [{"cell_type": "code", "source": ["dls, few = 1, 2"]}]
    (tmp_path / "01_lesson-Copy1.ipynb").write_text(json.dumps({"cells": cells}))  # as JupyterLab names a copy
    code = f"import os\nos.chdir({str(tmp_path)!r})\ncourse_utils.notebook.prepare('01_lesson')"
    assert run(*kernel, code)[0] == "ok"
    status, [lines] = run(*kernel, "print(few)")
    assert status == "error" and lines[-1] == f"few is made in a cell above: {notebook.ABOVE}."
    assert "NameError" in "".join(lines[:-1])
    for other in ("fwe", "exec('few')"):  # misspelt, and of a library's own code
        _, [lines] = run(*kernel, other)
        assert "made in a cell" not in "".join(lines) and "NameError" in "".join(lines)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A kernel that has just been started for lesson 01, with what the course puts into its environment."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(ROOT / "labconfig" / "course_startup.py", startup)
    cells = [
        "from course_utils.environment import setup\n\ncourse = setup('01_first_finetune')",
        "from course_utils.quiz import ask\n\nask('01.1')",
        "learn = ask",
    ]
    page = {"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]}
    for name, some in (("lesson", page), ("mine", {"cells": page["cells"][1:]})):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(some))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    kernels = []

    def start(name):
        monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / f"{name}.ipynb"))
        kernels.append(start_new_kernel(cwd=str(tmp_path)))
        return kernels[-1]

    yield start
    for manager, client in kernels:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_in_a_fresh_kernel_a_missing_name_says_what_to_run_first(fresh):
    lesson = fresh("lesson")
    for code, advice in (
        (
            "ask('01.9')",
            "the setup cell, which is the first code cell, and then the cell with `from course_utils.quiz ",
        ),
        ("learn", f"none has run since the kernel started: {notebook.ABOVE}."),
        ("course", f"none has run since the kernel started: {notebook.ABOVE}."),
    ):
        status, [lines] = run(*lesson, code)
        assert status == "error" and advice in lines[-1] and "NameError" in "".join(lines[:-1])
    assert "above" not in "".join(run(*lesson, "aks")[1][0])  # misspelt
    assert run(*lesson, "await_setup")[0] == "error", "nothing of ours is left in the learner's names"


def test_a_notebook_that_is_no_lesson_is_left_alone(fresh):
    mine = fresh("mine")
    _, [lines] = run(*mine, "ask('01.9')")
    assert "NameError" in "".join(lines) and "above" not in "".join(lines)
    noted = "import sys\nassert sys.last_value.name == 'ask' and sys.last_traceback.tb_frame"
    assert run(*mine, noted) == ("ok", []), "as %debug needs it"


def test_after_the_setup_cell_an_imported_name_says_which_cell_brings_it():
    page = {"cells": [{"cell_type": "code", "source": ["from course_utils.quiz import ask, check\n", "x = ask"]}]}
    assert notebook._advice("check", page, False).endswith(
        "run the cell with `from course_utils.quiz import ask, check`."
    )
    assert notebook._advice("x", page, False) == f"x is made in a cell above: {notebook.ABOVE}."


@pytest.mark.parametrize("ready", [notebook.prepare, notebook.await_setup], ids=["setup ran", "kernel started"])
def test_a_notebook_finds_the_course_command_of_its_own_python(monkeypatch, ready):
    """Jupyter was started by its path, and no environment is activated; a second time changes nothing."""
    scripts = sysconfig.get_path("scripts")
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", "/bin"]))
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(set_custom_exc=lambda *what: None))
    for _ in range(2):
        ready()
        assert os.environ["PATH"].split(os.pathsep) == [scripts, "/usr/bin", "/bin"]
