"""The one exception that the course raises for a learner to read."""


class CourseError(Exception):
    """A problem told in one sentence: what was wrong, what was expected, what to do next.

    Lessons and the `course` command show its message without a traceback.

    Parameters
    ----------
    message : str
        The sentence for the learner.
    code : str
        The kind of problem as "room.problem" ("surgery.unknown-depth"): stable where the sentence may be reworded.
    """

    def __init__(self, message: str, *, code: str = ""):
        super().__init__(message)
        self.code = code

    def __reduce__(self):
        """Keep the code when the error travels from one process to another."""
        return _with_code, (type(self), str(self), self.code)

    def _render_traceback_(self) -> list[str]:
        """Give what a notebook shows (IPython asks an exception for this)."""
        return [f"CourseError: {self}"]


def _with_code(kind: type[CourseError], message: str, code: str) -> CourseError:
    return kind(message, code=code)
