"""All rows of all studies as files: JSON, Parquet, and CSV in which no text is a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS
from scale_impact.core.safe_csv import defused
from scale_impact.report.published import Row
from scale_impact.report.summary import File

TABLES = {"estimates": ESTIMATE_FIELDS, "checks": CHECK_FIELDS}

PARTS = ".parts"
"""Folder of the rows of each study, until they are put together."""

NUMBERS = ("event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high", "p_value", "statistic")
COUNTS = ("schema", "n_units", "n_treated", "n_periods", "n_obs", "n_clusters")
NESTED = ("details", "context")

_harmless = lru_cache(maxsize=4096)(defused)
"""Texts repeat themselves from row to row."""


def as_csv(rows: Iterable[Mapping[str, object]], fields: Sequence[str], *, header: bool = True) -> str:
    """Rows as CSV, made harmless for spreadsheets as ``core.safe_csv`` does."""
    text = io.StringIO()
    if header:
        csv.writer(text, lineterminator="\n").writerow(fields)
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([[_cell(row.get(field)) for field in fields] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, (dict, list)):
        return defused(json.dumps(value, ensure_ascii=False))
    if value is None:
        return ""
    return _harmless(value) if isinstance(value, str) else value


def keep_rows(out: Path, number: int, rows: Mapping[str, Sequence[Row]]) -> None:
    """Keep the rows of a study for the tables of all; its number gives their order."""
    folder = out / PARTS
    folder.mkdir(exist_ok=True)
    for table, found in rows.items():
        lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in found)
        for ending, text in (("jsonl", lines), ("csv", as_csv(found, TABLES[table], header=False))):
            (folder / f"{table}-{number:06d}.{ending}").write_bytes(text.encode("utf-8", "replace"))


def write_downloads(out: Path) -> list[File]:
    """Put the rows of all studies together."""
    (out / PARTS).mkdir(exist_ok=True)
    (out / "data").mkdir(exist_ok=True)
    return [file for table in TABLES for file in _files(out / "data", out / PARTS, table)]


def _files(folder: Path, parts: Path, table: str) -> Iterator[File]:
    lines = b"".join(path.read_bytes() for path in sorted(parts.glob(f"{table}-*.jsonl")))
    (folder / f"{table}.json").write_bytes(b"[\n" + b",\n".join(lines.split(b"\n")[:-1]) + b"\n]\n")
    with (folder / f"{table}.csv").open("wb") as file:
        file.write(as_csv([], TABLES[table]).encode())
        for path in sorted(parts.glob(f"{table}-*.csv")):
            file.write(path.read_bytes())
    (parts / f"{table}.jsonl").write_bytes(lines)
    _columns(parts / f"{table}.jsonl", TABLES[table], folder / f"{table}.parquet")
    for ending, what in {
        "csv": "for spreadsheets",
        "json": "for programs",
        "parquet": "for R, Python and databases",
    }.items():
        path = folder / f"{table}.{ending}"
        yield File(path.name, path.name, f"all {table}, {what}", path.stat().st_size)


def _columns(lines: Path, fields: Sequence[str], target: Path) -> None:
    """Parquet, by DuckDB, with a column a field whether or not a row has a value there."""
    import duckdb

    kinds = ", ".join(f"'{f}': '{_type(f)}'" for f in fields)
    empty = ", ".join(f'NULL::{_type(f)} AS "{f}"' for f in fields)
    read = f"SELECT * FROM read_json({_quoted(lines)}, format = 'newline_delimited', columns = {{{kinds}}}, maximum_object_size = 100000000)"
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET preserve_insertion_order = true")
        rows = read if lines.stat().st_size else f"SELECT {empty} WHERE false"
        connection.execute(f"COPY ({rows}) TO {_quoted(target)} (FORMAT parquet)")


def _quoted(path: Path) -> str:
    return "'" + path.as_posix().replace("'", "''") + "'"


def _type(field: str) -> str:
    if field in NUMBERS:
        return "DOUBLE"
    return "BIGINT" if field in COUNTS else "JSON" if field in NESTED else "VARCHAR"
