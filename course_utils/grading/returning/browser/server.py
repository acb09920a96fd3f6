"""Serves the review to one person's browser on this machine: who has no cookie of it, or comes from elsewhere, gets
nothing.

The address holds a token that works once: the cookie that it is exchanged for goes to this server alone.
"""

import asyncio
import hmac
import html
import json
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.netutil
import tornado.web

from course_utils.errors import CourseError
from course_utils.grading.intake.archives import Unreadable
from course_utils.grading.returning.browser import rendering
from course_utils.grading.returning.browser.answers import FILTERS, Answers
from course_utils.grading.returning.feedback import clean
from course_utils.grading.returning.queue import Queue

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"
MOST_CARDS = 50  # that are asked for at a time
LARGEST = 1 << 20  # bytes of a request
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A student's notebook: as of no origin, without script, and with nothing that isn't in it.
NOTEBOOK_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


class Server:
    """A queue on a port of the loopback. told: takes a line for the person at the terminal."""

    def __init__(self, queue: Queue, told: Callable[[str], None] = print):
        self.answers, self.told = Answers(queue), told
        self.renderer = rendering.Renderer()
        self.cookie, self.csrf, self.token = (secrets.token_urlsafe(32) for _ in range(3))
        self.port = 0
        self.saved = 0

    def listen(self, port: int = 0) -> None:
        """Begin to serve, within a running event loop; 0 takes any free port."""
        try:
            sockets = tornado.netutil.bind_sockets(port, ADDRESS)
        except (OSError, OverflowError) as error:
            raise CourseError(
                f"Port {port} isn't available ({error}): name another with --port, or leave it out to use a free one.",
                code="grading.port-taken",
            ) from None
        self.port = sockets[0].getsockname()[1]
        handlers = [
            (r"/", Start),
            (r"/(review\.(?:js|css))", Static),
            (r"/api/(items|item|cards)", Read),
            (r"/api/(mark|undo)", Write),
            (r"/notebook/([0-9a-f]{24})", Notebook),
        ]
        application = tornado.web.Application(
            [(path, handler, {"server": self}) for path, handler in handlers],
            default_handler_class=Nothing,
            default_handler_args={"server": self},
            log_function=lambda _: None,
        )
        self._http = tornado.httpserver.HTTPServer(application, max_body_size=LARGEST, max_buffer_size=2 * LARGEST)
        self._http.add_sockets(sockets)

    @property
    def host(self) -> str:
        """What a request must name."""
        return f"{ADDRESS}:{self.port}"

    @property
    def address(self) -> str:
        """What the person opens, once."""
        return f"http://{self.host}/?token={self.token}"

    @property
    def cookie_name(self) -> str:
        """Of its own for each port: a browser sends cookies to all ports of a host."""
        return f"course-review-{self.port}"

    def admits(self, token: str) -> bool:
        """Whether the token is the one that wasn't used yet; then the next one takes its place."""
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return False
        self.token = secrets.token_urlsafe(32)
        return True

    def close(self) -> None:
        """Stop serving."""
        self._http.stop()
        self.renderer.close()


class Page(tornado.web.RequestHandler):
    """What every answer has: its headers, and that only the right browser gets it."""

    policy = PAGE_POLICY

    def initialize(self, server: Server) -> None:
        self.server = server

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in (
            ("Content-Security-Policy", self.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), clipboard-read=()"),
        ):
            self.set_header(name, value)

    def prepare(self) -> None:
        """Another host's name is DNS rebinding; another site's request is that site's doing."""
        headers = self.request.headers
        if headers.get_list("Host") != [self.server.host]:
            raise Refused(403, f"This server only answers requests to {self.server.host}.")
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise Refused(403, "This came from another page.")
        if not self.known():
            raise Refused(
                403,
                "Open the address shown in the terminal: it works once, and then this browser is recognised.",
            )

    def known(self) -> bool:
        given = self.get_cookie(self.server.cookie_name, "") or ""
        return hmac.compare_digest(given.encode(), self.server.cookie.encode())

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        told = str(error) if isinstance(error, (Refused, CourseError)) else f"This can't be done ({status_code})."
        if "text/html" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(f"<!DOCTYPE html><meta charset='utf-8'><title>Review</title><p>{html.escape(told)}</p>")
        else:
            self.json({"error": told, "code": getattr(error, "code", "")})

    def log_exception(self, *error: Any) -> None:
        if not isinstance(error[1], (tornado.web.HTTPError, CourseError)):
            super().log_exception(*error)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, CourseError):
            status_code = 409 if error.code == "grading.overtaken" else 400
        super().send_error(status_code, **kwargs)

    def json(self, content: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))


