"""The registry of the lessons: each is entered once, here, and lists, tables and tests of lessons derive from it."""

from dataclasses import dataclass

from course_utils.errors import CourseError


@dataclass(frozen=True)
class Lesson:
    """A lesson of the course.

    Parameters
    ----------
    slug : str
        Number and short name, "04_freezing": the stem of its text, its notebook, its solutions and its quiz.
    question : str
        The question that the lesson asks, as in its title.
    """

    slug: str
    question: str

    @property
    def number(self) -> str:
        """The lesson's number, "04"."""
        return self.slug.partition("_")[0]

    @property
    def title(self) -> str:
        """The heading of its notebook, "04 · What exactly stays still?"."""
        return f"{self.number} · {self.question}"


LESSONS = (
    Lesson("00_start", "Is my machine ready?"),
    Lesson("01_first_finetune", "What does fine-tuning buy in one minute?"),
    Lesson("02_transfer_learning", "What does a pre-trained network already know?"),
    Lesson("03_head_replacement", "How do I give it new classes?"),
    Lesson("04_freezing", "What exactly stays still?"),
    Lesson("05_full_or_partial", "How much should I unfreeze?"),
    Lesson("06_inside_fine_tune", "What does one call do?"),
    Lesson("07_against_scratch", "When does fine-tuning win, and by how much?"),
    Lesson("08_when_it_goes_wrong", "How do I notice that training goes wrong, and what helps?"),
    Lesson("09_tuning", "How do I choose the settings, and what does the choosing cost?"),
    Lesson("10_honest_numbers", "Would you believe this result?"),
)


def find_lesson(name: str) -> Lesson:
    """Find a lesson by its number or its slug.

    Parameters
    ----------
    name : str
        "09" or "09_tuning".

    Raises
    ------
    CourseError
        When no lesson has that number or slug ("lessons.unknown").
    """
    for lesson in LESSONS:
        if name in (lesson.number, lesson.slug):
            return lesson
    known = ", ".join(lesson.slug for lesson in LESSONS)
    raise CourseError(f"There is no lesson {name!r}: choose from {known}.", code="lessons.unknown")
