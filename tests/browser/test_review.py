"""The review in a real browser: by keyboard alone, with a hostile notebook that stays dead, readable light and dark."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from handed_in import code, text, write
from playwright.sync_api import Page, expect
from reviewed import ITEM, QUIZ, waiting

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.gradebook.store import Store
from course_utils.grading.returning.browser import rendering
from course_utils.grading.returning.browser.server import serve
from course_utils.grading.returning.originals import Originals
from course_utils.grading.returning.queue import Queue

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
LESSON = QUIZ.lesson
EVIL = """<script>top.pwned = 1; document.title = 'pwned'</script><img src="{out}/image" onerror="top.pwned = 1">
<iframe src="{out}/frame"></iframe><iframe src="javascript:top.pwned = 1"></iframe><object data="{out}/object"></object>
<meta http-equiv="refresh" content="0;url={out}/refresh"><link rel="stylesheet" href="{out}/sheet">
<style>body {{background: url({out}/style)}}</style><p style="background: url({out}/attribute)">words</p>
<svg onload="top.pwned = 1"><image href="{out}/svg"/></svg><video src="{out}/video" autoplay></video>
<form action="{out}/form" id="f"><input autofocus onfocus="f.submit()"></form><a href="{out}/link">a link</a>"""


@pytest.fixture
def outside():
    """A server that nothing should reach: its address, and the paths that were asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


@pytest.fixture
def address(tmp_path, outside, monkeypatch):
    """Of a review of a small class, served from a thread of its own."""
    evil = EVIL.format(out=outside[0])
    shown = {"output_type": "display_data", "data": {"text/html": evil, "image/svg+xml": evil}, "metadata": {}}
    book = {
        "cells": [text(f"# My notebook\n\n{evil}"), code("print(1)", outputs=[shown])],
        "nbformat": 4,
        "metadata": {},
    }
    raw = {"cells": [text("raw")], "nbformat": 4, "metadata": {}}
    answers = {"ada": "It is far.", "grace": "It is far.", "emmy": evil, "alan": "Long. " * 400, "sofia": "RAW"}
    results = []
    for name, answer in answers.items():
        write(tmp_path / "in" / f"{name}.ipynb", raw if answer == "RAW" else book)
        looks = {"90.3": "4,000"} if name == "ada" else {}
        results.append(waiting(name, answer, looks, source=f"in/{name}.ipynb"))
    rendered = rendering.Renderer.page

    async def page(self, notebook):  # as if nothing had been taken out of one
        return evil if notebook["cells"][0]["source"] == "raw" else await rendered(self, notebook)

    monkeypatch.setattr(rendering.Renderer, "page", page)
    ready, found = threading.Event(), []

    async def work():
        with Store(tmp_path / "marks.sqlite") as store:
            store.save(results)
            store.request_regrade(LESSON, "emmy", "90.1", "Please look again.")
            queue = Queue(store, [Assignment(QUIZ)], "A. Tutor", originals=Originals(tmp_path / "in"))
            found.extend((asyncio.get_running_loop(), asyncio.current_task()))
            await serve(queue, 0, lambda one: (found.append(one), ready.set()), lambda _: None)

    def run():
        try:
            asyncio.run(work())
        except asyncio.CancelledError:
            pass
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60) and len(found) == 3
    yield found[2]
    found[0].call_soon_threadsafe(found[1].cancel)
    thread.join(30)


def points(path):
    with Store(path) as store:
        return {student: one.points for (student, item), one in store.manual(LESSON).items() if item == ITEM}


