"""Put what was measured into the documentation, between two marks, so that it can be put there again."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
PAGE = _ROOT / "docs" / "performance.md"
PICTURE = _ROOT / "docs" / "performance.svg"


def put(text: str, name: str, lines: list[str]) -> str:
    """
    Replace what stands between the marks of a name.

    Raises:
        ValueError: the text does not hold both marks, once each.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"no place for {name}")
    before, after = text.split(begin, maxsplit=1)[0], text.split(end)[1]
    return "\n".join([f"{before}{begin}", *lines, f"{end}{after}"])


def write(name: str, lines: list[str], page: Path = PAGE) -> None:
    """Put lines into a page."""
    page.write_text(put(page.read_text(encoding="utf-8"), name, lines), encoding="utf-8")
