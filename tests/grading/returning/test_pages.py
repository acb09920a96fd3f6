"""Templates of pages: they escape all that is put in, need nothing else, and forget no value."""

from pathlib import Path

import jinja2
import pytest

from course_utils.grading.returning import pages

FOLDER = Path(pages.__file__).parent / "templates"
TEMPLATES = sorted(path.name for path in FOLDER.glob("*.html.j2") if path.name != "base.html.j2")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_extends_the_base_and_trusts_no_text(name):
    source = (FOLDER / name).read_text(encoding="utf-8")
    assert source.startswith('{% extends "base.html.j2" %}')
    assert "safe" not in source and "autoescape" not in source and "<script" not in source
    with pytest.raises(jinja2.UndefinedError):
        pages.rendered(name)


def test_what_is_put_in_is_escaped(monkeypatch):
    nasty = "<script>alert('x')</script>&\""
    source = (
        '{% extends "base.html.j2" %}{% block title %}{{ one }}{% endblock %}{% block content %}<p title="{{ one }}">'
    )
    added = jinja2.DictLoader({"page.html.j2": source + "{% endblock %}"})
    environment = pages._environment.__wrapped__()
    environment.loader = jinja2.ChoiceLoader([environment.loader, added])
    monkeypatch.setattr(pages, "_environment", lambda: environment)
    text = pages.rendered("page.html.j2", one=nasty)
    escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;"
    assert text.count(escaped) == 2 and "alert('x')" not in text
    assert "<script" not in text and "default-src 'none'" in text and text.count("<main>") == 1