class Refused(tornado.web.HTTPError):
    """A request that gets nothing, with a sentence for the person who may have made it."""

    def __init__(self, status: int, said: str):
        super().__init__(status)
        self.said = said

    def __str__(self) -> str:
        return self.said


class Nothing(Page):
    """Every other address."""

    def get(self) -> None:
        raise Refused(404, "There is nothing at this address.")


class Start(Page):
    """The page itself; the first visit exchanges the token for the cookie."""

    def known(self) -> bool:
        return bool(self.get_query_argument("token", "")) or super().known()

    def get(self) -> None:
        token = self.get_query_argument("token", "")
        if token and self.server.admits(token):
            self.set_cookie(self.server.cookie_name, self.server.cookie, httponly=True, samesite="Strict", path="/")
            self.redirect("/")
        elif token and super().known():
            self.redirect("/")  # the address once more, in the browser that is known
        elif token:
            self.server.told(f"That address has already been used. Open this one: {self.server.address}")
            raise Refused(403, "This address has already been used: the terminal shows a new one.")
        else:
            by = clean(self.server.answers.queue.by)
            page = _template().render(csrf=self.server.csrf, by=by, filters=FILTERS)
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(page)


class Static(Page):
    """The page's script and style."""

    def get(self, name: str) -> None:
        kind = "text/javascript" if name.endswith(".js") else "text/css"
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        self.finish((HERE / name).read_bytes())


class Read(Page):
    """What the page shows."""

    def get(self, what: str) -> None:
        answers, shown = self.server.answers, self.get_query_argument("filter", "waiting")
        if what == "items":
            self.json(answers.items(shown))
        elif what == "item":
            about = self.get_query_argument("lesson"), self.get_query_argument("item")
            self.json(answers.of_item(*about, shown, self.get_query_argument("grouped", "1") == "1"))
        else:
            names = self.get_query_argument("names", "") == "1"
            self.json([answers.card(name, names) for name in self.get_query_arguments("card")[:MOST_CARDS]])


class Write(Page):
    """A mark, or its undoing: asked for by this page's own script alone."""

    def prepare(self) -> None:
        super().prepare()
        headers = self.request.headers
        if headers.get("Origin", f"http://{self.server.host}") != f"http://{self.server.host}":
            raise Refused(403, "This came from another page.")
        if not hmac.compare_digest(headers.get("X-Course-Review", "").encode(), self.server.csrf.encode()):
            raise Refused(403, "This page is from another run of the server: reload it.")
        if headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Refused(415, "JSON is expected.")

    def post(self, what: str) -> None:
        answers = self.server.answers
        try:
            asked = json.loads(self.request.body)
            given = {name: asked[name] for name in (("card", "version", "points", "comment") if what == "mark" else ())}
            if not all(isinstance(value, str) for value in given.values()):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise Refused(400, "That isn't a valid mark.") from None
        names = self.get_query_argument("names", "") == "1"
        shown = self.get_query_argument("filter", "waiting")
        if what == "undo":
            self.json(answers.undo() | {"items": answers.items(shown, again=False)})
            return
        said = answers.mark(given["card"], given["version"], given["points"], given["comment"])
        self.server.saved += 1
        card = answers.card(given["card"], names)
        self.json({"said": said, "card": card, "items": answers.items(shown, again=False)})


class Notebook(Page):
    """A student's whole notebook, of no origin and without any script."""

    policy = NOTEBOOK_POLICY

    async def get(self, name: str) -> None:
        queue = self.server.answers.queue
        source = self.server.answers.entry(name).source
        self.set_header("Content-Type", "text/html; charset=utf-8")
        if queue.originals is None:
            raise Refused(404, "Name the folder or zip that was graded with --submissions.")
        try:
            page = await self.server.renderer.page(rendering.loads(queue.originals.read(source)))
        except (CourseError, Unreadable, ValueError, RecursionError):
            page = None
        if page is None:  # in words alone, or why it can't be shown
            page = (
                f'<!DOCTYPE html><meta charset="utf-8"><title>The whole notebook</title>{queue.originals.page(source)}'
            )
        self.finish(page)


@cache
def _template():
    """Of its own: what other pages extend has its style inside, which the policy here forbids."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("review.html.j2")


async def serve(queue: Queue, port: int, opened: Callable[[str], None], told: Callable[[str], None]) -> None:
    """Serve until the task is cancelled. opened: takes the address."""
    server = Server(queue, told)
    server.listen(port)
    try:
        if queue.originals:
            server.renderer.warm()
        opened(server.address)
        await asyncio.Event().wait()
    finally:
        server.close()
        told(f"Stopped: all marks are in {queue.store.path}.")
