"""What Sphinx is told; `python -m tools site` lays out the sources beside the built pages and calls it."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from course_utils import __version__

SCRIPTS = ("items.js", "judge.js", "store.js", "practice.js", "progress.js", "record.js", "slider.js", "page.js")
project = "Fine-tuning neural networks"
html_title = project
author = "the course's authors"
release = __version__
repository, folder = os.environ["COURSE_SITE_REPOSITORY"], Path(os.environ["COURSE_SITE_FOLDER"])  # by building.py
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.githubpages",
    "tools.site.terms",
]
html_theme = "furo"
html_theme_options = {
    "source_repository": repository,
    "footer_icons": [],
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#0b5394", "color-brand-content": "#0b5394"},
    "dark_css_variables": {"color-brand-primary": "#8ab8f0", "color-brand-content": "#8ab8f0"},
}
html_static_path = [str(Path(__file__).parent / "static"), str(folder / "static")]
html_extra_path = [str(folder / "extra")]
html_css_files = ["course.css"]
html_js_files = [(name, {"defer": "defer"}) for name in SCRIPTS]
html_search_scorer = str(Path(__file__).parent / "scorer.js")
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
html_last_updated_fmt = None  # the same sources make the same pages
templates_path = ["templates"]  # storage.js comes in there, before all others
exclude_patterns: list[str] = []

nb_execution_mode = "off"  # the outputs are those committed
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # nothing is loaded from elsewhere
nb_mime_priority_overrides = [("html", "text/html", 0)]
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_heading_anchors = 4
myst_html_meta = {
    "description": "A course on fine-tuning neural networks that runs: every claim is measured in front of you.",
}
suppress_warnings = ["myst.header"]

autodoc_typehints = "none"  # signatures stay short; NumPy sections say the types
autodoc_member_order = "bysource"
autosummary_generate = False
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "literal"
