"""A project of your own: a folder from a template, its decisions in project.toml, and the steps of its notebook.

`course new rubbish` makes the folder, whose README.md says how to go on; its notebook begins with `open_project()`.
"""

from course_utils.projects.making import new_project
from course_utils.projects.project import Project, open_project

__all__ = ["Project", "new_project", "open_project"]
