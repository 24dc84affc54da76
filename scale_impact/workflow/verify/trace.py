"""Where two executions of a notebook part: the first cell and the variables, by fingerprints after each cell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Probes = Sequence[tuple[int, str, str]]
"""For each code cell its index in the notebook, its source, and the text of its probe."""

GLOBAL = {
    "<random>": "Python's global random generator (`random`)",
    "<numpy.random>": "NumPy's global random generator (`numpy.random`)",
}
"""Generators that code draws from when it is given none."""


def probe() -> str:
    """Source of an expression that gives a kernel's fingerprints as a text and leaves nothing behind in it."""
    source = Path(__file__).with_name("state.py").read_text(encoding="utf-8")
    look = "space['snapshot'](globals(), getattr(get_ipython(), 'user_ns_hidden', ()))"
    return f"(lambda space: (exec({source!r}, space), {look})[1])({{'__name__': 'scale_impact_state'}})"


@dataclass(frozen=True)
class Parted:
    """A variable whose values differ between two executions.

    Attributes
    ----------
    name, kind:
        The variable and its type.
    first, second:
        Its values where they are short, otherwise their sizes.
    parts:
        Columns, fields or items that differ, where it has any by name.
    """

    name: str
    kind: str
    first: str
    second: str
    parts: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The variable, its type and both values."""
        within = f", in {', '.join(self.parts[:5])}{' and more' if len(self.parts) > 5 else ''}" if self.parts else ""
        values = f"{self.first} and {self.second}" if self.first != self.second else self.first
        return f"variable {self.name} ({self.kind}{within})" + (f": {values}" if values else "")


@dataclass(frozen=True)
class Divergence:
    """The first cell after which two executions differ.

    Attributes
    ----------
    cell:
        Index of the cell in the notebook, from 1.
    source:
        Its first line.
    variables:
        What differs.
    drew:
        Global random generators that were not seeded and have something to do with it.
    """

    cell: int
    source: str
    variables: tuple[Parted, ...]
    drew: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The sentence of the report."""
        what = "; ".join(v.words for v in self.variables[:5])
        more = f" and {len(self.variables) - 5} more" if len(self.variables) > 5 else ""
        also = f"; also {', '.join(self.drew)}, which nobody seeded: give code the study's seed" if self.drew else ""
        return f"run 1 and run 2 diverge first in cell {self.cell} (`{self.source}`): {what}{more}{also}"


def first_divergence(first: Probes, second: Probes) -> Divergence | None:
    """The first cell after which variables differ; None where none does.

    A global generator starts in another state in each Python. That is no divergence until a cell leaves
    something behind that differs, and then it is named beside it if that cell drew from it. One that was
    seeded (equal once) and then parts is a divergence like that of a variable.
    """
    equal: set[str] = set()
    known: Mapping[str, Any] = {}
    for (index, source, a), (_, _, b) in zip(first, second, strict=False):
        one, other = _read(a), _read(b)
        differing = [n for n in dict.fromkeys([*one, *other]) if _mark(one, n) != _mark(other, n)]
        variables = [n for n in differing if n not in GLOBAL or n in equal]
        if variables:
            drew = [GLOBAL[n] for n in differing if n in GLOBAL and n not in equal and _mark(one, n) != _mark(known, n)]
            return Divergence(index + 1, _line(source), tuple(_parted(n, one, other) for n in variables), tuple(drew))
        equal |= {n for n in GLOBAL if n in one and n not in differing}
        known = one
    return None if len(first) == len(second) else _ended(first, second)


def _ended(first: Probes, second: Probes) -> Divergence:
    """One execution had more cells than the other."""
    index, source, _ = max(first, second, key=len)[min(len(first), len(second))]
    return Divergence(index + 1, _line(source), (Parted("(cells)", "int", str(len(first)), str(len(second))),))


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _mark(state: Mapping[str, Any], name: str) -> str | None:
    return state[name][2] if name in state else None


def _parted(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Parted:
    """What is known of a variable that differs; in one execution it may not be there."""
    a, b = one.get(name), other.get(name)
    if a is None or b is None:
        here = a or b
        return Parted(name, here[0] if here else "", _value(a), _value(b))
    kind = a[0] if a[0] == b[0] else f"{a[0]} and {b[0]}"
    return Parted(GLOBAL.get(name, name), kind, a[1], b[1], tuple(_parts(a[3], b[3])))


def _value(entry: Sequence[Any] | None) -> str:
    return "not there" if entry is None else str(entry[1]) or "there"


def _parts(one: Mapping[str, str], other: Mapping[str, str]) -> Iterable[str]:
    return (n for n in dict.fromkeys([*one, *other]) if one.get(n) != other.get(n))


def _line(source: str) -> str:
    """The first line of a cell that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
    return (lines[0] if lines else source.strip())[:100]
