"""All that ever happened to an item of a student: what grading found, what people did, what was decided."""

import json
import sqlite3
from typing import Any

NAMES = ("what", "time", "points", "outcome", "text", "by", "submission", "environment")


def of_item(file: sqlite3.Connection, assignment: str, student: str, item: str) -> list[dict[str, Any]]:
    """Its events as NAMES, oldest first; those of the whole assignment and of the student are among them."""
    rows = file.execute(
        """SELECT 'graded', m.time, points, outcome, feedback, 'grader', s.digest, environment
        FROM marks AS m JOIN submissions AS s ON s.id = submission
        WHERE assignment = ?1 AND student = ?2 AND item = ?3
        UNION ALL
        SELECT kind, a.time, a.points, m.outcome, text, by, s.digest, environment
        FROM acts AS a JOIN marks AS m ON m.id = a.mark JOIN submissions AS s ON s.id = m.submission
        WHERE a.assignment = ?1 AND a.student = ?2 AND a.item = ?3
        UNION ALL
        SELECT iif(holds, kind, 'undo ' || kind), time, NULL, NULL, rtrim(why || ' ' || value), by, NULL, NULL
        FROM decisions WHERE assignment = ?1 AND about IN (?1, ?2, ?3)
        ORDER BY 2""",
        (assignment, student, item),
    )
    events = [dict(zip(NAMES, row, strict=True)) for row in rows]
    for event in events:
        if event["what"] == "graded":
            event["text"] = "\n".join(json.loads(event["text"]))
    return events
