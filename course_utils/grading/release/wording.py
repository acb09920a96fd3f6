"""What stands in every notebook around its questions: how to answer, the limits, and a cell to try it all.

A release is proven without it, so that better words leave open releases as they are.
"""

# Its words prove releases of that form: never change them, and give HOW words of its own.
HOW_OF_FORM_1 = """Write each answer into the cell below its question, and run your cells from the top once before you
hand in. You may add cells of your own. Leave the answer cells in place: don't delete, copy or split them. The questions
and the cells that check are put back as they were before the notebook is graded."""
HOW = """Write each answer in the cell below its question, and run the notebook once from the top before you hand it in.
You may add cells of your own. Leave the answer cells where they are: don't delete, copy or split them. Before grading,
the questions and the cells that check your answers are put back as they were."""
LIMITS = """To grade your notebook, we run it from the top, with the course's packages and without a network. Each cell
may take about ten seconds, the file may have up to 10 MB, and `!commands`, `%%bash` and `%timeit` do nothing. The last
cell lets you try this yourself."""
TRY = """# Before you hand in: save the notebook, then run this cell. It runs the saved notebook from the top, as the
# grader will, and says which answers it finds. You can also use a terminal: course quiz try {assignment}.ipynb
try:
    from course_utils.grading.marking.dry_run import try_here
except ImportError:
    print("The course's package isn't installed here, so you can't try this. You can still hand in your notebook.")
else:
    try_here("{assignment}")"""
TITLE, TRIAL = "title", "try"
AROUND = (TITLE, TRIAL)  # the ids of these cells


def title_cell(title: str) -> str:
    """The first cell's text."""
    return "\n\n".join([f"# {title}", " ".join(HOW.split()), " ".join(LIMITS.split())])


def former_title_cell(title: str) -> str:
    """The same as it was when it belonged to what proves a release, in manifests of form 1."""
    return f"# {title}\n\n{' '.join(HOW_OF_FORM_1.split())}"


def trial_cell(assignment: str) -> str:
    """The last cell's code."""
    return TRY.format(assignment=assignment)
