"""`course quiz grade` and `selftest`: their defaults."""

from course_utils.cli.quiz.grading import _workers


def test_as_many_workers_as_the_containers_quota_allows(quota_of_one_core):
    assert _workers(None) == 1
    assert _workers(3) == 3
