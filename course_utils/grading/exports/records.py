"""JSON for graders and platforms: Gradescope's results.json, and scores for LTI's Assignment and Grade Services."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils.grading.exports.cells import (
    CONTROL,
    Comments,
    Exported,
    exact,
    items_said,
    lateness,
    make_folder,
    most_of,
    only_one,
    safe_names,
    said,
    write_whole,
)
from course_utils.grading.records import Result


def to_gradescope(results: Sequence[Result], out: Path, comments: Comments | None = None) -> Exported:
    """One results.json a submission, `out/ASSIGNMENT/STUDENT.json` (gradescope-autograders.readthedocs.io, "specs").

    Flat, since a folder for each of 20,000 takes longer than the marks. A score that is None is left out; and as long
    as one is, the whole waits for publication: the sum of the others would look like the mark.
    """
    comments = {} if comments is None else comments
    files = safe_names(result.student for result in results)
    names = safe_names(result.assignment for result in results)
    folders = {assignment: make_folder(out / name) for assignment, name in names.items()}
    for result in results:
        page = json.dumps(_gradescope(result, comments), ensure_ascii=False)
        write_whole(folders[result.assignment] / f"{files[result.student]}.json", page)
    return Exported(out, len(results), sum(result.points is None for result in results))


def _gradescope(result: Result, comments: Comments) -> dict:
    tests = []
    for mark, line in zip(result.marks, items_said(result, comments), strict=True):
        test = {"name": mark.item, "max_score": exact(mark.most), "output": _text(line), "output_format": "text"}
        tests.append(test if mark.points is None else test | {"score": exact(mark.points)})
    late = lateness(result)
    if result.points is None:
        output = _text(f"Some marks are still to come. {late}".rstrip())
        return {"output": output, "visibility": "after_published", "tests": tests}
    told = {"output": _text(late)} if late else {}
    return {"score": exact(result.points), "visibility": "visible", "tests": tests} | told


def to_lti(results: Sequence[Result], out: Path, comments: Comments | None = None) -> Exported:
    """A JSON list of scores, one a student, each to be posted to the line item (imsglobal.org/spec/lti-ags/v2p0).

    Where points are None there is no scoreGiven, and gradingProgress is PendingManual.
    """
    comments = {} if comments is None else comments
    most = exact(most_of(results)[only_one(results, "LTI")])
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    scores = []
    for result in results:
        score: dict[str, Any] = {"userId": result.student, "scoreMaximum": most, "timestamp": now}
        score["comment"] = _text("\n".join(said(result, comments)))
        if result.timing and result.timing.arrived and result.timing.sure:
            score["submission"] = {"submittedAt": result.timing.arrived.isoformat(timespec="milliseconds")}
        if result.points is None:
            score |= {"activityProgress": "Submitted", "gradingProgress": "PendingManual"}
        else:
            score |= {"activityProgress": "Completed", "gradingProgress": "FullyGraded"}
            score["scoreGiven"] = exact(result.points)
        scores.append(score)
    make_folder(out.parent)
    write_whole(out, json.dumps(scores, ensure_ascii=False))
    return Exported(out, len(scores), sum(result.points is None for result in results))


def _text(text: str) -> str:
    return CONTROL.sub("", text)
