"""What the review shows a browser, and what is kept of what it sends."""

import html
import json
import re
import sqlite3

import pytest
from needs import run
from reviewed import BANK, ITEM, QUIZ, waiting

from course_utils.grading.gradebook.store import Store
from course_utils.grading.release.releasing import release
from course_utils.grading.returning.browser.server import Server
from course_utils.grading.returning.queue import open_queue

LESSON = QUIZ.lesson
NASTY = "<img src=x onerror=alert(1)>"
ABOUT = f"lesson={LESSON}&item={ITEM}"


# What is shown


def test_items_and_filters_count_what_waits(visit):
    results = [waiting("ada", looks={"90.3": "4,000"}), waiting("grace"), waiting("emmy")]

    async def scenario(client):
        client.store.request_regrade(LESSON, "grace", "90.1", "Please.")
        client.server.answers.queue.load()
        counted = {}
        for shown in ("waiting", "look", "requests", "marked", "all"):
            items = (await client.get(f"/api/items?filter={shown}"))["items"]
            assert [(one["item"], one["waiting"], one["total"]) for one in items] == [
                ("90.1", 1, 1),
                ("90.3", 1, 1),
                (ITEM, 3, 3),
            ]
            counted[shown] = {one["item"]: one["shown"] for one in items if one["shown"]}
        everything = {"90.1": 1, "90.3": 1, ITEM: 3}
        assert counted == {
            "waiting": everything,
            "look": {"90.3": 1},
            "requests": {"90.1": 1},
            "marked": {},
            "all": everything,
        }
        (look,) = await client.cards("look", item="90.3")
        assert "can't be read" in look["found"] and look["answer"] == "4,000"
        (request,) = await client.cards("requests", item="90.1")
        assert request["request"] == "Please." and request["found"].startswith("right, 1 of 1 points")

    visit(scenario, results)


def test_the_item_has_its_question_rubric_and_solution(visit):
    async def scenario(client):
        item = await client.get(f"/api/item?{ABOUT}")
        assert [line["points"] for line in item["rubric"]] == [2, 2] and item["most"] == 4
        assert "from scratch" in item["question"]["html"] and "the start matters little" in item["solution"]["html"]
        assert "style=" not in item["question"]["html"] + item["solution"]["html"]

    visit(scenario)


def test_names_are_hidden_until_asked_for(visit):
    async def scenario(client):
        hidden, told = await client.cards(), await client.cards(names=1)
        assert not re.search("ada|grace|emmy", json.dumps([card["students"] for card in hidden]))
        assert {card["students"][0]["name"] for card in told} == {"ada", "grace", "emmy"}
        assert [card["id"] for card in hidden] == [card["id"] for card in told]

    visit(scenario)


def test_a_students_words_are_text_without_control_characters(visit):
    async def scenario(client):
        (card,) = await client.cards()
        assert card["answer"] == f"{NASTY}\n\N{REPLACEMENT CHARACTER}[2J"
        assert NASTY in card["remarks"][0]  # the page sets text and no markup

    visit(scenario, [waiting("ada", f"{NASTY}\r\n\x1b[2J", remarks=(f"{NASTY} was edited.",))])


