"""A student's whole notebook in the review: made harmless before any browser sees it."""

import asyncio
import json
import signal

import pytest
from handed_in import code, text, write
from needs import run
from reviewed import ITEM, QUIZ, waiting

from course_utils.grading.returning.browser import rendering
from course_utils.grading.returning.originals import Originals

LESSON = QUIZ.lesson
NASTY = "<img src=x onerror=alert(1)>"
ABOUT = f"lesson={LESSON}&item={ITEM}"


EVIL = (
    "<script>top.x=1</script><img src=x onerror='top.x=1'><iframe src='javascript:top.x=1'></iframe>"
    "<form action='http://h.example/'><button>b</button></form><a href='javascript:top.x=1'>a</a>"
    "<meta http-equiv=refresh content='0;url=http://h.example/'><style>body{background:url(http://h.example/)}</style>"
    "<svg onload='top.x=1'><script>top.x=1</script></svg><object data='http://h.example/'></object><base href='//h.e/'>"
    "<img src='http://h.example/'><p style='background:url(http://h.example/)' onclick='top.x=1'>words</p>"
)


def shown(data, **metadata):
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def hostile():
    svg = "<svg xmlns='http://www.w3.org/2000/svg' onload='top.x=1'><script>top.x=1</script></svg>"
    outputs = [
        shown({"text/html": EVIL}),
        shown({"text/html": [EVIL]}, **{"text/html": {"isolated": True}}),
        shown({"text/markdown": f"[a](javascript:top.x=1) ![i](http://h.example/) {EVIL}"}),
        shown({"application/javascript": "top.x=1"}),
        shown({"image/svg+xml": svg}),
        shown({"image/png": 'x" onerror="top.x=1'}, filenames={"image/png": "http://h.example/"}),
        shown({"text/latex": EVIL, "text/plain": EVIL}),
        shown({"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}),
        {"output_type": "stream", "name": EVIL, "text": EVIL},
        {"output_type": "error", "ename": EVIL, "evalue": EVIL, "traceback": [EVIL, 3]},
        {"output_type": "odd"},
        "odd",
    ]
    cells = [
        text(f"# Title\n\n|a|b|\n|-|-|\n|1|2|\n\n{EVIL}"),
        code(f"print(1)  # {EVIL}", outputs=outputs),
        {"source": 3},
    ]
    return {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": EVIL}}}


def test_a_rendered_notebook_holds_no_script_link_form_or_address():
    from bs4 import BeautifulSoup

    page = BeautifulSoup(rendering.body(hostile()), "html.parser")
    elements = page.find_all(True)
    assert {element.name for element in elements} <= rendering.TAGS
    names = {name for element in elements for name in element.attrs}
    assert names <= {"class", "src", "alt", "colspan", "rowspan", "scope"}
    assert all(image["src"].startswith("data:image/") for image in page("img"))
    assert page.h1.text == "Title" and [cell.text for cell in page("td")] == ["1", "2"] and "words" in page.text
    assert "print(1)" in page.text and len(page("img")) == 2  # what was shown honestly is there


def test_a_long_notebook_is_cut():
    book = {"cells": [code("x" * 300_000), text("y" * 300_000), code("never")]}
    cells = rendering.trimmed(book)["cells"]
    assert sum(len(cell["source"]) for cell in cells) < rendering.LONGEST + 100
    assert cells[-1]["source"] == "**The rest is left out.**" and "never" not in json.dumps(cells)
    image = shown({"image/png": "x" * (rendering.IMAGES + 1)})
    assert rendering.trimmed({"cells": [code("1", outputs=[image])]})["cells"][0]["outputs"] == []


def test_what_can_not_be_rendered_is_shown_as_words(visit, tmp_path, monkeypatch):
    write(tmp_path / "in" / "ada.ipynb", {"cells": [code(EVIL)], "nbformat": 4, "metadata": {}})
    write(tmp_path / "in" / "emmy.ipynb", b"no notebook")
    results = [waiting(name, source=f"in/{name}.ipynb") for name in ("ada", "emmy", "gone")]

    async def too_slow(*_):
        return None

    monkeypatch.setattr(rendering.Renderer, "page", too_slow)

    async def scenario(client):
        pages = {}
        for card in await client.cards(names=1):
            (student,) = card["students"]
            answer = await client.fetch(f"/notebook/{student['notebook']}")
            assert answer.code == 200 and "sandbox;" in answer.headers["Content-Security-Policy"]
            pages[student["name"]] = answer.body.decode()
        assert "&lt;script&gt;top.x=1" in pages["ada"] and "<script" not in pages["ada"]
        assert "can't be shown" in pages["emmy"] and "isn't where" in pages["gone"]
        assert (await client.fetch(f"/notebook/{24 * '0'}")).code == 400

    visit(scenario, results, originals=Originals(tmp_path / "in"))


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="no alarm on this system")
def test_a_notebook_that_takes_too_long_ends_its_process_alone(monkeypatch):
    monkeypatch.setattr(rendering, "SECONDS", 1)

    async def work():
        renderer = rendering.Renderer()
        renderer.warm = lambda: renderer._pool
        try:
            for _ in range(2):
                renderer._pool = rendering.ProcessPoolExecutor(1, rendering.get_context("fork"))
                page = await asyncio.wait_for(renderer.page({"cells": [text("[a](" * 30_000)]}), 20)
                assert page is None and renderer._pool is None
        finally:
            renderer.close()

    run(work())
