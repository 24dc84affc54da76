"""A SELECT in DuckDB over frames and files: nothing else can be read or written, and the same data give the same frame."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.core.streams_parquet import MEMORY, ParquetTable, files_of, made_alike, quoted
from scale_impact.core.words import nearest, some
from scale_impact.errors import DataError, SourceError
from scale_impact.sources import csv
from scale_impact.sources._reading import formats

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

GENERATORS = frozenset({"range", "generate_series", "unnest"})
"""Functions in FROM that read no file."""

HARMLESS = frozenset({"error"})
"""Of the functions that DuckDB calls volatile, those that change no result."""

UNSTEADY = frozenset(
    {
        "ago", "current_localtime", "current_localtimestamp", "current_setting", "format_type", "getvariable",
        "pg_conf_load_time", "pg_get_constraintdef", "pg_get_viewdef", "pg_postmaster_start_time", "reservoir_quantile", "version",
    }
)  # fmt: skip
"""Functions that say the time, how this machine is set up, or what a sample says, and that DuckDB calls steady."""

CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""What gives the time without being called."""

CASTS = {
    "BIGINT": re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|BOOLEAN|BIGNUM"),
    "DOUBLE": re.compile(r"FLOAT|DOUBLE|REAL|DECIMAL.*"),
    "TIMESTAMP": re.compile(r"DATE|TIMESTAMP(_S|_MS|_NS)?"),
    "UTC": re.compile(r"TIMESTAMP WITH TIME ZONE"),
    "VARCHAR": re.compile(r"VARCHAR|UUID|ENUM.*|JSON|\"?NULL\"?"),
}
"""What a panel holds, and the types of DuckDB that become it; true is 1 and false 0."""


@dataclass(frozen=True)
class Tables:
    """What a query may read: other cards' data by name, and files with the columns that each is given."""

    cards: Mapping[str, pd.DataFrame | ParquetTable]
    files: Mapping[str, tuple[Path, Mapping[str, Any]]]
    source: Source

    @property
    def names(self) -> dict[str, str]:
        """Names of the tables, each with the card or file that it is."""
        return {name: name for name in self.cards} | {table_name(file): file for file in self.files}

    @property
    def problems(self) -> list[str]:
        """Tables of one name."""
        called = [*self.cards, *(table_name(file) for file in self.files)]
        small = [name.lower() for name in called]
        twice = dict.fromkeys(name for name in small if small.count(name) > 1)
        return [f"tables and files: {name!r} stands for two of them. Give one another name." for name in twice]

    @property
    def paths(self) -> list[str]:
        """Files that DuckDB itself reads while the query runs."""
        own = [p for path, _ in self.files.values() if is_parquet(path) for p in files_of(path)]
        theirs = [p for data in self.cards.values() if isinstance(data, ParquetTable) for p in data.files]
        return [str(p) for p in (*own, *theirs)]


def table_name(file: str) -> str:
    """``data/towns.2019.csv.gz`` is the table ``towns``."""
    return re.split(r"[.*?\[]", Path(file).name)[0] or Path(file).parent.name


def is_parquet(path: Path) -> bool:
    """Whether a path is Parquet, alone or as a folder or pattern."""
    return formats.format_of(path.name) in ("parquet", None)


def selected(query: str, tables: Tables, source: Source) -> pd.DataFrame:
    """What a query gives, sorted; errors as ``sql.build``."""
    import duckdb

    if tables.problems:
        raise SourceError(tables.problems)
    with tempfile.TemporaryDirectory(prefix="scale-impact-") as scratch:
        try:
            with _connected(tables, scratch) as con:
                _refuse_unfit(query, con, tables)
                return _answer(query, con, source)
        except duckdb.Error as error:
            raise SourceError(f"query: {said(error)}") from error


