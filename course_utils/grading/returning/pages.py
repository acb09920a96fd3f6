"""Pages from templates/*.html.j2: all that is put in is escaped, but for what the package made of an author's words."""

from functools import cache
from typing import Any


def rendered(template: str, **values: Any) -> str:
    """The page of a template in `templates`, "feedback.html.j2", which extends "base.html.j2".

    A name that the template asks for and nobody gives is an error.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(__package__)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, auto_reload=False)
