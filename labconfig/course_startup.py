"""IPython runs this as each kernel of the course's Python starts, before any cell; see course_utils.notebook."""

try:
    from course_utils.notebook import await_setup
except ImportError:  # the course is gone, and this was left behind
    pass
else:
    await_setup()
    del await_setup