@contextmanager
def _connected(tables: Tables, scratch: str) -> Iterator[DuckDBPyConnection]:
    """A database of the tables and nothing else, closed for files, extensions and settings.

    One thread: sums of several are added in whatever order they end, and their last digits differ.
    """
    import duckdb

    config: dict[str, Any] = {"threads": 1, "memory_limit": MEMORY, "temp_directory": scratch}
    con = duckdb.connect(config=config)
    try:
        made_alike(con)
        con.execute("SET python_enable_replacements = false; SET pandas_analyze_sample = 0")
        for name, data in tables.cards.items():
            _register(con, name, data)
        for file, (path, adds) in tables.files.items():
            _register(con, table_name(file), _material(path, tables.source), adds)
        listed = ", ".join(_text(p) for p in tables.paths)
        con.execute(f"SET allowed_paths = [{listed}]")
        con.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        con.execute("SET enable_external_access = false; SET lock_configuration = true")
        yield con
    finally:
        con.close()


def _material(path: Path, source: Source) -> pd.DataFrame | ParquetTable:
    """A file: Parquet with its types; of text files every column as text, for the query to cast."""
    if is_parquet(path):
        try:
            return ParquetTable.of(path)
        except DataError as error:
            raise SourceError(error.problems) from error
    bare = source.model_copy(update={"columns": {}})
    if formats.format_of(path.name) == "csv":
        return csv.text_columns(path, bare)
    return formats.parse(path, bare)


def _register(
    con: DuckDBPyConnection, name: str, data: pd.DataFrame | ParquetTable, adds: Mapping[str, Any] | None = None
) -> None:
    """Make a table of a frame, or a view of Parquet files, which are read as far as the query needs them."""
    more = "".join(f", {_literal(value)} AS {quoted(column)}" for column, value in (adds or {}).items())
    if isinstance(data, ParquetTable):
        chosen = ", ".join(f"{data.value(c)} AS {quoted(c)}" for c in data.columns)
        con.execute(f"CREATE VIEW {quoted(name)} AS SELECT {chosen}{more} FROM {data.source}")
        return
    words = [c for c in data if isinstance(data[c].dtype, pd.StringDtype)]  # older DuckDBs know texts as objects only
    con.register(f"frame of {name}", data.astype(dict.fromkeys(words, object)))
    con.execute(f"CREATE VIEW {quoted(name)} AS SELECT *{more} FROM {quoted(f'frame of {name}')}")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(value: Any) -> str:
    """A value of a card in SQL."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, (bool, int, float)) else _text(str(value))


# ---- the query -----------------------------------------------------------------------------------------


def _refuse_unfit(query: str, con: DuckDBPyConnection, tables: Tables) -> None:
    """Refuse what is no single SELECT over the card's tables, or would give something else tomorrow."""
    import duckdb

    statements = con.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = some([s.type.name for s in statements])
        raise SourceError(
            f"query: it has to be one SELECT, and is {kinds}. (A PIVOT names its columns: PIVOT air ON kind IN ('no2', 'pm25').)"
        )
    tree = json.loads(con.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()[0][0])
    if tree["error"]:
        raise SourceError(f"query: {tree['error_message']}.")
    nodes = list(_nodes(tree))
    problems = [*_unknown_tables(nodes, tables), *_file_functions(nodes, tables), *_unsteady(nodes, con)]
    if problems:
        raise SourceError(problems)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a query's tree."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _nodes(item)


def _unknown_tables(nodes: list[dict[str, Any]], tables: Tables) -> Iterator[str]:
    """Tables that the card does not name; what the query itself calls so (WITH) is none of them."""
    own = {entry["key"].lower() for n in nodes for entry in (n.get("cte_map") or {}).get("map", ())}
    known = {name.lower() for name in tables.names}
    asked = [n for n in nodes if n.get("type") == "BASE_TABLE"]
    # with a schema in front it is a table of DuckDB itself, whatever the query calls so
    foreign = {".".join(parts) for n in asked if len(parts := _parts(n)) > 1}
    for name in dict.fromkeys(".".join(_parts(n)) for n in asked):
        if name in foreign or name.lower() not in own | known:
            yield f"query: there is no table {name!r}. {nearest(name, tables.names)} Tables are the card's `tables` and `files`."


