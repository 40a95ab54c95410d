"""The project's own source, as the rules of the house read it."""

import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Finding = tuple[int, str]
Rule = Callable[[str], Iterator[Finding]]

_EXCEPTION = re.compile(r"#\s*house:\s*\S+")


def python_files(*folders: str) -> list[Path]:
    """
    List the Python files under these folders of the project, in a stable order.

    Raises:
        FileNotFoundError: a folder has none; a rule over nothing is always kept.
    """
    files = {folder: sorted((ROOT / folder).rglob("*.py")) for folder in folders}
    for folder, found in files.items():
        if not found:
            raise FileNotFoundError(f"no Python file in {folder}/")
    return [file for found in files.values() for file in found]


def broken(rule: Rule, files: list[Path]) -> list[str]:
    """Name each place in these files where the rule is broken, as `path:line: what`; nothing when it is kept."""
    return [
        f"{file.relative_to(ROOT)}:{line}: {what}"
        for file in files
        for line, what in rule(file.read_text(encoding="utf-8"))
    ]


def comments(source: str) -> dict[int, str]:
    """Map each line that ends in a comment to that comment; a `#` in a string is none."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def exceptions(source: str) -> set[int]:
    """Give the lines that hold `# house: <reason>`, the only way to go past a size; a missing reason grants nothing."""
    return {line for line, comment in comments(source).items() if _EXCEPTION.search(comment)}
