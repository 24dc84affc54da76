"""A SELECT in a database, read-only and in time, and its answer as one Parquet file with types and in a fixed order."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pandas as pd

from scale_impact.core.remote import without_secrets
from scale_impact.core.source import Source
from scale_impact.core.streams_parquet import MEMORY, made_alike, quoted
from scale_impact.core.words import nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.fetch import Fetched

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from sqlalchemy import URL, Connection, Engine

PATIENCE = 900
"""Seconds after which a query is given up."""

KNOCK = 20
"""Seconds after which a host that does not answer is given up."""

ROWS = 20_000
"""Rows that are taken from the database at once."""

SECRETS = ("username", "password", "host", "port", "database")
"""Parts of the address that the environment may hold."""

NUMERIC, WHOLE, TEXT, MOMENT = "DOUBLE", "BIGINT", "VARCHAR", "TIMESTAMP"
KINDS: dict[type, str] = {
    bool: WHOLE, int: WHOLE, float: NUMERIC, Decimal: NUMERIC, str: TEXT, UUID: TEXT, date: MOMENT, datetime: MOMENT,
}  # fmt: skip
"""What a panel holds of a database's values; true is 1 and false 0."""


def fetched(query: str, source: Source, folder: Path) -> Fetched:
    """Ask the query and write its answer to ``folder``, sorted by unit and period, then by all columns.

    Raises
    ------
    SourceError
        The query is no single SELECT, a variable of the environment is missing, nobody answers, or the database
        refuses. No message holds what the environment gave.
    """
    _refuse_other_than_select(query)
    url, secrets = _address(source)
    path = folder / f"{source.kind}-{source.query_key}.parquet"
    try:
        with _asked(url) as connection:
            _written(query, connection, source, path)
    except SourceError as error:
        # what the driver raised may hold what the environment gave: it is not passed on
        raise SourceError([_hidden(p, secrets) for p in error.problems]) from None
    return Fetched(path, shown(url))


# ---- address and credentials ------------------------------------------------------------------------------


def _address(source: Source) -> tuple[URL, list[str]]:
    """The URL with what the environment adds to it, and those values."""
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError as error:
        raise SourceError("Databases need other packages: pip install 'scale-impact[sql]'.") from error
    try:
        url = make_url(source.database or "")
    except (ArgumentError, ValueError) as error:
        raise SourceError(
            "database is no SQLAlchemy URL, such as postgresql+psycopg://db.example.org:5432/air."
        ) from error
    values = _from_environment(source)
    parts: dict[str, Any] = {**values, **({"port": _port(values["port"])} if "port" in values else {})}
    return url.set(**parts), [v for k, v in values.items() if k in ("username", "password")]


def _port(text: str) -> int:
    if not text.isdecimal():
        raise SourceError("credentials.port: the environment variable holds no number.")
    return int(text)


def _from_environment(source: Source) -> dict[str, str]:
    """Values of the variables that the card names.

    Raises
    ------
    SourceError
        A key is none of an address, or a variable is not set; all at once.
    """
    unknown = [k for k in source.credentials if k not in SECRETS]
    problems = [f"credentials.{k}: there is no such key. {nearest(k, SECRETS)}" for k in unknown]
    absent = [v for v in source.credentials.values() if not os.environ.get(v)]
    problems += [
        f"The environment variable {v} is not set; the card takes the database's credentials from it. Set it, and pull again."
        for v in absent
    ]
    if problems:
        raise SourceError(problems)
    return {key: os.environ[variable] for key, variable in source.credentials.items()}


def shown(url: URL) -> str:
    """An address without user, password and options."""
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return without_secrets(f"{url.drivername}://{host}/{url.database or ''}")


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


# ---- the query ------------------------------------------------------------------------------------------


def _refuse_other_than_select(query: str) -> None:
    """Refuse what is no single SELECT; the database's own read-only transaction stands behind this."""
    bare = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL)
    if re.search(r"\$\w*\$", bare):
        raise SourceError("query: texts between dollar signs are not taken. Write them in single quotes.")
    if not re.match(r"\s*\(*\s*(SELECT|WITH|VALUES)\b", bare, flags=re.IGNORECASE) or ";" in bare:
        raise SourceError(
            "query: it has to be one SELECT (or WITH ... SELECT), without `;`. Nothing else is sent to a database."
        )


