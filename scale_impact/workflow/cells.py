"""The code of a template without what cannot change a result: comments, layout, Markdown, outputs.

A cell is what its syntax tree says, written again; IPython's own lines (``%time``, ``!ls``, ``name?``) stand
in it as text. Of its tags only those count that decide whether and how it is executed.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from scale_impact.core.manifest import text_hash
from scale_impact.core.template import read_template

DECIDING = ("parameters", "raises-exception", "skip-execution")
"""Tags that papermill and nbclient act upon."""

OWN_LINE = re.compile(r"^(\s*)((?:[\w.,\s\[\]'\"]+=\s*)?)([%!].*|\?{1,2}[\w.*]+|[\w.*]+\?{1,2})\s*$")
"""A line of IPython's own: its indentation, what it is assigned to, and the rest."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its number among the code cells, its first line of code, and the hash of what it does."""

    number: int
    line: str
    hash: str


def cells_of(template: Path) -> tuple[Cell, ...]:
    """The code cells of a template that do something; errors as ``read_template``."""
    read_template(template)
    return _cells(template.read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def _cells(text: str) -> tuple[Cell, ...]:
    """The cells of a notebook; each content is parsed once a process."""
    code = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    read = [_cell(k + 1, "".join(c["source"]), c["metadata"].get("tags", [])) for k, c in enumerate(code)]
    return tuple(cell for cell in read if cell is not None)


def _cell(number: int, source: str, tags: list[Any]) -> Cell | None:
    """A cell; None where it holds comments only."""
    meaning = normal(source)
    if not meaning:
        return None
    deciding = [tag for tag in DECIDING if tag in tags]
    return Cell(number, first_line(source), text_hash(json.dumps([meaning, deciding]))[:16])


def first_line(source: str) -> str:
    """The first line of a cell that is no comment, shortened."""
    lines = [line.strip() for line in source.splitlines()]
    found = next((line for line in lines if line and not line.startswith("#")), "")
    return found if len(found) <= 60 else found[:59] + "…"


def normal(source: str) -> str:
    """A cell's code without comments and layout; empty where nothing is left."""
    source = source.replace("\r\n", "\n")
    if source.lstrip().startswith("%%"):  # the cell is in a language that the magic knows
        return source.strip()
    tree = _parsed(source)
    if tree is None:
        return _without_comment_lines(source)
    return ast.unparse(tree) + (";" if _is_silenced(source) else "")


def _parsed(source: str) -> ast.Module | None:
    """The syntax tree, IPython's own lines as calls; None where it is no Python even so."""
    for text in (source, "\n".join(map(_as_call, source.split("\n")))):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
    return None


def _as_call(line: str) -> str:
    own = OWN_LINE.match(line)
    return line if own is None else f"{own[1]}{own[2]}__ipython__({own[3].rstrip()!r})"


def _without_comment_lines(source: str) -> str:
    lines = [line.rstrip() for line in source.splitlines()]
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


def _is_silenced(source: str) -> bool:
    """Whether a semicolon at the end keeps IPython from showing the last value."""
    if ";" not in source:
        return False
    passed = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.DEDENT)
    try:
        tokens = [t.string for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in passed]
    except (tokenize.TokenError, SyntaxError):
        return source.rstrip().endswith(";")
    return bool(tokens) and tokens[-1] == ";"
