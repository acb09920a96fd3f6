"""An assignment as a course hands it out, and the version of it that one student sees."""

from dataclasses import dataclass
from functools import cached_property

from course_utils.errors import CourseError
from course_utils.grading.bank.items import GradedItem, GradedNumber, GradedQuiz, Lettered, VariedNumber
from course_utils.grading.bank.variants import read_course_key, seed, varied
from course_utils.quiz.text import lettered, shuffled


@dataclass(frozen=True)
class Assignment:
    """A graded quiz, with the key that all differences between students come from.

    course_key: left out, the public one of an example; CourseError for a graded quiz, which has none
    personal: each student has a notebook of their own, with its own order of options; so it is where a number varies
    """

    quiz: GradedQuiz
    course_key: bytes = b""
    personal: bool = False

    def __post_init__(self) -> None:
        if not self.course_key:
            object.__setattr__(self, "course_key", read_course_key(None, self.quiz))
        if self.quiz.varies:
            object.__setattr__(self, "personal", True)

    @property
    def name(self) -> str:
        """The name that submissions, marks and files carry, "04_frozen"."""
        return self.quiz.lesson

    def for_student(self, student: str | None) -> "Version":
        """The version that a student got: their own, or everybody's; None stands for everybody."""
        return Version(self, student)


@dataclass(frozen=True)
class Version:
    """What one student sees and is asked: the order of options and steps, the numbers, and what is drawn for them."""

    assignment: Assignment
    student: str | None

    @property
    def owner(self) -> str | None:
        """Whose notebook it is; None when it is everybody's."""
        return self.student if self.assignment.personal else None

    @cached_property
    def order_key(self) -> str:
        """What the order of options is shuffled by.

        It comes from the course's key: from names alone, whoever has this package could tell what was shuffled.
        """
        return f"{seed(self.assignment.course_key, self.owner or '', self.assignment.name):x}"

    def order(self, item: Lettered) -> list[int]:
        """The author's options or steps, by their indices, in the order shown."""
        return shuffled(item, self.order_key)

    def lettered(self, item: Lettered) -> list[tuple[str, str]]:
        """(letter, text) of each option or step, in the order shown."""
        return lettered(item, self.order(item))

    def item(self, item: GradedItem) -> GradedItem:
        """The item as this student gets it: a number that varies with its values drawn.

        CourseError when they vary and there is no student to draw them for.
        """
        return self.number(item) if isinstance(item, VariedNumber) else item

    def number(self, item: VariedNumber) -> GradedNumber:
        """A number that varies, with this student's values; CourseError as `item`."""
        if self.student is None:
            raise CourseError(
                f"{item.id} is another for each student: name them, with --students and a CSV file that has a column "
                "`student`.",
                code="grading.no-students",
            )
        return varied(item, self.assignment.course_key, self.student)

    def seed(self, purpose: str) -> int:
        """The seed of what is drawn for this student and that item or purpose; nobody guesses it without the key."""
        return seed(self.assignment.course_key, self.student or "", purpose)
