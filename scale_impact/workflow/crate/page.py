"""Pages: the texts of a crate, filled from their templates in ``pages/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parent / "pages"


def page(template: str, **values: Any) -> str:
    """A template with its values; a name that the template uses and nobody gives is an error.

    In HTML, values are escaped; in Markdown the filter ``cell`` makes of a value one line that keeps its place in a table.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(PAGES), undefined=StrictUndefined, autoescape=template.endswith(".html.j2"),
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters |= {"cell": _cell, "bytes": in_bytes, "code": as_code}
    return made.get_template(template).render(**values)


def in_bytes(size: int) -> str:
    """A size for reading: 512 bytes, 3.4 kB, 1.2 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _cell(value: object) -> str:
    """A value as a cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def as_code(value: object) -> str:
    """A value as code in a cell of a Markdown table."""
    text = _cell(value)
    return f"`` {text} ``" if "`" in text else f"`{text}`"
