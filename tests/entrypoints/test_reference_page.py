"""
GET /docs: the reference, for people. Everything that the page loads comes from this server, and the page says so to
the browser.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest

ADDRESS = "http://auth.example/docs"
ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}


class Page(HTMLParser):
    """A page, as a browser goes through it: what it loads, and what it holds itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads."""
        given = dict(attributes)
        self._inside = tag
        self.loads += [value for name in ("src", "href") if (value := given.get(name))]
        self.ids += [value] if (value := given.get("id")) else []
        self.inline += [name for name in given if name.startswith("on") or name == "style"]

    def handle_endtag(self, _tag: str) -> None:
        """Leave a tag."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Note a script or a style that stands in the page itself."""
        if self._inside in {"script", "style"} and data.strip():
            self.inline.append(data)


def policy(header: str) -> dict[str, list[str]]:
    """Read a Content-Security-Policy."""
    directives = [directive.split() for directive in header.split(";")]
    return {name: sources for name, *sources in directives}


def test_the_page_loads_its_own_files_only(http):
    """
    Whoever reads the reference is seen by nobody but this server, and it works where there is no internet.
    """
    response = http.get("/docs")
    page = Page(response.text)

    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert page.loads == ["./docs/swagger-ui.css", "./docs/swagger-ui-bundle.js", "./docs/start.js"]
    assert {urlsplit(urljoin(ADDRESS, one)).netloc for one in page.loads} == {"auth.example"}
    assert page.inline == []
    for one in page.loads:
        assert http.get(urlsplit(urljoin(ADDRESS, one)).path).status_code == 200


def test_the_browser_is_told_to_load_nothing_else(http):
    """
    Should the page ever hold a foreign script, style, font, picture or frame, a browser would not load it.
    """
    response = http.get("/docs")
    allowed = policy(response.headers["Content-Security-Policy"])

    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == allowed["connect-src"] == ["'self'"]
    # Swagger UI sets styles from its script, and has its icons in its style sheet.
    assert {one for sources in allowed.values() for one in sources} == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert "'unsafe-inline'" not in allowed["script-src"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == allowed["form-action"] == ["'none'"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_shows_this_server_s_document(http):
    """
    The script that starts the page points it at the document beside it, into a place that the page has.
    """
    start = http.get("/docs/start.js").text
    target = re.search(r'dom_id: "#(\w+)"', start)
    document = re.search(r'url: "([^"]+)"', start)

    assert target is not None
    assert target[1] in Page(http.get("/docs").text).ids
    assert document is not None
    assert http.get(urlsplit(urljoin(ADDRESS, document[1])).path).get_json()["info"]["title"] == "Chalk Auth"
    # No "try it out": a page that takes API keys would teach people to paste them into pages.
    assert "supportedSubmitMethods: []" in start
    assert "://" not in start


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_is_what_it_says_and_is_cached(http, name):
    """
    Browsers that do not guess types run the files, and ask for them again only when they changed.
    """
    first = http.get(f"/docs/{name}")
    again = http.get(f"/docs/{name}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, first.headers["Content-Type"]) == (200, ASSETS[name])
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Cache-Control"].startswith("public, max-age=")
    assert len(first.data) > 50
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["swagger-ui.js", "index.html", "..%2fpages.py", "%2e%2e%2fopenapi.py", "", "a/b"])
def test_nothing_else_is_served_from_there(http, name):
    """
    The folder of the package is no file server: three names exist, and no path leads out of it.
    """
    response = http.get(f"/docs/{name}")

    assert response.status_code == 404
    assert response.get_json()["error"]["code"] == "NOT_FOUND"
