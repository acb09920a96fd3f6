"""The review's server: who gets in, and what bad input is told."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar

import pytest
from reviewed import BANK, ITEM, QUIZ, waiting
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.errors import CourseError
from course_utils.grading.gradebook.store import Store
from course_utils.grading.release.releasing import release
from course_utils.grading.returning.browser.server import Server

LESSON = QUIZ.lesson
NASTY = "<img src=x onerror=alert(1)>"
ABOUT = f"lesson={LESSON}&item={ITEM}"


def test_the_token_works_once_and_leaves_the_address(visit):
    told = []

    async def scenario(client):
        token = client.server.token
        first = await client.enter()
        assert first.code == 302 and first.headers["Location"] == "/"
        for part in ("HttpOnly", "SameSite=Strict", "Path=/", f"course-review-{client.server.port}="):
            assert part in first.headers["Set-Cookie"]
        assert (await client.fetch("/")).code == 200
        again = await client.fetch(f"/?token={token}", cookie="a=b")
        assert again.code == 403 and "Set-Cookie" not in again.headers
        assert len(told) == 1 and client.server.address in told[0]  # the one at the terminal gets another
        known = await client.fetch(f"/?token={token}")
        assert known.code == 302 and len(told) == 1

    visit(scenario, enter=False, told=told)


PATHS = [
    "/",
    "/review.js",
    "/review.css",
    "/api/items",
    f"/api/item?{ABOUT}",
    "/api/cards",
    "/notebook/" + 24 * "0",
    "/x",
]


@pytest.mark.parametrize("path", PATHS)
def test_without_the_cookie_nothing_is_told(visit, path):
    async def scenario(client):
        for cookie in (
            "",
            "a=b",
            f"course-review-{client.server.port}=guess",
            "course-review-1=" + client.server.cookie,
        ):
            answer = await client.fetch(path, cookie=cookie)
            assert answer.code == 403 and b"terminal" in answer.body and client.server.csrf.encode() not in answer.body
        for wrong in ("", "x", client.server.token[:-1], "\u00e9"):
            assert (await client.fetch(f"/?token={urllib.request.quote(wrong)}")).code == 403

    visit(scenario, enter=False)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1", "[::1]:{port}"]
)
@pytest.mark.parametrize("path", ["/", "/api/items"])
def test_another_name_for_this_host_is_rebinding(visit, host, path):
    async def scenario(client):
        answer = await client.fetch(path, Host=host.format(port=client.server.port))
        assert answer.code == 403 and b"only answers requests to" in answer.body

    visit(scenario)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])  # same-site: another port of 127.0.0.1
def test_requests_of_other_pages_get_nothing(visit, site):
    async def scenario(client):
        assert (await client.fetch("/api/items", Sec_Fetch_Site=site)).code == 403
        assert (await client.fetch("/api/items", Sec_Fetch_Site="same-origin")).code == 200

    visit(scenario)


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Course_Review": None},
        {"X_Course_Review": "guess"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_mark_comes_from_this_page_alone(visit, headers):
    async def scenario(client):
        (card, *_) = await client.cards()
        right = {
            "X_Course_Review": client.server.csrf,
            "Content_Type": "application/json",
            "Origin": f"http://{client.server.host}",
        }
        body = json.dumps({"card": card["id"], "version": card["version"], "points": "1", "comment": ""})
        assert (await client.fetch("/api/mark", body, **right | headers)).code in (403, 415)
        assert client.store.manual(LESSON) == {}
        assert (await client.fetch("/api/mark", body, **right)).code == 200

    visit(scenario)


def test_every_answer_carries_its_policy(visit):
    async def scenario(client):
        for path in PATHS:
            headers = (await client.fetch(path)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe-inline" not in policy.replace(
                "style-src 'unsafe-inline'", ""
            )
            assert ("sandbox;" in policy) == path.startswith("/notebook")
            assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
            assert headers["Referrer-Policy"] == "no-referrer" and "Access-Control-Allow-Origin" not in headers
        page = (await client.fetch("/")).body.decode()
        assert not re.search(r"https?://|style=|<style|\bon\w+=", page) and page.count("<script") == 1

    visit(scenario)


def test_the_port_is_of_the_loopback_and_a_taken_one_is_told(visit):
    async def scenario(client):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(CourseError, match=f"Port {port} isn't available") as told:
                Server(client.server.answers.queue).listen(port)
            assert told.value.code == "grading.port-taken"
        assert {one.getsockname()[0] for one in client.server._http._sockets.values()} == {"127.0.0.1"}

    visit(scenario)


# Bad input


def test_nothing_that_waits_is_an_empty_list(visit):
    async def scenario(client):
        assert await client.get("/api/items") == {"items": [], "gone": {}, "undo": False}

    visit(scenario, [])


def test_answers_to_an_item_that_left_the_bank_are_named(visit):
    from example_quiz import changed

    left = changed(QUIZ, items=[one for one in QUIZ.model_dump()["items"] if one["id"] != ITEM])

    async def scenario(client):
        found = await client.get("/api/items")
        assert found["gone"] == {ITEM: 3} and found["items"] == []
        assert (await client.fetch(f"/api/item?{ABOUT}")).code == 400

    visit(scenario, quizzes=(left,))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--store", "typo.sqlite"], "doesn't exist: grade first"),
        (["--bank", "nowhere"], "nowhere"),
        (["--released", "nowhere"], "--released"),
        (["--course-key", "nowhere.key"], "nowhere.key"),
    ],
)
def test_the_command_tells_what_is_missing(tmp_path, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    release(QUIZ, tmp_path / "released", roster=["ada"])
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([waiting("ada")])
    command = ["review", "--browser", "--no-open", "--bank", str(BANK), *options]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, CourseError) and told in str(done.exception)
    assert not (tmp_path / "typo.sqlite").exists()


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    release(QUIZ, tmp_path / "released", roster=["ada"])
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([waiting("ada")])
    command = "import sys; from course_utils.cli import main; sys.argv[0] = 'course'; main()"
    asked = ["quiz", "review", "--browser", "--no-open", "--bank", str(BANK), "--by", "A. <Tutor>"]
    server = subprocess.Popen(
        [sys.executable, "-c", command, *asked],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        address = re.search(r"http://\S+", server.stdout.readline())[0]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        assert "works once" in server.stdout.readline()
        assert "under the name <bdi>A. &lt;Tutor&gt;</bdi>" in opener.open(address, timeout=30).read().decode()
    finally:
        server.send_signal(signal.SIGINT)
        said, trouble = server.communicate(timeout=30)
    assert said == f"Stopped: all marks are in {tmp_path / 'marks.sqlite'}.\n" and trouble == ""
    assert server.returncode == 0
