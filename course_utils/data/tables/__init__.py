"""Tables: transactions and ratings that a lesson learns from, and how one's own tables are read."""

from course_utils.data.tables.reading import first_few, read_csv

__all__ = ["first_few", "read_csv"]
