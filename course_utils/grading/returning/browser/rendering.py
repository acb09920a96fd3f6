"""A student's notebook as a page without script, form, link or network; rendered in a process of its own."""

import asyncio
import json
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

LONGEST = 400_000  # characters of a notebook's words that are rendered
IMAGES = 8 << 20  # characters of its images
SECONDS = 20
MEMORY = 2 << 30  # bytes
# What a rendered notebook may hold: no link, no form, no style, no frame, and images that it brings itself.
TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd", "del", "details"),
    *(
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "kbd",
        "li",
    ),
    *("mark", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td"),
    *("tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"),
}
STYLE = """
:root {color-scheme: light dark}
body {font: 1rem/1.5 system-ui, sans-serif; margin: 1rem; max-width: 60rem}
pre {white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: .9rem/1.4 ui-monospace, monospace}
.cell {margin: 0 0 1rem} .input {border-left: 3px solid #0b6bcb; padding: .4rem .6rem; background: #8881}
.output {padding: .4rem .6rem; max-height: 40rem; overflow: auto} .output_stderr {background: #f002}
.prompt {color: GrayText; font-size: .8rem} img {max-width: 100%} img[src] {background: #fff}
table {border-collapse: collapse} th, td {border: 1px solid #8888; padding: .1rem .5rem; text-align: right}
"""


class Renderer:
    """Renders one notebook after the other in one process, which may die of any of them."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()

    def warm(self) -> ProcessPoolExecutor:
        """The process, begun and its libraries loaded, so that the first notebook doesn't wait for them."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), _confine)
            self._pool.submit(body, {"cells": []})
        return self._pool

    async def page(self, notebook: dict[str, Any]) -> str | None:
        """The notebook as a whole HTML page; None where it can't be rendered within SECONDS and MEMORY."""
        async with self._turn:
            work = asyncio.get_running_loop().run_in_executor(self.warm(), _timed, notebook)
            try:
                inside = await asyncio.wait_for(work, SECONDS + 10)
            except (BrokenProcessPool, TimeoutError):
                self.close()
                return None
            except Exception:  # whatever a made-up notebook does to a library
                return None
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>The whole notebook</title>'
            f"<style>{STYLE}</style></head><body>{inside}</body></html>"
        )

    def close(self) -> None:
        """End the process."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _confine() -> None:
    """In the new process: no more memory than MEMORY, and Ctrl-C is for the server alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ImportError, OSError, ValueError):  # Windows has no resource limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ["JUPYTER_CONFIG_DIR"] = os.devnull  # nobody's own nbconvert settings


def _timed(notebook: dict[str, Any]) -> str:
    """In that process: what takes longer than SECONDS ends it."""
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
    try:
        return body(notebook)
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def body(notebook: dict[str, Any]) -> str:
    """The cells and outputs as HTML that holds nothing but TAGS."""
    import bleach
    import nbformat
    from bs4 import BeautifulSoup
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)
    found = BeautifulSoup(exporter.from_notebook_node(nbformat.from_dict(trimmed(notebook)))[0], "html.parser")
    for element in found(["script", "style", "template", "noscript", "title"]):
        element.decompose()  # with their words: bleach takes the tags alone
    for image in found("img"):
        if not str(image.get("src", "")).startswith("data:image/"):
            image.replace_with("[an image from elsewhere]")
    return bleach.clean(str(found), tags=TAGS, attributes=_allowed, protocols={"data"}, strip=True, strip_comments=True)


def _allowed(tag: str, name: str, value: str) -> bool:
    """Classes of nbconvert's, the size of a cell of a table, and an image's own bytes."""
    if tag == "img":
        return name in ("alt", "width", "height") or (name == "src" and value.startswith("data:image/"))
    if name == "class":
        return True
    return tag in ("td", "th") and name in ("colspan", "rowspan", "scope")


def trimmed(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook of nbformat 4 with nothing but its sources and outputs, cut where they are too long.

    Metadata are left out: nbconvert takes files' names and much else from them.
    """
    left = {"text": LONGEST, "image": IMAGES}

    def cut(words: Any, kind: str = "text") -> str:
        words = "".join(map(str, words)) if isinstance(words, list) else str(words)
        if kind == "image" and len(words) > left["image"]:
            return ""
        words = words[: left[kind]]
        left[kind] -= len(words)
        return words

    cells: list[dict[str, Any]] = []
    for cell in filter(lambda one: isinstance(one, dict), notebook["cells"]):
        code = cell.get("cell_type") == "code"
        cells.append(
            {"cell_type": "code" if code else "markdown", "metadata": {}, "source": cut(cell.get("source", ""))}
        )
        if code:
            outputs, count = cell.get("outputs"), cell.get("execution_count")
            found = outputs if isinstance(outputs, list) else []
            cells[-1]["outputs"] = [one for output in found if (one := _output(output, cut))]
            cells[-1]["execution_count"] = count if type(count) is int else None
        if left["text"] <= 0:
            cells.append({"cell_type": "markdown", "metadata": {}, "source": "**The rest is left out.**"})
            break
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}


def _output(output: Any, cut) -> dict[str, Any] | None:
    kind = output.get("output_type") if isinstance(output, dict) else None
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": cut(output.get("text", ""))}
    if kind == "error":
        lines = output.get("traceback")
        return {
            "output_type": "error",
            "ename": str(output.get("ename", ""))[:200],
            "evalue": cut(output.get("evalue", "")),
            "traceback": cut("\n".join(map(str, lines)) if isinstance(lines, list) else "").split("\n"),
        }
    if kind not in ("display_data", "execute_result") or not isinstance(data := output.get("data"), dict):
        return None
    kept = {}
    for mime in ("text/plain", "text/html", "text/markdown", "text/latex"):
        if mime in data:
            kept[mime] = cut(data[mime])
    for mime in ("image/png", "image/jpeg", "image/svg+xml"):
        if mime in data and (words := cut(data[mime], "image")):
            kept[mime] = words
    return {"output_type": "display_data", "metadata": {}, "data": kept} if kept else None


def loads(data: bytes) -> dict[str, Any]:
    """A notebook's JSON, whatever UTF it is in. ValueError when it is none."""
    content = json.loads(data.decode(json.detect_encoding(data)))
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise ValueError("no notebook")
    return content
