"""The numbers behind a check: what its row keeps for readers, as small tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scale_impact.core.words import number

COLUMNS = 8


@dataclass(frozen=True)
class Table:
    """A table of texts; ``more`` says how many rows are not shown."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


def tables(details: Mapping[str, Any] | None, most: int) -> list[Table]:
    """Tables of what a check keeps: single values first, then each list of rows; at most so many rows each."""
    if not details or most <= 0:
        return []
    single = [(_plain(k), cell(v)) for k, v in details.items() if _scalar(v) and v is not None]
    found = [Table("Values", ("what", "value"), tuple(single[:most]), max(len(single) - most, 0))] if single else []
    return found + [table for name, value in details.items() for table in _of(_plain(name), value, most)]


def _of(name: str, value: Any, most: int) -> Iterator[Table]:
    if isinstance(value, Mapping) and value:
        if all(map(_scalar, value.values())):
            yield Table(
                name,
                ("what", "value"),
                tuple((str(k), cell(v)) for k, v in list(value.items())[:most]),
                max(len(value) - most, 0),
            )
    elif (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and value
        and all(isinstance(v, Mapping) for v in value)
    ):
        yield _rows(name, value, most)


def _rows(name: str, rows: Sequence[Mapping[str, Any]], most: int) -> Table:
    """Rows with the columns that hold single values."""
    columns = [k for k in dict.fromkeys(k for row in rows for k in row) if all(_scalar(row.get(k)) for row in rows)][
        :COLUMNS
    ]
    shown = tuple(tuple(cell(row.get(k)) for k in columns) for row in rows[:most])
    return Table(name, tuple(map(_plain, columns)), shown, max(len(rows) - most, 0))


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def _plain(name: object) -> str:
    return str(name).replace("_", " ")


def cell(value: Any) -> str:
    """A value for reading; nothing is a dash, a truth yes or no."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value).replace("-", "−")
    if isinstance(value, int):
        return (f"{value:,}" if abs(value) >= 10_000 else str(value)).replace("-", "−")
    return str(value)