def _parts(node: dict[str, Any]) -> list[str]:
    """A table's name as the query writes it: catalogue and schema, where they are said, before its own."""
    return [node[key] for key in ("catalog_name", "schema_name", "table_name") if node.get(key)]


def _file_functions(nodes: list[dict[str, Any]], tables: Tables) -> Iterator[str]:
    for node in nodes:
        if node.get("type") == "TABLE_FUNCTION" and (name := node["function"]["function_name"]) not in GENERATORS:
            yield (
                f"query: {name}() is not allowed, because what it reads has no card and no hash. Name the file under `files`, and use its "
                f"table ({', '.join(tables.names)})."
            )


def _unsteady(nodes: list[dict[str, Any]], con: DuckDBPyConnection) -> Iterator[str]:
    """Functions that give something else each time, and samples."""
    rows = con.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    ).fetchall()
    unsteady = {name for (name,) in rows} - HARMLESS | UNSTEADY
    called = [n["function_name"] for n in nodes if "function_name" in n]
    # what stands without parentheses looks like a column until it is bound
    bare = [n["column_names"][0].lower() for n in nodes if len(n.get("column_names") or ()) == 1]
    for name in dict.fromkeys([c for c in called if c in unsteady] + [b for b in bare if b in CLOCKS]):
        yield (
            f"query: {name} gives another value at another time or on another machine. Write the value, such as DATE '2024-07-31'."
        )
    if any(_is_age(n) for n in nodes):
        yield "query: age(x) counts to today, which is another day each time. Write the day: age(DATE '2024-07-31', x)."
    if any(n.get("sample") for n in nodes):
        yield "query: a sample is another each time. Choose rows by their values."


def _is_age(node: dict[str, Any]) -> bool:
    """Whether a node is ``age`` with one argument, which counts to today; with two it is steady."""
    return node.get("function_name") == "age" and len(node.get("children") or ()) == 1


# ---- the answer ----------------------------------------------------------------------------------------


def _answer(query: str, con: DuckDBPyConnection, source: Source) -> pd.DataFrame:
    described = con.execute(f"DESCRIBE {query}").fetchall()
    names, kinds = [name for name, *_ in described], {name: kind for name, kind, *_ in described}
    if twice := dict.fromkeys(n for n in names if [m.lower() for m in names].count(n.lower()) > 1):
        raise SourceError(
            f"query: column {some(list(map(repr, twice)))} stands twice in the result. Name columns apart: a.x AS first."
        )
    casts = {name: _cast(name, kind) for name, kind in kinds.items()}
    if odd := [n for n, c in casts.items() if c is None and n in source.columns]:
        raise SourceError(
            [
                f"query: column {n!r} is of type {kinds[n]}, which no panel holds. Cast it: CAST({n} AS DOUBLE)."
                for n in odd
            ]
        )
    chosen = ", ".join(f"{cast or f'CAST({quoted(n)} AS VARCHAR)'} AS {quoted(n)}" for n, cast in casts.items())
    first = [n for n in (source.unit, source.period) if n in kinds]
    order = ", ".join(f"{quoted(n)} NULLS LAST" for n in dict.fromkeys([*first, *kinds]))
    frame = pd.DataFrame(con.execute(f"SELECT {chosen} FROM (\n{query}\n) ORDER BY {order}").df())
    if frame.empty:
        raise SourceError("query: it gives no rows. Look at its conditions.")
    return frame


def _cast(name: str, kind: str) -> str | None:
    """A column of the result as a panel holds it, in SQL; None where it is of another type."""
    found = next((wanted for wanted, pattern in CASTS.items() if pattern.fullmatch(kind)), None)
    if found is None:
        return None
    return f"timezone('UTC', {quoted(name)})" if found == "UTC" else f"CAST({quoted(name)} AS {found})"


def said(error: Exception) -> str:
    """DuckDB's own words in one line, without the picture of the query; the line of it is said."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = [line for line in lines if not re.match(r"LINE \d+:|\^+$", line)]
    at = next((m[1] for line in lines if (m := re.match(r"LINE (\d+):", line))), None)
    return " ".join(words).removesuffix(".") + (f" (line {at} of the query)." if at else ".")
