"""A browser, or an attacker, before a review server of its own."""

import json

import pytest
from needs import run
from reviewed import ITEM, QUIZ, waiting
from tornado.httpclient import AsyncHTTPClient

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.gradebook.store import Store
from course_utils.grading.returning.browser.server import Server
from course_utils.grading.returning.queue import Queue

LESSON = QUIZ.lesson


class Client:
    """A browser that has opened the address, or anybody else."""

    def __init__(self, server, store):
        self.server, self.store, self.cookie = server, store, ""

    async def fetch(self, path, body=None, cookie=None, **headers):
        """The answer; `headers` take _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        sent = self.cookie if cookie is None else cookie
        return await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{self.server.port}{path}",
            method="GET" if body is None else "POST",
            body=body,
            headers=({"Cookie": sent} if sent else {}) | named,
            follow_redirects=False,
            raise_error=False,
        )

    async def enter(self):
        answer = await self.fetch(f"/?token={self.server.token}")
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return answer

    async def get(self, path):
        answer = await self.fetch(path)
        assert answer.code == 200, answer.body
        return json.loads(answer.body)

    async def cards(self, shown="waiting", grouped=1, item=ITEM, names=""):
        about = f"lesson={LESSON}&item={item}&filter={shown}&grouped={grouped}"
        ids = (await self.get(f"/api/item?{about}"))["cards"]
        asked = "&".join(f"card={one}" for one in ids)
        return await self.get(f"/api/cards?names={names}&{asked}") if ids else []

    async def post(self, what, **content):
        answer = await self.fetch(
            f"/api/{what}", json.dumps(content), X_Course_Review=self.server.csrf, Content_Type="application/json"
        )
        return answer.code, json.loads(answer.body)

    async def mark(self, card, points, comment=""):
        return await self.post("mark", card=card["id"], version=card["version"], points=points, comment=comment)


@pytest.fixture
def visit(tmp_path):
    """Run a scenario, which takes a Client, against a server of its own."""

    def visited(scenario, results=None, enter=True, originals=None, told=None, quizzes=(QUIZ,), patience=60):
        async def work():
            with Store(tmp_path / "marks.sqlite", patience) as store:
                store.save([waiting(name) for name in ("ada", "grace", "emmy")] if results is None else results)
                told_to = [] if told is None else told
                server = Server(
                    Queue(store, list(map(Assignment, quizzes)), "A. Tutor", originals=originals), told_to.append
                )
                server.listen()
                client = Client(server, store)
                try:
                    if enter:
                        await client.enter()
                    return await scenario(client)
                finally:
                    server.close()

        return run(work())

    return visited
