"""Names that stand for units, and units whose boundaries were redrawn: both only by a file that says so.

Counts (people, jobs) of an old unit are shared out by weight; rates are averaged by weight times the
count that they are rates of, which is what the rate of the new unit would have been were each old
unit alike throughout (areal interpolation; Goodchild and Lam 1980).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scale_impact.core.building import periods
from scale_impact.core.building.labels import has_zone, missing, wrong_labels
from scale_impact.core.building.recipe import Crosswalk, Names
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DataError

MOST_CANDIDATES = 200
"""Names for which near ones are looked up: each takes a while where the file is long."""

INCOMPLETE = "an old unit that belongs to it is missing"
"""Why values of a new unit are missing: a line holds whose old unit has no row."""

VALUELESS = "a value of an old unit that belongs to it is missing"
"""Why a value of a new unit is missing: of several old ones, all with a row, one has no value."""

NOBODY = "a rate of nobody: the count that it is a rate of is 0"
"""Why a rate of several old units is missing that have values all."""

GAPS = ["unit", "period", "column", "reason"]
"""Columns of the table of values that are missing."""


def lookup(path: Path, wanted: Iterable[str]) -> pd.DataFrame:
    """A CSV file whose cells are all text, with the columns wanted.

    Raises
    ------
    DataError
        The file cannot be read or lacks columns.
    """
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise DataError(
            f"{path.name} cannot be read as CSV ({' '.join(str(error).split())}). Write UTF-8 with commas."
        ) from error
    if lost := [c for c in wanted if c not in table]:
        raise DataError([f"There is no column {c!r} in {path.name}. {nearest(c, table.columns)}" for c in lost])
    return table


# ---- names ---------------------------------------------------------------------------------------------


def units_by_name(path: Path, how: Names, labels: Iterable[Any]) -> dict[Any, str | None]:
    """The unit for each label of a source; None where its rows are left out.

    Raises
    ------
    DataError
        A name stands for two units, or labels are not in the file: all are listed, with the nearest
        names, and none is matched.
    """
    table = lookup(path, (how.name, how.unit))
    known = dict(zip(table[how.name], table[how.unit], strict=True))
    several = table[table.groupby(how.name)[how.unit].transform("nunique") > 1]
    problems = [
        f"{path.name}: {name!r} stands for {some(sorted(set(rows[how.unit])))}. A name can stand for one unit; use codes."
        for name, rows in several.groupby(how.name)
    ]
    chosen = {label: known.get(plain(label)) for label in labels}
    lost = sorted((plain(label) for label, unit in chosen.items() if unit is None), key=str)
    problems += [_unmatched(name, path.name, known if k < MOST_CANDIDATES else {}) for k, name in enumerate(lost)]
    if problems:
        raise DataError(problems)
    return {label: unit or None for label, unit in chosen.items()}


def _unmatched(name: str, file: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    shown = ", ".join(f"{n!r} ({known[n]})" for n in near)
    return f"{name!r} is not in {file}." + (f" Near: {shown}." if near else "") + " Add a line for it."


def named(frame: pd.DataFrame, unit: str, names: Mapping[Any, str | None]) -> pd.DataFrame:
    """A frame with units in place of names; rows whose name stands for none are left out.

    Raises
    ------
    DataError
        Names are missing. Only those of which the file says so are left out.
    """
    if lost := missing(frame[unit]):
        raise DataError(lost)
    units = frame[unit].map(names)
    return frame.assign(**{unit: units})[units.notna()]


# ---- boundaries ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Crossed:
    """A frame of new units.

    Attributes
    ----------
    frame:
        Unit, period and columns as before, in order of unit and period.
    gaps:
        Values that are missing because not all old units of a new one are there, or have one: columns
        ``unit``, ``period``, ``column``, ``reason``.
    notes:
        Old units without a row where a line holds, and what to write if they ended or had not begun.
    """

    frame: pd.DataFrame
    gaps: pd.DataFrame
    notes: tuple[str, ...] = ()


def crossed(frame: pd.DataFrame, unit: str, period: str | None, path: Path, how: Crosswalk) -> Crossed:
    """A frame of old units as one of new units.

    Parameters
    ----------
    frame:
        One row a unit and period; the unit is text. All columns but unit and period have to be
        counts, rates or the same. They may be called anything.

    Raises
    ------
    DataError
        Rows are not one a unit and period, the file is not as it should be (weights that are none or
        do not add up to 1, lines that stand twice, lines that lead from one to the next), units are not
        in it, or columns are neither counts nor rates: all problems at once.
    """
    if frame.empty:
        raise DataError("There are no rows.")
    values = [str(c) for c in frame.columns if c not in (unit, period)]
    old = _old(frame, unit, period, values)
    known = frame if period is None else frame.assign(**{period: old["p"]})
    labels = [unit] if period is None else [unit, period]
    if problems := [*wrong_labels(known, labels), *_unsaid(values, how), *_unfit(frame, unit, period, how)]:
        raise DataError(problems)
    lines = _lines(path, how)
    pairs = _valid(lines, old[["p"]].drop_duplicates(), path, how)
    pairs = _with_unlisted(pairs, old, path, how)
    _refuse_sums(pairs, path, how)
    met = _met(pairs, old)
    there = met[met["there"]]
    _refuse_chains(there, path)
    found = _summed(there, unit, period, values, how)
    return replace(found, notes=tuple(_notes(met, path, period is not None)))


def _old(frame: pd.DataFrame, unit: str, period: str | None, values: list[str]) -> pd.DataFrame:
    """Old units as ``old``, periods as ``p``, values as ``v0``, ``v1`` ..., whatever they are called."""
    labels = {"old": frame[unit], "p": 0 if period is None else periods.written_alike(frame[period])}
    return pd.DataFrame({**labels, **{f"v{k}": frame[c] for k, c in enumerate(values)}})


def _unsaid(values: list[str], how: Crosswalk) -> Iterator[str]:
    """Columns of which the recipe does not say what they are, or says it of columns that are not there."""
    said = [*how.counts, *how.rates, *how.same]
    yield from (
        f"crosswalk: say of {c!r} whether it is one of `counts`, `rates` or `same`." for c in values if c not in said
    )
    yield from (f"crosswalk: there is no column {c!r}. {nearest(c, values)}" for c in said if c not in values)
    for rate, count in how.rates.items():
        if count not in how.counts:
            yield f"crosswalk.rates.{rate} is averaged by {count!r}, which is not among `counts`. Name a count that is."


def _unfit(frame: pd.DataFrame, unit: str, period: str | None, how: Crosswalk) -> Iterator[str]:
    if frame[unit].dtype.kind in "biuf":
        yield f"Units are numbers ({plain(frame[unit].iloc[0])}), those of a crosswalk are text. Give {unit} `type: text` in its card."
    if period is None and (how.valid_from or how.valid_until):
        yield "crosswalk: lines that hold for a time need a source with periods. Leave out valid_from and valid_until."
    numbers = [c for c in (*how.counts, *how.rates) if c in frame and frame[c].dtype.kind not in "biuf"]
    yield from (f"crosswalk: {c!r} holds no numbers, so it is neither a count nor a rate." for c in numbers)


def _lines(path: Path, how: Crosswalk) -> pd.DataFrame:
    """The lines as old, new, weight, since, until (texts), line; those with weight 0 left out."""
    ends = [c for c in (how.valid_from, how.valid_until) if c]
    raw = lookup(path, (how.old, how.new, how.weight, *ends))
    table = pd.DataFrame(
        {"old": raw[how.old], "new": raw[how.new], "weight": pd.to_numeric(raw[how.weight], errors="coerce")}
    )
    table["since"] = raw[how.valid_from] if how.valid_from else ""
    table["until"] = raw[how.valid_until] if how.valid_until else ""
    table["line"] = np.arange(len(raw)) + 2
    wrong = table[~table["weight"].between(0, 1)]
    problems = [
        f"{path.name}, line {r.line}: weight is {raw.at[r.Index, how.weight]!r}; it has to be a number from 0 to 1."
        for r in wrong.itertuples()
    ]
    empty = table[(table["old"] == "") | (table["new"] == "")]
    problems += [
        f"{path.name}, line {line}: a unit is empty. Leave the line out, or name the unit." for line in empty["line"]
    ]
    if problems:
        raise DataError(problems)
    return table[table["weight"] > 0]


def _valid(lines: pd.DataFrame, moments: pd.DataFrame, path: Path, how: Crosswalk) -> pd.DataFrame:
    """Each line in each period in which it holds; refuses a pair of units that holds twice in one."""
    pairs = lines.merge(moments, how="cross")
    pairs = pairs[_holds(pairs, "since", path, how) & _holds(pairs, "until", path, how)]
    twice = pairs[pairs.duplicated(["old", "new", "p"], keep=False)]
    if len(twice):
        shown = twice.drop_duplicates("line").sort_values(["old", "new", "line"])
        words = [f"{r.old} to {r.new} (line {r.line})" for r in shown.itertuples()]
        raise DataError(f"{path.name}: these stand twice for one period: {some(words, 6)}. Leave one of each out.")
    return pairs


def _holds(pairs: pd.DataFrame, end: str, path: Path, how: Crosswalk) -> pd.Series[bool]:
    """Whether a line has begun, or has not ended, in the period beside it."""
    open_ended = pairs[end] == ""
    if open_ended.all():
        return open_ended
    limits = pd.Series(
        pd.unique(pairs.loc[~open_ended, end]), name=how.valid_from if end == "since" else how.valid_until
    )
    moment, known = _comparable(pairs["p"], limits, end, path)
    limit = pairs[end].map(known)
    return open_ended | ((moment >= limit) if end == "since" else (moment <= limit))


def _comparable(
    moments: pd.Series[Any], limits: pd.Series[Any], end: str, path: Path
) -> tuple[pd.Series[Any], dict[str, Any]]:
    """Periods, and ends of validity by their texts, as days or numbers that can be compared."""
    of, limit_of = periods.frequency(moments), periods.frequency(limits)
    numbers = pd.to_numeric(limits, errors="coerce")
    if has_zone(moments):
        raise DataError(
            f"Periods are moments with a time zone ({plain(moments.iloc[0])}), {limits.name} of {path.name} are days. Say in whose days they count: "
            "aggregate: {zone: Europe/Berlin}."
        )
    if of == "number" and numbers.notna().all():
        return moments.astype(float), dict(zip(limits, numbers.astype(float), strict=True))
    if {"text", "number"} & {of, limit_of}:
        raise DataError(
            f"{path.name}: {limits.name} is {some(list(limits), 2)}, periods are {some(list(pd.unique(moments)), 2)}; these "
            "cannot be compared. Write both alike."
        )
    days = periods.starts(limits)
    last = days if end == "since" else periods.last_days(days, limit_of)
    return _starts_of(moments), dict(zip(limits, last, strict=True))


def _starts_of(moments: pd.Series[Any]) -> pd.Series[Any]:
    unique = pd.Series(pd.unique(moments), name=moments.name)
    return moments.map(dict(zip(unique, periods.starts(unique), strict=True)))


def _with_unlisted(pairs: pd.DataFrame, old: pd.DataFrame, path: Path, how: Crosswalk) -> pd.DataFrame:
    """Lines for units that the file does not name in a period: refused, or each kept as it is."""
    there = old[["old", "p"]].drop_duplicates()
    listed = pd.MultiIndex.from_frame(there).isin(pd.MultiIndex.from_frame(pairs[["old", "p"]]))
    others = there[~listed]
    if len(others) and how.unlisted == "refuse":
        lost = others.groupby("old", sort=True)["p"].first()
        raise DataError([
            f"{unit!r} (in {plain(p)}) is not in {path.name}. {nearest(unit, pairs['old'].unique())} Add a line, or say `unlisted: keep` if units that "
            "are not named stay as they are."
            for unit, p in lost.items()
        ])  # fmt: skip
    kept = others[["old"]].drop_duplicates().merge(old[["p"]].drop_duplicates(), how="cross")
    kept = kept[~pd.MultiIndex.from_frame(kept).isin(pd.MultiIndex.from_frame(pairs[["old", "p"]]))]
    return pd.concat([pairs, kept.assign(new=kept["old"], weight=1.0)], ignore_index=True)


def _refuse_sums(pairs: pd.DataFrame, path: Path, how: Crosswalk) -> None:
    """Refuse old units whose weights add up to more than 1, or to less where they should be whole."""
    sums = pairs.groupby(["old", "p"], sort=True)["weight"].sum()
    wrong = sums[(sums > 1 + how.tolerance) | (how.complete & (sums < 1 - how.tolerance))]
    if wrong.empty:
        return
    first = wrong.reset_index().drop_duplicates("old")
    raise DataError([
        f"{path.name}: the weights of {r.old!r} add up to {r.weight:.6g} (in {plain(r.p)}), not to 1. Correct them"
        + (", or say `complete: false` if part of it lies outside." if r.weight < 1 else ".")
        for r in first.itertuples()
    ])  # fmt: skip


def _met(pairs: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """Lines with the rows of their old units: ``there`` of this one, ``complete`` of all of the new unit in the period.

    Data do not say whether a unit without a row ended or reports late. The file does, by the periods
    in which a line holds; so each line that holds needs a row.
    """
    met = pairs.merge(old.assign(there=True), on=["old", "p"], how="left")
    met = met.sort_values(["new", "p", "old"], ignore_index=True)
    met["there"] = met["there"].eq(True)
    met["complete"] = met["there"].groupby([met["new"], met["p"]]).transform("all")
    return met


def _notes(met: pd.DataFrame, path: Path, dated: bool) -> Iterator[str]:
    """Old units without a row that make a new one incomplete, in a sentence."""
    keys = [met["new"], met["p"]]
    short = met[met["there"].groupby(keys).transform("any") & ~met["complete"]]
    lost = short[~short["there"]]
    if lost.empty:
        return
    spans = [f"{unit}{_span(p) if dated else ''}" for unit, p in lost.groupby("old", sort=True)["p"]]
    n = len(short.drop_duplicates(["new", "p"]))
    yield (
        f"{counted(n, 'new unit and period', 'new units and periods')} {'is' if n == 1 else 'are'} missing because old units have no row where their "
        f"line in {path.name} holds: {some(spans, 6)}. If these ended, or had not begun, say so in the file (valid_until, valid_from)."
    )


def _span(p: pd.Series[Any]) -> str:
    return f" in {plain(p.min())}" + (f" to {plain(p.max())}" if p.nunique() > 1 else "")


def _refuse_chains(there: pd.DataFrame, path: Path) -> None:
    """Refuse a unit that others become in some periods and that becomes another itself in the rest.

    Lines are not followed from one to the next, so the panel would change its boundaries on the way.
    """
    own = there["old"] == there["new"]
    made, left = (there.loc[~own.groupby([there[end], there["p"]]).transform("any")] for end in ("new", "old"))
    made, left = made.set_index(["new", "p"]), left.set_index(["old", "p"])
    both = set(made.index.unique(0)) & set(left.index.unique(0))
    chained = sorted(both - set(made.index.intersection(left.index).unique(0)))
    if chained:
        raise DataError([
            f"{path.name}: {some(sorted(set(made.loc[unit, 'old'])), 3)} become{'' if made.loc[unit, 'old'].nunique() > 1 else 's'} {unit} "
            f"(in {plain(made.loc[unit].index[0])}), which becomes {some(sorted(set(left.loc[unit, 'new'])), 3)} (in {plain(left.loc[unit].index[0])}). "
            "Lines are not followed from one to the next: let each lead to the units that the panel should have in all periods."
            for unit in chained
        ])  # fmt: skip


def _summed(both: pd.DataFrame, unit: str, period: str | None, values: list[str], how: Crosswalk) -> Crossed:
    """New units from the lines that arrive at each."""
    grouped = both.groupby(["new", "p"], sort=True)
    result = grouped["complete"].all().to_frame()
    alone = grouped["weight"].transform("size") == 1
    inner = {c: f"v{k}" for k, c in enumerate(values)}
    for c, v in inner.items():
        if c in how.same:
            result[v] = _agreed(grouped, v, c)
        elif c in how.counts:
            result[v] = _total(both, both["weight"] * both[v])
        else:
            only = both[alone].set_index(["new", "p"])[v]
            mean = _mean(both, both["weight"] * both[inner[how.rates[c]]], v)
            result[v] = only.reindex(result.index).where(result.index.isin(only.index), mean)
    result["several"] = ~grouped["weight"].size().eq(1)
    return _masked(result, unit, period, inner, how)


def _mean(both: pd.DataFrame, share: pd.Series[Any], column: str) -> pd.Series[Any]:
    """Rates averaged by what they are rates of; a rate of nobody (0 of 0) is none and takes nothing away."""
    cases = (share * both[column]).mask(share == 0, 0.0)
    return _total(both, cases) / _total(both, share).replace(0, np.nan)


def _total(both: pd.DataFrame, parts: pd.Series[Any]) -> pd.Series[Any]:
    """Sums by new unit and period; missing where a part is."""
    keys = [both["new"], both["p"]]
    return parts.groupby(keys).sum().mask(parts.isna().groupby(keys).any())


def _agreed(grouped: Any, inner: str, column: str) -> pd.Series[Any]:
    """The one value of old units that agree."""
    several = grouped[inner].nunique()
    if (several > 1).any():
        (unit, period) = several[several > 1].index[0]
        seen = grouped.get_group((unit, period))[inner].unique()
        raise DataError(
            f"crosswalk.same: old units of {unit!r} do not agree in {column!r} (in {plain(period)}: {some(list(seen))}; "
            f"{counted(int((several > 1).sum()), 'case')}). Leave the column out."
        )
    found: pd.Series[Any] = grouped[inner].first()
    return found


def _masked(result: pd.DataFrame, unit: str, period: str | None, inner: Mapping[str, str], how: Crosswalk) -> Crossed:
    """Counts and rates of incomplete units made missing, and listed; columns called what they were."""
    short = ~result.pop("complete").astype(bool)
    several = result.pop("several").astype(bool)
    gaps = []
    for c, v in ((c, v) for c, v in inner.items() if c not in how.same):
        valueless = result[v].isna() & several & ~short
        nobody = valueless & (result[inner[how.rates[c]]].eq(0) if c in how.rates else False)
        result[v] = result[v].mask(short)
        reasons = {INCOMPLETE: short, NOBODY: nobody, VALUELESS: valueless & ~nobody}
        gaps += [_listed(result.index[rows], c, reason) for reason, rows in reasons.items()]
    outer = {"new": unit, **({} if period is None else {"p": period}), **{v: c for c, v in inner.items()}}
    frame = result.reset_index()[list(outer)].rename(columns=outer)
    listed = pd.concat(gaps, ignore_index=True) if gaps else pd.DataFrame(columns=GAPS)
    return Crossed(frame, listed)


def _listed(at: pd.Index[Any], column: str, reason: str) -> pd.DataFrame:
    labels = {"unit": at.get_level_values(0), "period": at.get_level_values(1)}
    return pd.DataFrame({**labels, "column": column, "reason": reason}, columns=GAPS)
