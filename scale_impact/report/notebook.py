"""An executed notebook as pages: Markdown, code, and outputs as text, tables and pictures; nothing of it acts."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from scale_impact.report.markup import SCROLLED, Outline, markdown, table_html

PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}
"""Kinds of pictures that are shown, with their endings. SVG is left out: opened by itself, it may act."""

BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
"""First bytes of each kind: what does not have them is no such picture."""

MOST = 40_000
"""Characters of one output or cell that a page shows; the rest stands in the notebook itself."""

PAGE = 90_000
"""Bytes of cells from which on the next cell starts a new page."""

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")
"""Colours and other commands to a terminal."""

LOCAL_PLACES = re.compile(r"(?<![\w/.])/(?:home|Users|root|tmp|private|var/folders)/[^\s\"'<>:]*")
"""Where something lay on the machine of the run."""


@dataclass(frozen=True)
class Block:
    """One cell, or what it gave: ``code``, ``text``, ``html``, ``picture`` or ``note``."""

    kind: str
    html: Markup
    number: int | None = None


class Pictures:
    """Pictures of a run, each written once: one that is a figure of the run is not written again."""

    def __init__(self, folder: Path, prefix: str, figures: Mapping[str, Path], where: Mapping[str, str]) -> None:
        self.folder, self.prefix = folder, prefix
        self.known = {_digest(path.read_bytes()): where[name] for name, path in figures.items() if name in where}

    def place(self, content: bytes, ending: str) -> str:
        """The address of a picture, relative to the page."""
        digest = _digest(content)
        if digest not in self.known:
            name = f"{self.prefix}{digest[:16]}.{ending}"
            (self.folder / name).write_bytes(content)
            self.known[digest] = name
        return self.known[digest]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_notebook(path: Path) -> list[dict[str, Any]]:
    """The cells of a notebook.

    Raises
    ------
    ValueError
        It is no notebook.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("it has no list of cells")
    return cells


def pages(cells: list[dict[str, Any]], pictures: Pictures, called: str) -> list[list[Block]]:
    """The blocks of a notebook, in as many pages as keep each small."""
    found: list[list[Block]] = [[]]
    size, outline = 0, Outline()
    for cell in cells:
        for block in _blocks(cell, pictures, called, outline):
            weight = len(block.html.encode("utf-8", "replace"))
            if found[-1] and size + weight > PAGE:
                found.append([])
                size, outline.last = 0, 2
            found[-1].append(block)
            size += weight
    return found


def _blocks(cell: Mapping[str, Any], pictures: Pictures, called: str, outline: Outline) -> Iterator[Block]:
    text, kind = _text(cell.get("source")), cell.get("cell_type")
    if kind == "markdown":
        yield Block("text", markdown(_cut(text)[0], outline))
    elif kind == "code":
        if text.strip():
            count = cell.get("execution_count")
            yield Block("code", _pre(text), count if isinstance(count, int) else None)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            if isinstance(output, dict):
                yield from _output(output, pictures, called, outline)
    elif text.strip():
        yield Block("code", _pre(text))


def _output(output: Mapping[str, Any], pictures: Pictures, called: str, outline: Outline) -> Iterator[Block]:
    """What a cell gave, in the form that says most."""
    kind, data = output.get("output_type"), output.get("data")
    if kind == "stream":
        yield Block("text", _pre(_text(output.get("text"))))
    elif kind == "error":
        yield Block(
            "text", _pre(_text(output.get("traceback"), "\n") or f"{output.get('ename')}: {output.get('evalue')}")
        )
    elif isinstance(data, dict):
        yield _shown(data, pictures, called, outline)


def _shown(data: Mapping[str, Any], pictures: Pictures, called: str, outline: Outline) -> Block:
    for mime, ending in PICTURES.items():
        if mime in data and (block := _picture(data, mime, ending, pictures, called)):
            return block
    html = _text(data.get("text/html"))
    if html and len(html) <= MOST:
        return Block("html", Markup(SCROLLED) + table_html(html) + Markup("</div>"))
    if "text/markdown" in data:
        return Block("text", markdown(_cut(_text(data["text/markdown"]))[0], outline))
    if "text/plain" in data:
        return Block("text", _pre(_text(data["text/plain"])))
    kinds = ", ".join(sorted(map(str, data)))[:200]
    return Block(
        "note",
        Markup("<p class='note'>{}</p>").format(f"An output that is not shown here ({kinds}); it is in the notebook."),
    )


def _picture(data: Mapping[str, Any], mime: str, ending: str, pictures: Pictures, called: str) -> Block | None:
    """A picture as a file beside the page; None where it is none."""
    try:
        content = binascii.a2b_base64(_text(data[mime]))
    except (binascii.Error, ValueError):
        return None
    if not content.startswith(BEGINNINGS[mime]):
        return None
    told = " ".join(_text(data.get("text/plain")).split())
    alt = (
        told
        if told and not told.startswith("<")
        else f"Figure in the notebook of {called}; its numbers stand in the tables of the study's page"
    )
    made = Markup('<p><img src="{}" alt="{}" loading="lazy"></p>').format(pictures.place(content, ending), alt[:300])
    return Block("picture", made)


def _text(value: Any, between: str = "") -> str:
    """A text of a notebook, which may be a list of lines."""
    if isinstance(value, (list, tuple)):
        return between.join(str(line) for line in value)
    return value if isinstance(value, str) else ""


def _pre(text: str) -> Markup:
    shown, cut = _cut(LOCAL_PLACES.sub("(a local folder)", ANSI.sub("", text)))
    note = Markup("<p class='note'>{}</p>").format(cut) if cut else Markup("")
    return (
        Markup(
            '<div class="scroll" role="group" aria-label="Text" tabindex="0"><pre dir="auto"><code>{}</code></pre></div>'
        ).format(escape(shown))
        + note
    )


def _cut(text: str) -> tuple[str, str]:
    """As much of a text as is shown, and what to say of the rest."""
    if len(text) <= MOST:
        return text, ""
    return text[:MOST], f"Cut after {MOST:,} of {len(text):,} characters; the notebook itself has all."
