"""What figures ask of the tables that they draw."""

from collections.abc import Sequence

import pandas as pd

from course_utils.errors import CourseError


def need_columns(table: pd.DataFrame, columns: Sequence[str], advice: str) -> None:
    """Refuse a table that lacks a column; `advice` says which table to give instead."""
    if missing := [column for column in columns if column not in table]:
        raise CourseError(
            f"The table lacks the column {', '.join(missing)} and has {', '.join(map(str, table.columns))}: {advice}.",
            code="plots.column-missing",
        )
