"""The one exception that the course raises for a learner to read."""


class CourseError(Exception):
    """A problem told in one sentence: what was wrong, what was expected, what to do next.

    Lessons and the `course` command show its message without a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows (IPython asks an exception for this)."""
        return [f"CourseError: {self}"]
