"""`course quiz`: check items, release assignments, grade what comes back, hand out marks and feedback."""

import typer

from course_utils.cli.quiz.checking import check
from course_utils.cli.quiz.deciding import decide
from course_utils.cli.quiz.grading import grade, selftest
from course_utils.cli.quiz.handing_back import export, feedback, regrade_request, report
from course_utils.cli.quiz.importing import import_quiz
from course_utils.cli.quiz.previewing import preview
from course_utils.cli.quiz.releasing import keygen, lock, release
from course_utils.cli.quiz.reviewing import review
from course_utils.cli.quiz.standing import mark, status
from course_utils.cli.quiz.timing import deadline, extend, handed_in
from course_utils.cli.quiz.trying import try_out

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def quiz() -> None:
    """Check the items that authors write; release, grade and hand back assignments."""


for command in (
    check,
    keygen,
    lock,
    selftest,
    preview,
    release,
    grade,
    status,
    review,
    mark,
    feedback,
    report,
    regrade_request,
    decide,
    deadline,
    extend,
    export,
):
    app.command()(command)
app.command("handed-in")(handed_in)
app.command("import")(import_quiz)
app.command("try")(try_out)