def said(page: Page, words: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(words)


def serious(page: Page) -> list:
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"][:150] for node in one["nodes"]]) for one in found]


SLOW = """const fetched = window.fetch;
window.waits = 0;  // milliseconds, for the next item alone
window.fetch = async (asked, ...how) => {
    const ms = asked.startsWith("/api/item?") ? window.waits : 0;
    if (ms) window.waits = 0;
    await new Promise(done => setTimeout(done, ms));
    return fetched(asked, ...how);
}"""


@pytest.mark.timeout(120)
def test_what_is_chosen_while_an_item_loads_comes_after_it(browser, address, tmp_path):
    context = browser.new_context()
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page = context.new_page()
    page.add_init_script(SLOW)
    page.goto(address)
    page.get_by_label("Item").select_option(f"{LESSON} {ITEM}")
    expect(page.locator(".card")).to_have_count(4)
    page.keyboard.press("Escape")
    current = page.locator(".card[aria-current=true]")
    expect(current).to_be_focused()
    while "2 equal answers" not in current.inner_text():
        page.keyboard.press("j")
    with Store(tmp_path / "marks.sqlite") as other:
        other.mark(LESSON, "ada", ITEM, 1, by="B. Tutor")
    page.evaluate("window.waits = 1500")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("1 of 5 marked")  # but its cards are still to come
    page.get_by_label("Show").press("End")  # all
    page.get_by_label("Show").press("Escape")
    expect(page.locator(".card")).to_have_count(5)
    page.wait_for_timeout(2000)
    expect(page.locator(".card")).to_have_count(5)
    expect(current).to_be_focused()  # the first Escape counts, although it came before the cards
    context.close()


@pytest.mark.timeout(300)
def test_a_class_is_reviewed_by_keyboard_alone(browser, address, outside, tmp_path):
    context = browser.new_context(viewport={"width": 1280, "height": 850}, color_scheme="light")
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(address)
    keys, path = page.keyboard, tmp_path / "marks.sqlite"
    current = page.locator(".card[aria-current=true]")

    # The regrade request comes first; a mark settles it, and the next item follows by itself.
    expect(page.locator("#label")).to_contain_text("Question 90.1")
    expect(current).to_be_focused()
    expect(current).to_contain_text("Please look again.")
    assert current.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    keys.press("1")
    keys.press("Enter")
    expect(page.locator("#label")).to_contain_text("Question 90.3")
    said(page, "Saved: 1 of 1 points for Student")
    keys.press(".")
    keys.press("Enter")
    said(page, "On to Question 90.7")

    # Equal answers are one card; letters tick the rubric; a comment is written once and used again.
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator("#count")).to_have_text("0 of 5 marked")
    while "2 equal answers" not in current.inner_text():
        keys.press("j")
    keys.press("a")
    keys.press("m")
    keys.type("Say which features.")
    keys.press("Control+Enter")
    said(page, "Saved: 2 of 4 points for 2 equal answers.")
    expect(page.locator("#count")).to_have_text("2 of 5 marked")
    assert points(path) == {"ada": 2, "grace": 2}
    keys.press("r")
    keys.press("1")
    expect(page.locator("#comment")).to_have_value("Say which features.")
    expect(current).to_be_focused()
    keys.press("9")
    said(page, "at most 4 points")
    keys.press("3")
    keys.press(".")
    keys.press("Enter")
    said(page, "Saved: 3.5 of 4")
    assert sorted(points(path).values()) == [2, 2, 3.5]

    # Undo goes back step by step, to the card that it is about.
    keys.press("u")
    said(page, "Taken back: 3.5 of 4")
    expect(current).to_contain_text("waits")
    keys.press("u")
    said(page, "Taken back: 2 of 4 points for 2 equal answers.")
    assert points(path) == {}
    expect(current).to_contain_text("2 equal answers")

    # Somebody else is faster: that is told, and Enter decides.
    with Store(path) as other:
        other.mark(LESSON, "ada", ITEM, 1, by="B. Tutor")
    keys.press("4")
    keys.press("Enter")
    said(page, "B. Tutor gave it 1 point meanwhile")
    assert points(path) == {"ada": 1}
    expect(page.locator("#count")).to_have_text("1 of 5 marked")

    # Both notebooks are dead: one was made harmless, and the sandbox alone holds the other.
    frame = page.frame_locator("#frame")
    keys.press("f")
    page.get_by_label("Show").press("End")  # all
    page.get_by_label("Show").press("Escape")
    expect(page.locator(".card")).to_have_count(5)
    expect(current).to_be_focused()
    for word, seen in (("It is far.", "My notebook"), ("RAW", "words")):
        while word not in current.inner_text():
            keys.press("ArrowDown")
        keys.press("o")
        expect(frame.get_by_text(seen).first).to_be_visible()
        page.screenshot(path=ARTEFACTS / f"review_notebook_{seen.split()[0]}.png")
        if word == "RAW":
            frame.get_by_role("link").click()  # the frame may not leave for another host either
            page.wait_for_timeout(300)
            page.locator("#close-whole").focus()
        keys.press("Escape")
        expect(current).to_be_focused()
    alone = context.new_page()
    name = page.evaluate("state.cards.get(state.ids[state.at]).students[0].notebook")
    alone.goto(f"{page.url}notebook/{name}")
    alone.wait_for_timeout(300)
    assert alone.title() != "pwned" and alone.evaluate("window.pwned") is None
    alone.close()
    assert page.evaluate("window.pwned") is None and "pwned" not in page.title()
    assert [one for one in outside[1] if one != "/link"] == [] and outside[1] == []

    # Keys are shown; light, dark and narrow are readable, and nothing sticks out.
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert serious(page) == []
    keys.press("Escape")
    ARTEFACTS.mkdir(exist_ok=True)
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 850})
        assert serious(page) == [], (scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=ARTEFACTS / f"review_{scheme}_{width}.png")
    assert troubles == []
    context.close()
