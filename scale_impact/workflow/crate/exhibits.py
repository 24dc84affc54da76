"""Exhibits: the figures, tables and files of a run, each with the notebook cell that makes it."""

from __future__ import annotations

import ast
import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

NOTEBOOK = "executed.ipynb"


@dataclass(frozen=True)
class Cell:
    """A code cell of an executed notebook: its number (as in ``In [7]``), the heading above it, its code and outputs."""

    number: int
    section: str
    code: str
    outputs: tuple[Mapping[str, Any], ...]

    @property
    def last_line(self) -> str:
        """The line of code that shows what the cell shows."""
        lines = [line.strip() for line in self.code.splitlines() if line.strip()]
        return lines[-1] if lines else ""


@dataclass(frozen=True)
class Exhibit:
    """Something that a run leaves.

    Attributes
    ----------
    kind:
        ``Figure``, ``Table`` or ``Data``.
    file:
        Its file, from the folder of the results; for a table the notebook that shows it.
    cell:
        The cell that makes it; None where none shows it and none names it.
    shown:
        Whether the cell shows exactly these bytes or this table; otherwise its code names the file.
    """

    kind: str
    file: str
    cell: Cell | None
    shown: bool = True


def exhibits(results: Path, files: tuple[Path, ...]) -> list[Exhibit]:
    """Figures, tables and data of a run, in the notebook's order.

    Parameters
    ----------
    results:
        The folder of the results.
    files:
        Its files, from there.
    """
    found = cells(results / NOTEBOOK)
    names = [path.as_posix() for path in files]
    return [
        *_figures(results, [n for n in names if n.startswith("figures/")], found),
        *(Exhibit("Table", NOTEBOOK, cell) for cell in found for output in cell.outputs if _is_table(output)),
        *(Exhibit("Data", name, _saving(found), shown=False) for name in names if name.endswith(".jsonl")),
    ]


def cells(notebook: Path) -> list[Cell]:
    """The code cells of a notebook; none where it cannot be read."""
    try:
        return list(_cells(json.loads(notebook.read_text(encoding="utf-8"))["cells"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _cells(raw: list[Mapping[str, Any]]) -> Iterator[Cell]:
    section, number = "", 0
    for cell in raw:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            headings = [line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")]
            section = headings[-1] if headings else section
        elif cell["cell_type"] == "code":
            number = cell.get("execution_count") or number + 1
            yield Cell(number, section, text, tuple(cell.get("outputs", ())))


# ---- figures ------------------------------------------------------------------------------------------


def _figures(results: Path, names: list[str], found: list[Cell]) -> list[Exhibit]:
    """One exhibit a figure, in the order in which the notebook shows them; both of its files have one stem."""
    pictures = {digest: cell for cell in reversed(found) for digest in _pictures(cell)}
    stems = dict.fromkeys(map(_stem, names))
    made = [_figure(results, stem, [n for n in names if _stem(n) == stem], pictures, found) for stem in stems]
    last = max((cell.number for cell in found), default=0) + 1
    return sorted(made, key=lambda e: (e.cell.number if e.cell else last, e.file))


def _figure(results: Path, stem: str, names: list[str], pictures: Mapping[str, Cell], found: list[Cell]) -> Exhibit:
    """By its bytes where a cell shows them, otherwise by the name that a cell's code gives it."""
    shown = next((cell for name in names if (cell := pictures.get(_digest(results / name))) is not None), None)
    named = next((cell for cell in found if PurePosixPath(stem).name in _texts_of_calls(cell.code, "figure")), None)
    return Exhibit("Figure", ", ".join(names), shown or named, shown=shown is not None)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pictures(cell: Cell) -> Iterator[str]:
    """Hashes of the pictures that a cell shows."""
    for output in cell.outputs:
        picture = "".join(_data(output).get("image/png", ""))
        try:
            content = base64.b64decode(picture)
        except binascii.Error:  # no picture of ours: it is no file of the results either
            continue
        if content:
            yield hashlib.sha256(content).hexdigest()


# ---- tables and data ----------------------------------------------------------------------------------


def _is_table(output: Mapping[str, Any]) -> bool:
    """Whether an output is a data frame, or text with a table."""
    data = _data(output)
    html, text = "".join(data.get("text/html", "")), "".join(data.get("text/markdown", ""))
    return "<table" in html or "|---" in text


def _saving(found: list[Cell]) -> Cell | None:
    """The cell that writes the rows: the last that calls ``save``."""
    return next((cell for cell in reversed(found) if _calls(cell.code, "save")), None)


def _data(output: Mapping[str, Any]) -> Mapping[str, Any]:
    data = output.get("data")
    return data if isinstance(data, Mapping) else {}


# ---- code ---------------------------------------------------------------------------------------------


@cache
def _calls(code: str, method: str) -> list[ast.Call]:
    """Calls of a method in a cell; none where the cell is no plain Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == method]


def _texts_of_calls(code: str, method: str) -> set[str]:
    """Texts written in the arguments of the calls of a method: ``session.figure("bacon", effect)`` gives bacon."""
    given = [a for call in _calls(code, method) for a in (*call.args, *(k.value for k in call.keywords))]
    return {a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)}
