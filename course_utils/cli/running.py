"""Execute a lesson in a fresh kernel and measure it, then its solutions in the same kernel."""

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbformat import NotebookNode

LESSON_SECONDS, CELL_SECONDS, PEAK_MB = 60, 20, 2000
STUCK_SECONDS = 600  # a cell that takes longer than this hangs


@dataclass
class Report:
    """What one run of a lesson showed: cells' seconds (the kernel's start not included) and the kernel's peak memory.

    `failure` is empty when the lesson ran through; `warnings` are limits passed and text on stderr.
    """

    lesson: str
    result: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    slowest: str = ""
    slowest_seconds: float = 0.0
    failure: str = ""
    warnings: list[str] = field(default_factory=list)

    def passed(self, strict: bool = False) -> bool:
        """Whether the lesson ran through; when `strict`, without a warning."""
        return not self.failure and not (strict and self.warnings)


def run(
    name: str,
    folder: Path,
    notebook: NotebookNode,
    solutions: NotebookNode | None = None,
    network: str | None = "small",
    images: str | None = None,
    locate: Callable[[int], str] | None = None,
) -> Report:
    """Execute a lesson in a fresh kernel and, if it ran through, its solutions after it.

    Parameters
    ----------
    name, folder : str, Path
        The lesson's slug, and the folder that its notebooks belong to, in which they are executed.
    notebook, solutions : NotebookNode
        What is executed; the outputs are put into them.
    network : str, optional
        "small" or "large"; None leaves the choice to the setup cell.
    images : str, optional
        "photographs" or "drawings"; None leaves the choice to the setup cell.
    locate : callable, optional
        Names a cell in a message, from its index; by default by the notebook's file and the cell's number.

    Returns
    -------
    Report
        A failure is told in it and not raised.
    """
    report = Report(name)
    locate = locate or (lambda index: f"{folder / name}.ipynb, cell {index + 1}")
    client = NotebookClient(
        notebook,
        timeout=STUCK_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        coalesce_streams=True,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    with (
        _surroundings(network, images) as surroundings,
        _peak_of_children(report),
        client.setup_kernel(env=surroundings),
    ):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                began = time.perf_counter()
                try:
                    client.execute_cell(cell, index)
                except (CellControlSignal, DeadKernelError) as error:
                    report.failure = _failure(notebook, index, error, locate(index))
                    break
                finally:
                    _note_cell(report, cell, time.perf_counter() - began)
        if solutions and not report.failure:
            report.failure = _run_solutions(client, solutions, folder / "solutions" / f"{name}.ipynb")
    report.warnings += _limits(report)
    if not report.failure:
        report.result = _result(notebook)
    return report


def _run_solutions(client: NotebookClient, solutions: NotebookNode, file: Path) -> str:
    """Execute solutions and checks after the lesson; what failed, or "". Their time isn't the lesson's."""
    client.nb = solutions  # the client puts each cell that it has run back into its notebook
    code = [(index, cell) for index, cell in enumerate(solutions.cells) if cell.cell_type == "code"]
    for count, (index, cell) in enumerate(code, 1):
        try:
            client.execute_cell(cell, index)
            cell.execution_count = count  # not counted on from the lesson, whose edits would change it
        except (CellControlSignal, DeadKernelError) as error:
            return f"{file} ({cell.id}): {getattr(error, 'ename', 'stopped')}: {getattr(error, 'evalue', '')}"
        said = " ".join(out.get("data", {}).get("text/plain", "") for out in cell.outputs)
        if cell.id.startswith("check-") and not said.startswith("Right."):
            return f"{file} ({cell.id}): the solution fails its check: {said}"
    return ""


@contextmanager
def _surroundings(network: str | None, images: str | None) -> Iterator[dict[str, str]]:
    """The kernel's environment: network and images, and a file of answers that is nobody's."""
    choices = {"COURSE_NETWORK": network, "COURSE_IMAGES": images}
    with tempfile.TemporaryDirectory() as folder:
        chosen = {name: choice for name, choice in choices.items() if choice}
        yield os.environ | chosen | {"COURSE_PROGRESS": str(Path(folder, "progress.sqlite"))}


def _memory(processes: list[psutil.Process], attribute: str) -> int:
    """Bytes that processes take in all; those that ended meanwhile take none."""
    total = 0
    for process in processes:
        try:
            taken = process.memory_info() if attribute == "rss" else process.memory_full_info()
            total += getattr(taken, attribute, taken.rss)
        except psutil.Error:
            continue
    return total


@contextmanager
def _peak_of_children(report: Report) -> Iterator[None]:
    """Note the largest memory of our child processes, the kernel and its workers, sampled twice a second.

    What several of them share is divided among them, where the system tells (Linux). That takes the kernel of the
    system a while, in which the process stands still, so it is asked only when the sum of resident sizes has grown.
    """
    done = threading.Event()
    before = set(psutil.Process().children(recursive=True))

    def sample() -> None:
        highest = 0
        while not done.wait(0.5):
            ours = [process for process in psutil.Process().children(recursive=True) if process not in before]
            resident = _memory(ours, "rss")
            if resident > 1.02 * highest:
                highest = resident
                report.peak_mb = max(report.peak_mb, _memory(ours, "pss") / 1e6)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _note_cell(report: Report, cell: NotebookNode, seconds: float) -> None:
    report.seconds += seconds
    if seconds > report.slowest_seconds:
        report.slowest, report.slowest_seconds = f"[{cell.execution_count or '*'}] {title(cell)}", seconds
    noise = "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stderr")
    lines = [line for line in re.split(r"[\r\n]+", noise) if line.strip() and not re.search(r"\d+%\|", line)]
    if lines:
        report.warnings.append(f"[{cell.execution_count or '*'}] {title(cell)} wrote to stderr: {lines[0].strip()}")


