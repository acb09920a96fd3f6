"""Numbers that vary by student: drawn from the course's key, and judged as any number."""

import re

import pytest
from example_quiz import KEY, varying

from course_utils.errors import CourseError
from course_utils.grading.bank.variants import seed, varied
from course_utils.quiz.answers import judge


def test_a_seed_belongs_to_one_pair_and_one_course():
    pairs = [
        ("ada", "04.1"),
        ("ada0", "4.1"),
        ("ada", "04.2"),
        ('a","b', "c"),
        ("a", 'b","c'),
        ("é", "1"),
        ("\ud800", "1"),
    ]
    seeds = {seed(key, *pair) for pair in pairs for key in (KEY, bytes(32))}
    assert len(seeds) == 2 * len(pairs) and all(0 <= one < 2**256 for one in seeds)
    assert seed(KEY, "ada", "04.1") == seed(KEY, "ada", "04.1")


def test_a_varied_number_is_judged_as_any_number():
    item = varying()
    for student in (f"s{n}" for n in range(50)):
        number = varied(item, KEY, student)
        width, classes = map(int, re.findall(r"\d+", number.stem))
        assert number == varied(item, KEY, student)
        assert number.id == item.id and number.points == item.points
        assert judge(number, width * classes + classes).right
        assert judge(number, width * classes).feedback == ("The bias has one parameter a class.",)
        assert not judge(number, width * classes).right
    assert len({varied(item, KEY, f"s{n}").stem for n in range(50)}) > 45


def test_values_are_shown_in_full_and_other_braces_stay():
    item = varying(
        stem=r"From {a} to {b}: \frac{1}{N}",
        explanation="{a} and {answer}",
        variant="a = np.float64(0.1) + np.float64(0.2); b = np.arange(2); answer = a; mine = 1; N = 2",
        mistakes=[{"answer": "a + 1", "feedback": "no"}],
    )
    number = varied(item.model_copy(update={"stem": r"From {a} to {b}: \frac{1}{M}"}), KEY, "ada")
    assert number.stem == r"From 0.30000000000000004 to [0, 1]: \frac{1}{M}"
    assert number.explanation == "0.30000000000000004 and {answer}"


def test_mistakes_that_are_right_are_left_out_or_drawn_again():
    coin = {"stem": "{n}", "variant": "n = int(rng.integers(0, 2)); answer = 2.0 + n", "tolerance": 0.25}
    both = [{"answer": "answer + n", "feedback": "n"}, {"answer": "answer + 0.4", "feedback": "near"}]
    for student in map(str, range(20)):
        number = varied(varying(**coin, mistakes=both), KEY, student)
        assert [one.feedback for one in number.mistakes] == (["n", "near"] if number.stem == "1" else ["near"])
        assert judge(number, number.answer + 0.4).feedback == ("near",)
        again = varied(varying(**coin, mistakes=both[:1]), KEY, student)
        assert again.stem == "1"
    for never in ("answer", "float('nan')", "answer + 0.25"):
        with pytest.raises(CourseError, match=r"90\.4 give the right answer"):
            varied(varying(**coin, mistakes=[{"answer": never, "feedback": "n"}]), KEY, "ada")


@pytest.mark.parametrize(
    "variant",
    [
        "n = 1; answer = 1 / 0",
        "n = 1; answer = 'x'",
        "n = 1; answer = 1j",
        "n = 1; answer = 10**400",
        "n = 1; answer = float('inf')",
        "if 0: n = answer = 1",
    ],
)
def test_a_variant_that_gives_no_number_is_told(variant):
    with pytest.raises(CourseError, match=r"variant of 90\.4"):
        varied(varying(stem="{n}", variant=variant, mistakes=[{"answer": "3", "feedback": "x"}]), KEY, "ada")