def test_equal_answers_are_one_card_and_others_are_not(visit):
    results = [
        *(waiting(f"same{n}", answer) for n, answer in enumerate(("It is far.", "It is far. ", "It is far.\n"))),
        waiting("other", "It is near."),
        waiting("odd", "It is far.", remarks=("The question was edited.",)),
        waiting("asks", "It is far."),
    ]

    async def scenario(client):
        client.store.request_regrade(LESSON, "asks", ITEM, "Please.")
        client.server.answers.queue.load()
        cards = await client.cards(names=1)
        counts = sorted((card["count"], card["students"][0]["name"][:4]) for card in cards)
        assert counts == [(1, "asks"), (1, "odd"), (1, "othe"), (3, "same")]
        assert len(await client.cards(grouped=0)) == 6
        many = next(card for card in cards if card["count"] == 3)
        code, said = await client.mark(many, "2.5", "Say why.")
        assert code == 200 and said["said"] == "Saved: 2.5 of 4 points for 3 equal answers."
        given = client.store.manual(LESSON)
        assert set(given) == {(f"same{n}", ITEM) for n in range(3)}
        assert {(one.points, one.comment, one.by) for one in given.values()} == {(2.5, "Say why.", "A. Tutor")}
        assert (await client.get(f"/api/item?{ABOUT}"))["comments"] == ["Say why."]
        assert (await client.post("undo"))[1]["said"] == "Taken back: 2.5 of 4 points for 3 equal answers."
        assert client.store.manual(LESSON) == {} and len(client.store.waiting(LESSON)) == 6

    visit(scenario, results)


def test_empty_cells_that_wait_for_a_look_are_marked_one_by_one(visit):
    async def scenario(client):
        assert [card["count"] for card in await client.cards(item="90.A")] == [1, 1]

    visit(scenario, [waiting(name, looks={"90.A": ""}) for name in ("ada", "emmy")])


def plain(page):
    return html.unescape(re.sub("</?code>", "", page))


def test_equal_letters_of_other_orders_are_not_equal(tmp_path):
    names = [f"s{n}" for n in range(12)]
    release(QUIZ, tmp_path / "released", roster=names)
    path = tmp_path / "marks.sqlite"
    with Store(path) as store:
        store.save([waiting(name, looks={"90.1": "A", "90.2": "A or B"}) for name in names])

    async def work():
        server = Server(open_queue(path, BANK, tmp_path / "released"))
        answers = server.answers
        cards = [answers.card(one, False) for one in answers.of_item(LESSON, "90.1", "waiting", True)["cards"]]
        assert len(cards) == 3 and sum(card["count"] for card in cards) == 12  # the options that an A can stand for
        for card in cards:
            said = card["answer"].partition(" — ")[2]
            shown = plain(card["question"]["html"])
            assert f"A — {said}" in shown
            (right,) = re.findall("<strong>(. — .+?)</strong>", plain(card["solution"]["html"]))
            assert right in shown, "the right answer has other letters than the student saw"
        assert len(answers.of_item(LESSON, "90.2", "waiting", True)["cards"]) == 12  # nobody knows what it stands for

    run(work())


# What is kept


def test_each_mark_is_kept_at_once_with_who_gave_it(visit):
    async def scenario(client):
        first, *_ = await client.cards(names=1)
        student = first["students"][0]["name"]
        code, done = await client.mark(first, " 1,5 ", " Half. ")
        assert code == 200 and not done["card"]["waits"] and done["card"]["points"] == "1.5"
        assert [one["waiting"] for one in done["items"]["items"]] == [2] and done["items"]["undo"]
        given = client.store.manual(LESSON)[student, ITEM]
        assert (given.points, given.comment, given.by) == (1.5, "Half.", "A. Tutor")
        (card,) = await client.cards("marked", names=1)
        assert (card["points"], card["comment"], card["by"]) == ("1.5", "Half.", "A. Tutor")

    visit(scenario)


@pytest.mark.parametrize("points", ["", " ", "-1", "4.5", "nan", "inf", "four", "1,000", "=4", "1e999", "٣ points"])
def test_points_that_cannot_be_are_refused(visit, points):
    async def scenario(client):
        card, *_ = await client.cards()
        code, said = await client.mark(card, points)
        assert code == 400 and said["error"].startswith("Not saved: ") and client.store.manual(LESSON) == {}

    visit(scenario)


