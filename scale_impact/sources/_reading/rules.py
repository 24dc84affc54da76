"""Rules of a card: what its columns may hold, that unit and period stand once, and that no unit is a total."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from scale_impact.core.source import Column, Source
from scale_impact.core.streams_parquet import FLOATS, NUMBERS, ParquetTable
from scale_impact.core.words import counted, number, plain, some
from scale_impact.errors import SourceError

RULES = ("minimum", "maximum", "values", "pattern")
"""Keys of a column that pandera checks; ``complete`` too."""

SHOWN = 3
"""Cases of a problem that are named."""


def refuse_broken_rules(frame: pd.DataFrame, source: Source, name: str) -> None:
    """Refuse data that break the card's rules, all problems at once with row and column; rules that are none, first.

    Raises
    ------
    SourceError
        A column is of another type or holds what the card excludes, unit and period stand more than
        once, or a unit is the total of the others.
    """
    refuse_no_rules(source)
    problems = [
        *_types(frame, source),
        *_values(frame, source, name),
        *_repeated(frame, source, name),
        *_totals(frame, source),
    ]
    if problems:
        raise SourceError(problems)


def refuse_broken_streamed(table: ParquetTable, source: Source, name: str) -> None:
    """Refuse streamed data that break the rules of columns, which DuckDB looks at where they lie; errors as above.

    That a unit stands twice in a period is noticed when they are streamed.
    """
    refuse_no_rules(source)
    typed = {(c, "type"): sql for c in source.columns if (sql := table.unfit(c)) is not None}
    zones = {(c, "zones"): sql for c in source.columns if (sql := _two_clocks(table, c)) is not None}
    # rules are asked of columns that are what the card says: others cannot be compared
    _refuse_found(table, typed | zones, source, name, table.held)
    unfit = [c for c, r in source.columns.items() if _has_bounds(r) and not _holds_numbers(table, c)]
    if unfit:
        raise SourceError([_NO_NUMBERS.format(column=c) for c in unfit])
    broken = {(c, key): sql for c, rule in source.columns.items() for key, sql in _broken(table, c, rule).items()}
    _refuse_found(table, broken, source, name, table.value)


def _refuse_found(
    table: ParquetTable, asked: dict[tuple[str, str], str], source: Source, name: str, shown: Callable[[str], str]
) -> None:
    """Refuse the rows that fulfil conditions in SQL, by column and rule: how many, and the least of their values."""
    if not asked:
        return
    chosen = ", ".join(f"count_if({sql}), min(CASE WHEN {sql} THEN {shown(c)} END)" for (c, _), sql in asked.items())
    with table.connected() as con:
        (found,) = con.execute(f"SELECT {chosen} FROM {table.source}").fetchall()
    counts = zip(asked, found[::2], found[1::2], strict=True)
    if problems := [_streamed_case(c, key, n, seen, source, name) for (c, key), n, seen in counts if n]:
        raise SourceError(problems)


OFFSET = r"[0-9](Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
"""How a moment ends that says how far it is from universal time."""


def _two_clocks(table: ParquetTable, column: str) -> str | None:
    """Moments written without a time zone where others have one, in SQL; None where none are written as text."""
    if (table.types or {}).get(column) != "date" or table.stored[column] != "VARCHAR":
        return None
    says = f"regexp_matches(trim({table.held(column)}), '[T ].*{OFFSET}')"
    return f"NOT {says} AND (SELECT bool_or({says}) FROM {table.source})"


def _holds_numbers(table: ParquetTable, column: str) -> bool:
    kind = table.kind(column)
    return kind in NUMBERS or kind.startswith("DECIMAL")


def _has_bounds(rule: Column) -> bool:
    return rule.minimum is not None or rule.maximum is not None


_NO_NUMBERS = "Column {column!r} has a minimum or maximum and holds no numbers. Give it `type: number`."


# ---- rules that are none ---------------------------------------------------------------------------------


def refuse_no_rules(source: Source) -> None:
    """Refuse rules that nothing could keep: the card is wrong then, not the file.

    Raises
    ------
    SourceError
        A bound is no number, the least is more than the most, no value is allowed, or a pattern is not of the dialect; all at once.
    """
    if problems := [p for column, rule in source.columns.items() for p in _no_rules(column, rule)]:
        raise SourceError(problems)


def _no_rules(column: str, rule: Column) -> Iterator[str]:
    at = f"columns.{column}"
    bounds = {"minimum": rule.minimum, "maximum": rule.maximum}
    endless = [key for key, bound in bounds.items() if bound is not None and not math.isfinite(bound)]
    yield from (
        f"{at}.{key} is {bounds[key]}, which bounds nothing. Write a number, or leave it out." for key in endless
    )
    if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
        yield f"{at}: minimum {number(rule.minimum)} is above maximum {number(rule.maximum)}. Correct one of them."
    if rule.values is not None and not rule.values:
        yield f"{at}.values is empty, so nothing would be allowed. Name the values, or leave it out."
    if any(isinstance(v, float) and not math.isfinite(v) for v in rule.values or ()):
        yield f"{at}.values holds what is no number. Write numbers; missing values need not be named."
    if rule.pattern is not None and (said := _no_pattern(rule.pattern)) is not None:
        yield (
            f"{at}.pattern is {rule.pattern!r}, which is not of the dialect RE2 ({said}). It has no look-ahead and look-behind ((?=, (?!, (?<=, "
            r"(?<!), no back references (\1, (?P=name)), no atomic groups and no \Z. Write it without."
        )


def _no_pattern(pattern: str) -> str | None:
    """What is wrong with a regular expression of RE2; None where nothing is."""
    import duckdb

    with duckdb.connect() as con:
        try:
            con.execute("SELECT regexp_full_match('', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            return str(error).partition("Error: ")[2].strip().rstrip(".")
    return None


def _streamed_case(column: str, key: str, n: int, seen: Any, source: Source, name: str) -> str:
    shown = "" if seen is None else f", such as {seen!r}" if isinstance(seen, str) else f", such as {plain(seen)}"
    return f"Column {column!r} {_said(key, source.columns[column])} in {counted(n, 'row')} of {name}{shown}."


def _broken(table: ParquetTable, column: str, rule: Column) -> dict[str, str]:
    """The rules of a column, each with what breaks it in SQL; NaN is a missing value."""
    if not _is_ruled(rule):
        return {}
    cell = table.value(column)
    known = f"{cell} IS NOT NULL" + (f" AND NOT isnan({cell})" if table.kind(column) in FLOATS else "")
    tests = {
        "minimum": None if rule.minimum is None else f"{known} AND {cell} < {rule.minimum!r}",
        "maximum": None if rule.maximum is None else f"{known} AND {cell} > {rule.maximum!r}",
        "values": None if rule.values is None else f"{known} AND {_outside(cell, rule.values, table.kind(column))}",
        "pattern": None
        if rule.pattern is None
        else f"{known} AND NOT regexp_full_match(CAST({cell} AS VARCHAR), {_literal(rule.pattern)})",
        "complete": f"NOT ({known})" if rule.complete else None,
    }
    return {key: sql for key, sql in tests.items() if sql is not None}


def _outside(cell: str, values: tuple[Any, ...], kind: str) -> str:
    """That a cell is none of some values, numbers compared as numbers and all else as text."""
    numbers = [repr(v) for v in values if isinstance(v, (int, float))]
    if kind in NUMBERS:
        return f"{cell} NOT IN ({', '.join(numbers)})" if numbers else "TRUE"
    return f"CAST({cell} AS VARCHAR) NOT IN ({', '.join(_literal(plain(v)) for v in values)})"


def _literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


# ---- columns -------------------------------------------------------------------------------------------

KINDS = {"number": ("biuf", "no numbers"), "date": ("M", "no dates"), "text": ("OUST", "no text")}
"""For each type the kinds of numpy that hold it, and what to say of others."""


def _types(frame: pd.DataFrame, source: Source) -> Iterator[str]:
    """Columns of another type than the card says, where no file was read that would have been converted."""
    for column, rule in source.columns.items():
        if rule.type is None:
            continue
        held, dtype = frame[column], frame[column].dtype
        kinds, said = KINDS[rule.type]
        if ("M" if isinstance(dtype, pd.DatetimeTZDtype) else dtype.kind) not in kinds and held.notna().any():
            yield f"Column {column!r} is of type {rule.type} and holds {said}: {_cases(frame, source, held[held.notna()].index)}."


def _is_ruled(rule: Column) -> bool:
    return rule.complete or any(getattr(rule, key) is not None for key in RULES)


def _values(frame: pd.DataFrame, source: Source, name: str) -> Iterator[str]:
    """What pandera finds of minimum, maximum, values, pattern and complete."""
    ruled = {c: r for c, r in source.columns.items() if _is_ruled(r)}
    if not ruled or not len(frame):
        return
    unfit = {c for c, r in ruled.items() if _has_bounds(r) and frame[c].dtype.kind not in "biuf"}
    yield from (_NO_NUMBERS.format(column=c) for c in unfit)
    found = _failures(frame, {c: r for c, r in ruled.items() if c not in unfit})
    for (column, check), cases in found.groupby(["column", "check"], sort=False) if len(found) else ():
        rows = pd.Index(sorted(cases["index"].astype(int)))
        yield f"Column {column!r} {_said(str(check), ruled[str(column)])} in {counted(len(rows), 'row')} of {name}: {_cases(frame, source, rows, str(column))}."


def _failures(frame: pd.DataFrame, ruled: dict[str, Column]) -> pd.DataFrame:
    """Cells that break a rule: column, check, index."""
    import pandera.pandas as pa
    from pandera.errors import SchemaErrors

    schema = pa.DataFrameSchema(
        {c: pa.Column(None, _checks(rule), nullable=not rule.complete) for c, rule in ruled.items()}
    )
    try:
        schema.validate(frame[list(ruled)].reset_index(drop=True), lazy=True)
    except SchemaErrors as error:
        return pd.DataFrame(error.failure_cases)
    return pd.DataFrame()


def _checks(rule: Column) -> list[Any]:
    import pandera.pandas as pa

    checks = []
    if rule.minimum is not None:
        checks.append(pa.Check(lambda s: s >= rule.minimum, name="minimum"))
    if rule.maximum is not None:
        checks.append(pa.Check(lambda s: s <= rule.maximum, name="maximum"))
    if rule.values is not None:
        known = {plain(v) for v in rule.values}
        checks.append(pa.Check(lambda s: _each(s, lambda labels: [v in known for v in labels]), name="values"))
    if rule.pattern is not None:
        pattern = rule.pattern
        checks.append(pa.Check(lambda s: _each(s, lambda labels: _matching(labels, pattern)), name="pattern"))
    return checks


def _each(column: pd.Series[Any], fit: Callable[[list[str]], list[bool]]) -> pd.Series[bool]:
    """Whether values fit, by their labels; each different value is looked at once."""
    codes, labels = pd.factorize(column)
    found = np.array([*fit([plain(v) for v in labels]), False])
    return pd.Series(found[codes], index=column.index)


def _matching(labels: list[str], pattern: str) -> list[bool]:
    """Which labels a pattern matches whole, by DuckDB: in the dialect in which streamed data are looked at, too."""
    import duckdb

    with duckdb.connect() as con:
        con.register("labels", pd.DataFrame({"label": pd.Series(labels, dtype=object)}))
        found = con.execute("SELECT regexp_full_match(CAST(label AS VARCHAR), ?) FROM labels", [pattern]).fetchall()
    return [fits for (fits,) in found]


def _said(check: str, rule: Column) -> str:
    """A rule that is broken, in words."""
    return {
        "minimum": f"is below its minimum {rule.minimum if rule.minimum is None else number(rule.minimum)}",
        "maximum": f"is above its maximum {rule.maximum if rule.maximum is None else number(rule.maximum)}",
        "values": f"holds none of its values ({some(rule.values or (), 8)})",
        "pattern": f"does not match its pattern {rule.pattern!r}",
        "type": f"is of type {rule.type} and holds {KINDS[rule.type or 'text'][1]}",
        "zones": "is of type date and holds moments without a time zone beside others with one",
    }.get(check, "is empty, and should be complete,")


def _cases(frame: pd.DataFrame, source: Source, rows: pd.Index[Any], column: str | None = None) -> str:
    """A few rows with their value, unit and period: ``row 3 (Gary, 1984): -1``."""
    shown = [_case(frame, source, int(k), column) for k in rows[:SHOWN]]
    more = len(rows) - SHOWN
    return "; ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _case(frame: pd.DataFrame, source: Source, k: int, column: str | None) -> str:
    labels = [plain(frame[c].iloc[k]) for c in (source.unit, source.period) if c is not None and c != column]
    place = f"row {k + 1}" + (f" ({', '.join(labels)})" if labels else "")
    if column is None or pd.isna(frame[column].iloc[k]):
        return place
    value = frame[column].iloc[k]
    return f"{place}: {value!r}" if isinstance(value, str) else f"{place}: {plain(value)}"


# ---- units and periods ---------------------------------------------------------------------------------


def _repeated(frame: pd.DataFrame, source: Source, name: str) -> Iterator[str]:
    """Units that stand several times in a period."""
    unit, period = source.unit, source.period
    if unit is None or period is None:
        return
    again = frame.duplicated([unit, period], keep=False) & frame[unit].notna() & frame[period].notna()
    if not again.any():
        return
    rows = frame.loc[again, [unit, period]].reset_index(names="_row")
    groups = rows.groupby([unit, period], sort=True)["_row"].agg(list)
    shown = [
        f"{plain(u)} in {plain(p)} (rows {some([k + 1 for k in at], 4)})" for (u, p), at in list(groups.items())[:SHOWN]
    ]
    more = f" and {len(groups) - SHOWN:,} more" if len(groups) > SHOWN else ""
    yield f"{unit} and {period} stand more than once in {name}: {'; '.join(shown)}{more}. {_advice(groups, rows, source)}"


def _advice(groups: pd.Series[Any], rows: pd.DataFrame, source: Source) -> str:
    """What to do: names that stand for several units need codes, copies have to go."""
    (u, p), at = groups.index[0], groups.iloc[0]
    everywhere = bool((groups.map(len) == len(at)).all()) and rows[source.unit].nunique() * rows[
        source.period
    ].nunique() == len(groups)
    if any(ch.isalpha() for ch in plain(u)) and everywhere and len(groups) > 1:
        return f"{plain(u)} stands for {len(at)} units in {plain(p)}, so this looks like a name that several units have: use codes as {source.unit!r}."
    return (
        "Leave out what stands there too often (`exclude`), use codes where several units have one name, or leave out `unit` and `period` of the card "
        "where its rows are not one a unit and period (and say in a panel how they become that)."
    )


def _totals(frame: pd.DataFrame, source: Source) -> Iterator[str]:
    """Units that are called total, or whose numbers are the sum of all others."""
    unit = source.unit
    if unit is None or source.totals == "keep" or unit not in frame:
        return
    from scale_impact.core.building.totals import called_totals, sums_of_others

    called = called_totals(frame[unit])
    columns = [c for c in source.columns if c not in (unit, source.period) and frame[c].dtype.kind in "iuf"]
    sums = {u: c for u, c in sums_of_others(frame, unit, source.period, columns).items() if u not in called}
    if not called and not sums:
        return
    why = [f"{u!r} is called a total" for u in called] + [
        f"{plain(u)!r} is the sum of all others in {c}" for u, c in sums.items()
    ]
    where = ", ".join(_yaml(u) for u in (*called, *sums))
    yield (
        f"Totals stand among the units of column {unit!r}: {some(why, 6)}. Write into the card: "
        f"exclude: [{{where: {{{unit}: [{where}]}}, reason: total of the units}}]; or, if they are units, `totals: keep`."
    )


def _yaml(label: Any) -> str:
    """A label as YAML reads it back."""
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(label, str) else plain(label)
