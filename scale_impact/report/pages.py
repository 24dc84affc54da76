"""Pages from templates: every value is escaped unless it was made harmless before (``markup``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scale_impact.core.words import counted, number, p_words
from scale_impact.report.markup import linked
from scale_impact.report.slugs import slug

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).resolve().parent
TEMPLATES, ASSETS = HERE / "templates", HERE / "assets"

LIMIT = 150_000
"""Bytes that a page may have."""

ROWS = (200, 60, 30, 12, 4)
"""Rows of a table that are shown, fewer where the page would be too large."""

VERDICTS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "inapplicable": "not applicable"}
SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "inapplicable": "–"}


def page(template: str, root: str, **values: Any) -> str:
    """A page; ``root`` leads from it to the report's own folder."""
    return _environment().get_template(template).render(root=root, **values)


def fragment(template: str, **values: Any) -> str:
    """A piece of a page, in one line a line."""
    return "\n".join(line for line in _environment().get_template(template).render(**values).splitlines() if line)


def fitting(render: Callable[[int], str], most: Iterable[int] = ROWS) -> str:
    """The page with as many rows a table as its size allows."""
    text = ""
    for rows in most:
        text = render(rows)
        if len(text.encode("utf-8", "replace")) < LIMIT:
            break
    return text


def write_page(path: Path, text: str) -> None:
    """Write a page; what is no Unicode (half a surrogate in somebody's text) becomes a question mark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "replace"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "number": _number,
        "p": _p,
        "counted": counted,
        "cut": cut,
        "linked": linked,
        "slug": slug,
        "url": quote,
        "bytes": in_bytes,
    }
    made.globals |= {"VERDICTS": VERDICTS, "SIGNS": SIGNS}
    return made


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)


def _p(value: float | None) -> str:
    return "–" if value is None else p_words(value).removeprefix("p = ").replace("p < ", "< ")


def cut(text: object, most: int = 300) -> str:
    """A text on one line, its end left out where it is long."""
    words = " ".join(str(text).split())
    return words if len(words) <= most else f"{words[:most].rstrip()}…"


def in_bytes(size: int) -> str:
    """A size for reading."""
    return next(
        (f"{size / by:.1f} {unit}" for unit, by in (("MB", 10**6), ("kB", 10**3)) if size >= by), f"{size} bytes"
    )
