"""Finds broken links in the built pages, without a network: files, anchors, ill-formed addresses."""

from collections.abc import Iterator
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKING = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src", "iframe": "src"}
SCHEMES = {"https", "http", "mailto", "data"}


class Built(HTMLParser):
    """A built page: what it links to, and which anchors and images without words it has."""

    def __init__(self, file: Path):
        super().__init__()
        self.file = file
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.bare: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link or an anchor; HTMLParser calls this for each tag."""
        given = dict(attrs)
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag in LINKING and (target := given.get(LINKING[tag])) is not None:
            self.links.append(target)
        if tag == "img" and not (given.get("alt") or "").strip():
            self.bare.append((given.get("src") or "")[:80])


class Site:
    """The built pages of a folder."""

    def __init__(self, folder: Path):
        self.folder = folder.resolve()

    @cached_property
    def pages(self) -> dict[Path, Built]:
        """Each page by its file."""
        return {file: Built(file) for file in sorted(self.folder.rglob("*.html")) if "_static" not in file.parts}

    def broken(self) -> Iterator[str]:
        """Name what is wrong: page, link and why."""
        for file, page in self.pages.items():
            name = file.relative_to(self.folder)
            for target in dict.fromkeys(page.links):
                if reason := self._reason(page, target):
                    yield f"{name}: {target[:120]} {reason}"
            yield from (f"{name}: the image {source} has no alternative text" for source in page.bare)

    def _reason(self, page: Built, target: str) -> str:
        try:
            parts = urlsplit(target)
        except ValueError:
            return "is no address"
        if parts.scheme:
            if parts.scheme not in SCHEMES:
                return "is no address that a page can lead to"
            return "names no host" if parts.scheme.startswith("http") and "." not in parts.netloc else ""
        file = (page.file.parent / unquote(parts.path)).resolve() if parts.path else page.file
        if file.is_dir():
            file /= "index.html"
        if not file.is_relative_to(self.folder) or not file.is_file():
            return "isn't there"
        if parts.fragment and file in self.pages and unquote(parts.fragment) not in self.pages[file].ids:
            return "leads to no anchor there"
        return ""