@contextmanager
def _asked(url: URL) -> Iterator[Connection]:
    """A connection that can only read, and gives up in time; always rolled back."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=_options(url))
        _made_read_only(engine)
        with engine.connect() as connection:
            yield connection.execution_options(stream_results=True, yield_per=ROWS, no_parameters=True)
            connection.rollback()
    except (NoSuchModuleError, ImportError) as error:
        raise SourceError(
            f"database: the driver of {url.drivername} is not installed ({error}). For PostgreSQL write postgresql+psycopg://... and "
            "pip install 'scale-impact[sql]'."
        ) from error
    except DBAPIError as error:
        raise SourceError(f"{shown(url)} {_refusal(error)}") from error
    except (ArgumentError, SQLAlchemyError, TypeError, ValueError) as error:
        raise SourceError(f"{shown(url)}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def _options(url: URL) -> dict[str, Any]:
    """What the driver is told: to read only, in universal time, and not to wait for ever."""
    name = url.get_backend_name()
    if name == "postgresql":
        session = (
            f"-c default_transaction_read_only=on -c statement_timeout={PATIENCE}s -c TimeZone=UTC -c DateStyle=ISO"
        )
        alive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        return {"connect_timeout": KNOCK, "options": session, **alive}
    return {"timeout": KNOCK} if name == "sqlite" else {}


def _made_read_only(engine: Engine) -> None:
    """SQLite has no such transaction: the connection itself is told."""
    from sqlalchemy import event

    if engine.dialect.name != "sqlite":
        return
    if engine.url.database and not Path(engine.url.database).is_file():
        raise SourceError(
            f"There is no file {engine.url.database} for {shown(engine.url)}. Paths are from the folder one works in."
        )

    def told(connection: Any, record: Any) -> None:
        until = time.monotonic() + PATIENCE
        connection.execute("PRAGMA query_only = ON")
        connection.set_progress_handler(lambda: time.monotonic() > until, 100_000)

    event.listen(engine, "connect", told)


def _refusal(error: Any) -> str:
    """What a database said, in one line without the query."""
    words = " ".join(str(error.orig).split())
    place = re.search(r"\bLINE (\d+):", words)
    words = re.sub(r"\s*LINE \d+:.*?(?=HINT:|DETAIL:|$)", ". ", words).strip()
    at = f" (line {place[1]} of the query)" if place else ""
    what = "cannot be reached or refuses" if error.connection_invalidated or _is_knock(words) else "refuses the query"
    return f"{what}: {words.rstrip('.')[:400]}{at}."


def _is_knock(words: str) -> bool:
    return (
        re.search(r"connection|password|authentication|timeout expired|could not translate|getaddrinfo", words)
        is not None
    )


# ---- the answer -------------------------------------------------------------------------------------------


def _written(query: str, connection: Connection, source: Source, path: Path) -> None:
    """Stream the answer into DuckDB as texts, and write it with its types and in order."""
    import duckdb

    result = connection.exec_driver_sql(query)
    names = list(result.keys())
    if twice := dict.fromkeys(n for n in names if names.count(n) > 1):
        raise SourceError(
            f"query: column {some(list(map(repr, twice)))} stands twice in the result. Name columns apart: a.x AS first."
        )
    seen: list[set[type]] = [set() for _ in names]
    with tempfile.TemporaryDirectory(prefix="scale-impact-") as scratch:
        con = duckdb.connect(config={"threads": 1, "memory_limit": MEMORY, "temp_directory": scratch})
        try:
            made_alike(con)
            con.execute("SET pandas_analyze_sample = 0")
            con.execute(f"CREATE TABLE answer ({', '.join(f'{quoted(n)} VARCHAR' for n in names)})")
            for rows in result.partitions(ROWS):
                _add(con, names, rows, seen)
            _copy(con, _types(names, seen), source, path)
        except duckdb.Error as error:
            raise SourceError(f"The answer cannot be kept: {' '.join(str(error).split())[:300]}") from error
        finally:
            con.close()


def _add(con: DuckDBPyConnection, names: Sequence[str], rows: Sequence[Any], seen: list[set[type]]) -> None:
    columns = list(zip(*rows, strict=True))
    for kinds, values in zip(seen, columns, strict=True):
        kinds.update({type(v) for v in values} - {type(None)})
    texts = {
        name: pd.Series([_text(v) for v in values], dtype=object) for name, values in zip(names, columns, strict=True)
    }
    con.register("batch", pd.DataFrame(texts))
    con.execute("INSERT INTO answer SELECT * FROM batch")
    con.unregister("batch")


def _text(value: Any) -> str | None:
    """A value as a text that keeps all of it; moments in universal time."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat(" ")
    return repr(value) if isinstance(value, float) else str(value)


def _types(names: Sequence[str], seen: Sequence[set[type]]) -> dict[str, str]:
    """The type of each column.

    Raises
    ------
    SourceError
        A column holds what no panel does, or numbers and texts together; all at once.
    """
    found, problems = {}, []
    for name, kinds in zip(names, seen, strict=True):
        wanted = {KINDS.get(kind) for kind in kinds}
        if None in wanted:
            odd = sorted(kind.__name__ for kind in kinds if kind not in KINDS)
            problems.append(
                f"query: column {name!r} holds {', '.join(odd)}, which no panel does. Cast it in the query."
            )
        elif wanted == {WHOLE, NUMERIC}:
            found[name] = NUMERIC
        elif len(wanted) > 1:
            problems.append(
                f"query: column {name!r} holds {' and '.join(sorted(k.__name__ for k in kinds))}. Cast it in the query."
            )
        else:
            found[name] = str(next(iter(wanted), TEXT))
    if problems:
        raise SourceError(problems)
    return found


def _copy(con: DuckDBPyConnection, types: dict[str, str], source: Source, path: Path) -> None:
    if con.execute("SELECT count(*) FROM answer").fetchall() == [(0,)]:
        raise SourceError("query: it gives no rows. Look at its conditions.")
    chosen = ", ".join(f"CAST({quoted(n)} AS {kind}) AS {quoted(n)}" for n, kind in types.items())
    first = [n for n in (source.unit, source.period) if n in types]
    order = ", ".join(f"{quoted(n)} NULLS LAST" for n in dict.fromkeys([*first, *types]))
    target = str(path).replace("'", "''")
    con.execute(f"COPY (SELECT {chosen} FROM answer ORDER BY {order}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
