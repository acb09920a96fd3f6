"""The experiments of a lesson's text: functions of a seed in cells tagged `recorded`.

    # %% tags=["recorded:compare"]
    def compare(seed):
        return {"fine-tuned": run(True, seed), "from scratch": run(False, seed)}

A cell tagged `recorded:NAME` defines the experiment NAME; one tagged `recorded` defines what experiments need. To
record, these cells are executed in their order, and of all other cells before them nothing but the imports. An
experiment that only chooses something, such as a learning rate, and carries no claim, may say how few seeds it takes:
`recorded:NAME:3`.
"""

import ast
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

from course_utils.backbones.registry import BACKBONES
from course_utils.data.registry import DATA_SETS
from course_utils.errors import CourseError
from tools.lessons.files import Lesson, read_text

TAG = "recorded"


@dataclass(frozen=True)
class LessonExperiment:
    """An experiment of a lesson."""

    lesson: Lesson
    function: str
    cells: tuple[str, ...]  # sources of the cells that define it: those tagged before it, and its own
    imports: tuple[str, ...] = ()  # of the other cells before it
    seeds: int | None = None  # where its tag says how many it takes

    @property
    def name(self) -> str:
        """As `recorded` takes it: "01/compare"."""
        return f"{self.lesson.name.partition('_')[0]}/{self.function}"

    @cached_property
    def tree(self) -> ast.Module:
        """The code of its cells."""
        return ast.parse("\n".join(self.cells))

    def code_digest(self) -> str:
        """Make a fingerprint of its cells that doesn't change with comments, docstrings and layout."""
        tree = ast.parse("\n".join(self.cells))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]

    def data_sets(self) -> list[str]:
        """Names of the data sets that the cells load, in alphabetical order."""
        return sorted(self._words() & DATA_SETS.keys())

    def backbones(self) -> list[str]:
        """Names of the networks whose weights the cells use; `default()` is the one of a machine without a GPU."""
        words = self._words()
        usual = {each.name: each.modality for each in BACKBONES.values() if each.default_of == "small"}
        modalities = ({"images"} if words & {"default", "ImageTask"} else set()) | (
            {"text"} if words & {"TextTask", "text_learner"} else set()
        )
        named = words & BACKBONES.keys()
        named |= {"speech_resnet"} if words & {"SoundTask", "sound_learner"} else set()
        named |= {"street_detector", "resnet18_half"} if words & {"DetectionTask", "detector_learner"} else set()
        return sorted(named | {name for name, kind in usual.items() if kind in modalities})

    def _words(self) -> set[str]:
        words = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                words.add(node.attr)
            elif isinstance(node, ast.Name):
                words.add(node.id)
            elif isinstance(node, ast.alias):
                words.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
        return words

    def load(self, module: ModuleType) -> Callable[[int], object]:
        """Execute the cells in a module, but none that it has executed before, and return the function."""
        executed = vars(module).setdefault("_executed", [])
        new = [source for source in (*self.imports, *self.cells) if source not in executed]
        exec(compile("\n".join(new), f"{self.lesson.text} ({self.name})", "exec"), vars(module))
        executed += new
        return getattr(module, self.function)


def experiments_of(lesson: Lesson) -> list[LessonExperiment]:
    """Return the experiments of a lesson, in the order of its text.

    Raises
    ------
    CourseError
        `tools.no-experiment` where a cell tagged `recorded:NAME` doesn't define a function NAME of a seed.
    """
    cells: list[str] = []
    imports: list[str] = []
    found = []
    for cell in read_text(lesson).cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag.partition(":")[0] == TAG]
        if not tags:
            imports += _imports(cell.source) if cell.cell_type == "code" else []
            continue
        cells.append(cell.source)
        _, name, seeds = f"{tags[0]}::".split(":")[:3]
        if not name:
            continue
        defined = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
        if not any(node.name == name and [each.arg for each in node.args.args][:1] == ["seed"] for node in defined):
            raise CourseError(
                f"{lesson.text} has a cell tagged {tags[0]} that defines no function {name}(seed): define it there.",
                code="tools.no-experiment",
            )
        found.append(LessonExperiment(lesson, name, tuple(cells), tuple(imports), int(seeds) if seeds else None))
    return found


def _imports(source: str) -> list[str]:
    """Return the import statements at the top level of a cell; one with IPython's own syntax has none that count."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    return [ast.unparse(node) for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
