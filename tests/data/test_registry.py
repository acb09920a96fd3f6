"""The registry of data sets: what is derived from it elsewhere."""

from pathlib import Path

from course_utils.data.registry import markdown_table

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_page_on_data_has_the_table_of_data_sets():
    table = markdown_table()
    assert table in PAGE.read_text(encoding="utf-8"), f"put this into docs/data.md:\n{table}"
