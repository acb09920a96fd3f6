"""Versions of packages that would stop a lesson: the setup cell names them, and what mends them."""

import pytest
from support.errors import refused

from course_utils import environment
from course_utils.environment import setup


@pytest.mark.parametrize(("name", "found"), [("fastprogress", "1.1.2"), ("ipywidgets", "7.6.5")])
def test_a_version_that_would_stop_the_lesson_is_named_with_what_mends_it(monkeypatch, name, found):
    real = environment.version
    monkeypatch.setattr(environment, "version", lambda each: found if each == name else real(each))
    with refused("environment.broken-version", f"{name} {found}", f'`%pip install "{name}', "restart the kernel"):
        setup("00_start")


def test_what_was_never_installed_has_no_versions_to_refuse(monkeypatch):
    def requires(name):
        raise environment.PackageNotFoundError(name)

    monkeypatch.setattr(environment, "requires", requires)
    monkeypatch.setattr(environment, "version", lambda _: "0.0.1")
    environment._refuse_broken_versions()
