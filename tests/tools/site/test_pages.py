"""The built pages: whole, linked, and answering in a real browser, dark and light, wide and narrow."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from course_utils import lessons
from course_utils.quiz import answers, reading
from course_utils.quiz.items import Number, OneChoice, Order, SeveralChoices, ShortText
from course_utils.quiz.text import shuffled
from tools.glossary import read_terms
from tools.site import printing
from tools.site.places import PRINTED
from tools.site.questions import _inline as inline
from tools.site.questions import _key as key_of
from tools.site.questions import anchor

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
BLOCKED = """Object.defineProperty(
    window, 'localStorage', {configurable: true, get() { throw new DOMException('blocked') }}
)"""
FIRST = "lessons/00_start.html"
LOOKED_AT = {FIRST, "lessons/08_when_it_goes_wrong.html", "index.html", "progress.html", "cheat_sheet.html"}
# One question of each kind: a wrong answer, a word of its feedback, the right answer.
GIVEN = {
    "00.1": (["the cells, since"], "same cells", ["which pre-trained network"]),
    "00.6": (["that two draws"], "goes on where", ["the random weights", "the order in which"]),
    "00.7": ("20 measurements", "square root", "40"),
    "00.5": ("0.01.", "another name", "0.1"),
}


# Of what cells print, what goes on beyond the edge of its box.
CUT = """[...document.querySelectorAll(".cell_output :is(.stream, .text_plain) pre")]
    .filter(it => it.scrollWidth > it.clientWidth).map(it => it.textContent.slice(0, 80))"""
# What goes on beyond the edge of its box and doesn't show it by a shadow there.
UNSHADED = """[...document.querySelectorAll("article pre, .output.text_html")]
    .filter(it => it.scrollWidth > it.clientWidth && !getComputedStyle(it).backgroundAttachment.includes("local"))
    .map(it => it.textContent.slice(0, 80))"""


def page_of(built: Path, lesson: lessons.Lesson) -> str:
    return (built / "lessons" / f"{lesson.slug}.html").read_text(encoding="utf-8")


@pytest.fixture
def page(browser: Browser):
    """A page that fails the test for what a script throws."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield page
    context.close()
    assert thrown == []


def test_every_lesson_is_there_with_its_questions_downloads_and_places_to_run_it(built):
    for lesson in lessons.LESSONS:
        text = page_of(built, lesson)
        for item in reading.lesson_quiz(lesson.number).items:
            assert f'id="{anchor(item.id)}"' in text, item.id
        for host in ("colab.research.google.com/github", "mybinder.org/v2/gh", "kaggle.com/kernels"):
            assert re.search(rf'href="https://{host}[^"]*lessons/{lesson.slug}\.ipynb"', text), host
        taken = json.loads((built / "notebooks" / f"{lesson.slug}.ipynb").read_text(encoding="utf-8"))
        assert taken == json.loads((ROOT / "lessons" / f"{lesson.slug}.ipynb").read_text(encoding="utf-8"))
        assert f'href="../notebooks/{lesson.slug}.ipynb"' in text
        assert text.count("Show the code") == 1  # the setup cell's alone
        for residue in ("Loading widget", "widget-view", "<progress", "Traceback", "class=&quot;fastprogress"):
            assert residue not in text, (lesson.slug, residue)


def test_what_answers_a_question_that_is_still_asked_is_folded_away(built):
    for lesson in lessons.LESSONS:
        notebook = json.loads((ROOT / "lessons" / f"{lesson.slug}.ipynb").read_text(encoding="utf-8"))
        hidden = sum(cell["metadata"].get("jupyter", {}).get("outputs_hidden", False) for cell in notebook["cells"])
        assert page_of(built, lesson).count("Show the result") == hidden, lesson.slug


class Prose(HTMLParser):
    """The prose of a lesson's page, in order: `parts` holds texts, and the anchors of the glossary that are linked."""

    PASSED_OVER = ("pre", "code", "script", "form", "h1", "h2", "h3", "h4", "a", "title")

    def __init__(self, page: str):
        super().__init__()
        self.parts: list[tuple[str, str]] = []
        self.open: list[bool] = []  # of each open element, whether what is in it is passed over
        self.feed(page.partition("<article")[2].partition("</article>")[0])

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "a" and "course-term" in (given.get("class") or ""):
            self.parts.append(("link", given["href"].partition("#")[2]))
        if tag not in ("img", "br", "input", "hr", "col", "link"):
            output = "cell_output" in (given.get("class") or "") or "course-" in (given.get("class") or "")
            self.open.append(tag in self.PASSED_OVER or output)

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if not any(self.open):
            self.parts.append(("text", data))


