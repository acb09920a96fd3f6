"""What becomes which page, and where a link to a file of the repository leads from there."""

import posixpath
import re
from pathlib import Path

from course_utils import lessons
from course_utils.errors import CourseError

GUIDES = {  # pages of docs/, in the order of the menu
    "install": "Install and start",
    "decision_guide": "Which way to fine-tune?",
    "cheat_sheet": "Cheat sheet",
    "your_own_images": "Your own images",
    "networks": "Which networks work",
    "practice": "Practice and progress",
    "choices": "The two choices",
    "data": "Data and licences",
    "glossary": "Glossary",
}
TEACHING = {"syllabus": "Syllabus: a term, a weekend", "grading": "Graded quizzes", "items": "Graded items"}
PRINTED = ("cheat_sheet", "decision_guide")  # one page of paper each, as PDF too
LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?(?=[)\s])")
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.M | re.S)


def pages(root: Path) -> dict[str, str]:
    """Which page each file of a clone becomes: {"docs/glossary.md": "glossary.md"}."""
    found = {f"lessons/{lesson.slug}.ipynb": f"lessons/{lesson.slug}.ipynb" for lesson in lessons.LESSONS}
    return found | {f"docs/{path.name}": path.name for path in sorted((root / "docs").glob("*.md"))}


def other_guides(root: Path) -> list[str]:
    """The pages of docs/ that no menu names yet."""
    known = {"index", *GUIDES, *TEACHING}
    return [path.stem for path in sorted((root / "docs").glob("*.md")) if path.stem not in known]


def rewrite_links(text: str, source: str, root: Path, address: str) -> str:
    """Make a page's links into the clone lead to other pages, or to the repository for what has no page.

    Parameters
    ----------
    text : str
        Markdown; links within code are left alone.
    source : str
        The file that it is of, as "docs/networks.md".
    root : Path
        The clone.
    address : str
        The repository's address, https://github.com/OWNER/NAME.

    Raises
    ------
    CourseError
        `tools.broken-link` when a link names a file that isn't there.
    """
    known = pages(root)
    own = f"{address}/blob/main/"
    here = posixpath.dirname(known[source])

    def lead(match: re.Match) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if target.startswith(own):
            path = target.removeprefix(own)
        elif not target or re.match(r"[a-z]+:", target):
            return match[0]
        else:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path in known:
            return posixpath.relpath(known[path], here or ".") + anchor
        if not (root / path).exists():
            raise CourseError(
                f"{source} links to {target}, which isn't there: mend the link.", code="tools.broken-link"
            )
        return f"{address}/{'tree' if (root / path).is_dir() else 'blob'}/main/{path}{anchor}"

    parts = CODE.split(text)
    return "".join(part if number % 2 else LINK.sub(lead, part) for number, part in enumerate(parts))