def title(cell: NotebookNode) -> str:
    """A few words that name a cell in a message: its heading or its first line."""
    first = next((line for line in cell.source.splitlines() if line.strip()), "empty")
    return first.lstrip("# ")[:60]


def _failure(notebook: NotebookNode, index: int, error: Exception, where: str) -> str:
    """Where it stopped, under which heading, and the error's last line."""
    sources = [cell.source for cell in notebook.cells[:index] if cell.cell_type == "markdown"]
    headings = re.findall(r"^#+ (.+)$", "\n".join(sources), re.M)
    if isinstance(error, CellExecutionError):
        reason = f"{error.ename}: {error.evalue}".strip().splitlines()[0]
    elif isinstance(error, DeadKernelError):
        reason = "the kernel died; out of memory is the usual cause"
    else:
        reason = f"the cell ran for more than {STUCK_SECONDS} s"
    return f"{where} ({headings[-1] if headings else 'no heading yet'}): {title(notebook.cells[index])!r}: {reason}"


def _limits(report: Report) -> list[str]:
    measured = [
        (report.seconds > LESSON_SECONDS, f"took {report.seconds:.0f} s, the limit is {LESSON_SECONDS} s"),
        (
            report.slowest_seconds > CELL_SECONDS,
            f"{report.slowest} took {report.slowest_seconds:.0f} s, a cell's limit is {CELL_SECONDS} s",
        ),
        (report.peak_mb > PEAK_MB, f"used {report.peak_mb:.0f} MB, the limit is {PEAK_MB} MB"),
    ]
    return [text for passed, text in measured if passed]


def _result(notebook: NotebookNode) -> str:
    """The last line of what the cell tagged `result` printed or showed."""
    for cell in notebook.cells:
        if "result" in cell.metadata.get("tags", []):
            said = (_said(out) for out in cell.outputs)
            lines = [line for text in said for line in text.splitlines() if line.strip()]
            return lines[-1].strip() if lines else "the cell tagged result showed nothing"
    return "no cell is tagged result"


def _said(output: NotebookNode) -> str:
    """What an output prints, or shows as a result."""
    data = output.get("data", {})
    return output.get("text", "") or (data["text/plain"] if 'class="result"' in data.get("text/html", "") else "")


def heading(names: list[str]) -> str:
    """The first line of the table of the lessons of these names."""
    return f"{'lesson':{_width(names)}}  {'seconds':>7}  {'peak MB':>7}  {'slowest cell':36}  result"


def row(report: Report, names: list[str]) -> str:
    """The lesson's line of the table, and one line for each warning."""
    slowest = f"{report.slowest_seconds:5.1f} s {report.slowest}"[:36]
    result = f"FAILED {report.failure}" if report.failure else report.result
    line = f"{report.lesson:{_width(names)}}  {report.seconds:7.1f}  {report.peak_mb:7.0f}  {slowest:36}  {result}"
    return "\n".join([line, *(f"  warning: {warning}" for warning in report.warnings)])


def _width(names: list[str]) -> int:
    return max(map(len, names))