def test_each_term_is_linked_where_a_lesson_first_uses_it(built):
    terms = read_terms((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    linked = 0
    for lesson in lessons.LESSONS:
        parts = Prose(page_of(built, lesson)).parts
        for term in (term for term in terms if term.may_be_in(lesson.number)):
            uses = (
                kind for kind, said in parts if (said == term.anchor if kind == "link" else term.first_use(said, terms))
            )
            first = next(uses, None)
            assert first != "text", f"{lesson.slug} uses {term.name} before it links it"
            linked += first == "link"
    assert linked > 150


def test_the_page_judges_as_the_kernel_does(page, address):
    """For every question of the course: the right answer, every single option or known mistake, and unclear answers."""
    page.goto(f"{address}/{FIRST}")
    asked = []
    for number in reading.numbers():
        for item in reading.lesson_quiz(number).items:
            asked += [(item, given) for given in possible_answers(item)]
    assert len(asked) > 400
    told = page.evaluate(
        "all => all.map(([item, answer]) => course.judge(item, answer))",
        [(key_of(item), given) for item, given in asked],
    )
    for (item, given), page_says in zip(asked, told, strict=True):
        shown = shuffled(item) if isinstance(item, SeveralChoices) else None
        kernel_says = answers.judge(item, given, shown)
        assert page_says["right"] == kernel_says.right, (item.id, given)
        if isinstance(item, Number) and kernel_says.right is None:
            assert page_says["feedback"] == list(kernel_says.feedback), (item.id, given)
        if isinstance(item, SeveralChoices) and kernel_says.right is not None:
            assert page_says["feedback"] == [inline(sentence) for sentence in kernel_says.feedback], (item.id, given)


def possible_answers(item) -> list:
    match item:
        case OneChoice():
            return [[], *([index] for index in range(len(item.options)))]
        case SeveralChoices():
            return [[], sorted(item.key), *([index] for index in range(len(item.options)))]
        case Number():
            wrong = [f"{mistake.answer:g}" for mistake in item.mistakes]
            edges = [f"{item.answer + side * item.tolerance:.12g}" for side in (-1, 1)]
            off = [f"{item.answer + side * (1.01 * item.tolerance + 1e-6):.12g}" for side in (-1, 1)]
            units = [f"{item.answer:.12g} {item.unit}", f"{item.answer:.12g} bananas", "1,000", "", "about 3", "1e999"]
            return [*wrong, *edges, *off, *units, f"{item.answer:.12g}".replace("-", "\u2212").replace(".", ",")]
        case ShortText():
            wrong = [text for mistake in item.mistakes for text in mistake.answers]
            return ["", " . ", "no idea", *wrong, *(f' "{text.upper()}". ' for text in item.accept)]
        case Order():
            steps = list(range(len(item.steps)))
            return [steps, steps[::-1], [*steps[1:], 0]]
    return []


def question(page: Page, identifier: str):
    return page.locator(f"#{anchor(identifier)}")


def answer(page: Page, identifier: str, given) -> None:
    """Answer from the keyboard alone, as far as the kind of question allows."""
    form = question(page, identifier)
    if isinstance(given, str):
        form.get_by_role("textbox").fill(given)
        form.get_by_role("textbox").press("Enter")
        return
    for box in form.get_by_role("checkbox").all():
        box.set_checked(False)
    for start in given:
        form.get_by_label(re.compile("^[A-Z] — " + re.escape(start))).press("Space")
    form.get_by_role("button", name="Check").press("Enter")


def test_questions_answer_and_are_remembered(page, address):
    page.goto(f"{address}/{FIRST}")
    for identifier, (wrong, word, right) in GIVEN.items():
        said = question(page, identifier).locator(".course-said")
        answer(page, identifier, wrong)
        expect(said).to_contain_text("Not yet.")
        expect(said).to_contain_text(word)
        back = question(page, identifier).get_by_role("link", name=re.compile("."))
        expect(back.first).to_be_visible()
        section = back.first.get_attribute("href")
        assert page.locator(section).count() == 1, f"{identifier} leads back to {section}"
        answer(page, identifier, right)
        expect(said).to_contain_text("Right.")
        expect(said).to_have_attribute("data-verdict", "right")

    steps = question(page, "00.9")
    for wanted in range(4):  # from the keyboard: the arrow keeps the focus while its step moves
        for _ in range(4):
            places = [int(one.get_attribute("data-step")) for one in steps.locator("li").all()]
            if places.index(wanted) == wanted:
                break
            steps.locator(f'li[data-step="{wanted}"] [data-way="-1"]').press("Enter")
    steps.get_by_role("button", name="Check").press("Enter")
    expect(steps.locator(".course-said")).to_contain_text("Right.")

    expect(page.locator(".course-found").first).to_be_hidden()  # it would give the answer away
    guess = question(page, "00.4")
    guess.get_by_role("textbox").fill("300")
    guess.get_by_role("textbox").press("Enter")
    expect(guess.locator(".course-said")).to_contain_text("Noted: 300")
    said = page.locator(".course-found .course-said").first
    expect(said).to_contain_text("You guessed 300 images a second; this run found")
    expect(said).to_be_visible()
    found = float(page.locator(".course-found").first.get_attribute("data-found"))
    for number, words in (
        (1.5 * found, "That is within a factor of 2."),
        (10 * found, "Your guess was too high by a factor of 10."),
        (found / 4, "Your guess was too low by a factor of 4."),
        (300, "You guessed 300 images a second"),
    ):
        guess.get_by_role("textbox").fill(f"{number:.6f}")
        guess.get_by_role("textbox").press("Enter")
        expect(said).to_contain_text(words)

    other = question(page, "00.2")  # wrong twice, with a hint
    for _ in range(2):
        wrong = next(n for n, option in enumerate(reading.item("00.2").options) if not option.right)
        other.locator(f'[name="answer"][value="{wrong}"]').check()
        other.get_by_role("button", name="Check").press("Enter")
    other.get_by_role("button", name="Hint").press("Enter")
    reply = other.locator(".course-said").inner_text()
    assert "Not yet." in reply
    expect(other.locator(".course-hinted")).to_contain_text("Hint 1 of ")
    expect(other.locator(".course-again")).to_be_visible()

    page.reload()
    assert other.locator(".course-said").inner_text() == f"You answered this before. {reply}"
    expect(other.locator(".course-hinted")).to_contain_text("Hint 1 of ")
    expect(other.locator("details")).to_be_visible()
    expect(other.locator(f'[name="answer"][value="{wrong}"]')).to_be_checked()
    for identifier in ("00.9", *GIVEN):
        due = identifier in GIVEN  # it was wrong first, and comes again tomorrow
        expect(question(page, identifier).locator(".course-said")).to_contain_text("Right.")
        assert due or "You answered this before." in question(page, identifier).inner_text()
    expect(page.locator(".course-summary")).to_contain_text("5 of 10 right so far.")
    expect(page.locator(".sidebar-tree a", has_text="00 · ").first).to_contain_text("5/10")

    page.goto(f"{address}/progress.html")
    expect(page.locator(".course-progress")).to_contain_text("6 of 10")
    page.get_by_label("Your name").fill("Ada Lovelace")
    record = page.locator(".course-record")
    expect(record).to_contain_text(f"0 of {len(lessons.LESSONS)} lessons complete, 5 of ")
    expect(record).to_contain_text("Nobody looked on")
    page.emulate_media(media="print")
    expect(record.get_by_text("Ada Lovelace")).to_be_visible()
    expect(page.get_by_role("button", name="Print the record")).to_be_hidden()
    expect(page.get_by_role("heading", name="Your progress")).to_be_hidden()
    page.emulate_media(media="screen")

    with page.expect_download() as saved:
        page.get_by_role("button", name="Save my answers").click()
    kept = json.loads(saved.value.path().read_text())
    assert len(kept["answers"]) == 11 and [one["guess"] for one in kept["guesses"]] == [300]
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Erase everything").click()
    expect(page.locator(".course-progress")).not_to_contain_text("6 of 10")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Load a file").click()
    chosen.value.set_files(saved.value.path())
    expect(page.locator(".course-progress")).to_contain_text("11 answers are new.")
    expect(page.locator(".course-progress")).to_contain_text("6 of 10")


@pytest.mark.parametrize(
    ("lesson", "word"),
    [("08_when_it_goes_wrong", "Alarm from"), ("04_freezing", "weights train"), ("14_detection", "Boxes from")],
)
def test_a_slider_moves_from_the_keyboard(page, address, lesson, word):
    page.goto(f"{address}/lessons/{lesson}.html")
    slider = page.locator(".course-slider")
    said, handle = slider.locator("p[role=status]"), slider.get_by_role("slider")
    marks = slider.locator(".course-marks")
    expect(said).to_contain_text(word)
    before, place = said.inner_text(), marks.inner_html()
    handle.press("End")
    expect(said).not_to_have_text(before)
    assert marks.inner_html() != place
    assert handle.get_attribute("aria-valuetext") == slider.locator("output").inner_text()
    assert slider.locator("img").count() == 1


def test_where_storage_is_blocked_questions_answer_and_say_how_long_that_lasts(page, address):
    page.add_init_script(BLOCKED)
    page.goto(f"{address}/{FIRST}")
    answer(page, "00.7", "40")
    expect(question(page, "00.7").locator(".course-said")).to_contain_text("keeps nothing for this site")
    expect(page.locator(".course-summary")).to_contain_text("1 of 10 right so far.")


def test_without_scripts_the_answers_are_folded_in_the_page(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{FIRST}")
    form = question(page, "00.7")
    expect(form.get_by_role("button", name="Check")).to_be_hidden()
    expect(form.get_by_text("40 ± 8 measurements")).to_be_hidden()
    form.get_by_text("Answer", exact=True).click()
    expect(form.get_by_text("40 ± 8 measurements")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("dark", 360)])
def test_every_page_fits_is_readable_and_loads_nothing_from_elsewhere(browser, built, address, theme, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    foreign: list[str] = []
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(f"{page.url}: {error}"))
    page.on("request", lambda sent: foreign.append(sent.url) if not sent.url.startswith((address, "data:")) else None)
    for file in sorted(built.rglob("*.html")):
        name = file.relative_to(built)
        if name.parts[0] == "_static" or (width > 1000 and name.parts[0] == "api"):
            continue
        page.goto(f"{address}/{name}")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{name} is {wider} pixels wider than the window"
        cut = page.evaluate(CUT) if width < 400 else []
        assert cut == [], f"{name} cuts off what cells print"
        assert page.evaluate(UNSHADED) == [], f"{name} doesn't show that more can be scrolled to"
        if name.as_posix() in LOOKED_AT:
            faults = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
            assert not faults, (name, [(one["id"], one["nodes"][0]["html"][:200]) for one in faults])
    assert foreign == [] and thrown == []
    context.close()


def test_the_search_finds_a_word_of_a_lesson(page, address):
    page.goto(f"{address}/search.html?q=catastrophic+forgetting")
    page.goto(f"{address}/search.html?q=BatchNorm")
    expect(page.locator("#search-results")).to_contain_text("What exactly stays still?", timeout=30_000)


@pytest.mark.parametrize("word", ["freeze", "accuracy", "probe", "learning rate"])
def test_the_search_shows_lessons_and_guides_above_the_packages_own_pages(page, address, word):
    page.goto(f"{address}/search.html?q={word}")
    expect(page.locator("#search-results > p").first).to_contain_text("found", timeout=30_000)
    found = [link.get_attribute("href") for link in page.locator("#search-results li a").all()]
    own = ["api/" in target for target in found]
    assert own == sorted(own) and own.count(False) >= 3, found
    assert any(own) or word == "learning rate"  # and the package's are among them
    assert any("lessons/" in target for target in found[:5])


def test_a_tab_says_lesson_and_course(built):
    for lesson in lessons.LESSONS:
        title = re.search(r"<title>([^<]*)</title>", page_of(built, lesson))[1]
        typographic = lesson.title.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")  # as the site sets an apostrophe
        assert title == f"{typographic} | Fine-tuning neural networks"
    assert "<title>Fine-tuning neural networks</title>" in (built / "index.html").read_text(encoding="utf-8")


def test_cheat_sheet_and_decision_guide_fit_on_one_sheet_each(browser, built, tmp_path):
    for name in PRINTED:
        printing.print_page(built / f"{name}.html", tmp_path / f"{name}.pdf")
        assert printing.count_sheets(tmp_path / f"{name}.pdf") == 1
