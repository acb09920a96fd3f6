"""Versions of packages that would stop a lesson: the setup cell names them, and what mends them."""

from dataclasses import replace

import pytest
from support.errors import refused

from course_utils import environment
from course_utils.environment import setup
from course_utils.lessons import LESSONS


@pytest.mark.parametrize(("name", "found"), [("fastprogress", "1.1.2"), ("ipywidgets", "7.6.5")])
def test_a_version_that_would_stop_the_lesson_is_named_with_what_mends_it(monkeypatch, name, found):
    real = environment.version
    monkeypatch.setattr(environment, "version", lambda each: found if each == name else real(each))
    with refused("environment.broken-version", f"{name} {found}", f'`%pip install "{name}', "restart the kernel"):
        setup("00_start")


def test_a_missing_extra_is_named_with_what_installs_it(monkeypatch):
    def found(name):
        if name in ("peft", "transformers"):
            raise environment.PackageNotFoundError(name)
        return real(name)

    real = environment.version
    lines = [
        "fastai>=2.8",
        "absent>=1; extra == 'other'",
        "peft>=0.2; extra == 'text'",
        "transformers; extra == 'text'",
    ]
    monkeypatch.setattr(environment, "requires", lambda _: lines)
    monkeypatch.setattr(environment, "version", found)
    needy = replace(LESSONS[0], extra="text")
    monkeypatch.setattr(environment.lessons, "LESSONS", (needy, *LESSONS[1:]))
    with refused("environment.missing-extra", "'text'", "peft, transformers", '[text]"`'):
        setup("00_start")
    monkeypatch.setattr(environment.lessons, "LESSONS", LESSONS)
    setup("00_start")


def test_what_was_never_installed_has_no_versions_to_refuse(monkeypatch):
    def requires(name):
        raise environment.PackageNotFoundError(name)

    monkeypatch.setattr(environment, "requires", requires)
    monkeypatch.setattr(environment, "version", lambda _: "0.0.1")
    environment._refuse_broken_versions()
