"""The app: `python app.py` opens it in your browser."""

from course_utils.projects import open_project
from course_utils.shipping import make_app

project = open_project()
told = f"{project.settings.card.use}. Not for {project.settings.card.not_for}."
make_app(project.results / "network", project.settings.question, told).launch(inbrowser=True)