@pytest.mark.parametrize(
    "body", ["", "x", "[]", "{}", '{"card": 1, "version": "", "points": "1", "comment": ""}', "null"]
)
def test_what_is_no_mark_is_refused(visit, body):
    async def scenario(client):
        headers = {"X_Course_Review": client.server.csrf, "Content_Type": "application/json"}
        answer = await client.fetch("/api/mark", body, **headers)
        assert answer.code == 400 and json.loads(answer.body)["error"] == "That isn't a valid mark."
        unknown = json.dumps({"card": 24 * "0", "version": "", "points": "1", "comment": ""})
        answer = await client.fetch("/api/mark", unknown, **headers)
        assert answer.code == 400 and "reload the page" in json.loads(answer.body)["error"]

    visit(scenario)


def test_of_two_who_mark_at_once_the_second_is_told_and_decides(visit):
    async def scenario(client):
        card, *_ = await client.cards(names=1)
        student = card["students"][0]["name"]
        with Store(client.store.path) as other:
            other.mark(LESSON, student, ITEM, 3, "Mine.", "B. Tutor")
        code, told = await client.mark(card, "1")
        assert code == 409 and told["code"] == "grading.overtaken" and "B. Tutor gave it 3 points" in told["error"]
        assert client.store.manual(LESSON)[student, ITEM].points == 3
        (fresh,) = await client.get(f"/api/cards?card={card['id']}")
        assert (fresh["points"], fresh["by"], fresh["comment"]) == ("3", "B. Tutor", "Mine.")
        assert (await client.mark(fresh, "1"))[0] == 200  # once they have seen it
        found = client.store.history(LESSON, student, ITEM)
        assert [(one["points"], one["by"]) for one in found if one["what"] == "mark"] == [
            (3, "B. Tutor"),
            (1, "A. Tutor"),
        ]

    visit(scenario)


def test_of_two_windows_the_second_is_told(visit):
    async def scenario(client):
        one, *_ = await client.cards()
        assert (await client.mark(one, "1"))[0] == 200
        code, told = await client.mark(one, "2")
        assert code == 409 and told["code"] == "grading.overtaken"

    visit(scenario)


def test_what_others_mark_leaves_the_list(visit):
    async def scenario(client):
        with Store(client.store.path) as other:
            other.mark(LESSON, "ada", ITEM, 3, by="B. Tutor")
        (item,) = (await client.get("/api/items"))["items"]
        assert item["waiting"] == 2 and len(await client.cards()) == 2

    visit(scenario)


def test_undo_goes_back_step_by_step_and_not_over_others(visit):
    async def scenario(client):
        first, second, _ = await client.cards(names=1)
        for card, points in ((first, "1"), (second, "2")):
            assert (await client.mark(card, points))[0] == 200
        (again,) = await client.get(f"/api/cards?card={first['id']}")
        assert (await client.mark(again, "3"))[0] == 200
        code, done = await client.post("undo")
        assert code == 200 and done["card"] == first["id"] and done["item"] == ITEM
        assert client.store.manual(LESSON)[first["students"][0]["name"], ITEM].points == 1
        with Store(client.store.path) as other:
            other.mark(LESSON, second["students"][0]["name"], ITEM, 0, by="B. Tutor")
        code, told = await client.post("undo")
        assert code == 409 and told["error"].startswith("Not undone: ")
        assert client.store.manual(LESSON)[second["students"][0]["name"], ITEM].points == 0
        assert (await client.post("undo"))[0] == 200 and (await client.post("undo"))[0] == 400
        assert {student for student, _ in client.store.manual(LESSON)} == {second["students"][0]["name"]}

    visit(scenario)


def test_a_store_that_another_process_holds_is_told_and_the_mark_can_be_repeated(visit):
    async def scenario(client):
        card, *_ = await client.cards()
        with sqlite3.connect(client.store.path) as other:
            other.execute("BEGIN IMMEDIATE")
            code, told = await client.mark(card, "1")
            assert code == 400 and "another process writes to it" in told["error"]
            assert (await client.cards())[0]["waits"]
        assert (await client.mark(card, "1"))[0] == 200

    visit(scenario, patience=0.05)
