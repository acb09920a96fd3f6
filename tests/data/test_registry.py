"""The registry of data sets: what is derived from it elsewhere."""

from pathlib import Path

from course_utils.data.registry import markdown_table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_has_the_table_of_data_sets():
    table = markdown_table()
    assert table in README.read_text(encoding="utf-8"), f"put this into README.md under Data and licences:\n{table}"
