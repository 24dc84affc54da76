"""Rows of estimates as the tables of a page, with an interval each on one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scale_impact.core.catalogue.indicator import DIRECTIONS, Indicator
from scale_impact.core.words import p_words
from scale_impact.report.answers import name_of, shown
from scale_impact.report.intervals import Bars, bars
from scale_impact.report.published import Row

DOWNLOAD = "in estimates.csv below"

KINDS = {"cohort": "By start of treatment", "period": "By period", "subgroup": "Groups", "unit": "Units"}
"""Kinds of rows that have a table; cells of cohort and period, and combinations of a grid, are in the downloads."""

TITLES = {
    ("NPV", "subgroup"): "Who gains and who loses: net present value by partner",
    ("TORNADO", "subgroup"): "What the answer hinges on: how far each input moves the net present value",
    ("EVPPI", "subgroup"): "What it is worth to know each input",
    ("RANK", "unit"): "Ranks with their confidence sets",
    ("SCORE", "unit"): "Scores",
    ("EXPECTED", "unit"): "What the situation of each city lets expect",
    ("ADJUSTED", "unit"): "How far each city is from what its situation lets expect",
    ("CHANGE", "unit"): "Changes",
    ("MDE", "subgroup"): "Plans that were considered, with the smallest effect that each would notice",
    ("HELD_OUT", "unit"): "Held-out test: what would have been said of each city without its own result",
    ("ATT", "unit"): "The effect in each city",
    ("P_POSITIVE", "subgroup"): "Probability that it pays, by partner",
    ("BENEFITS", "subgroup"): "Benefits by partner", ("COSTS", "subgroup"): "Costs by partner", ("TRANSFERS", "subgroup"): "Transfers by partner",
    ("BCR", "subgroup"): "Benefits for each unit of costs, by partner",
}  # fmt: skip

NOT_DRAWN = ("TORNADO", "P_POSITIVE", "RANK")
"""Estimands whose numbers lie on no scale around zero."""


@dataclass(frozen=True)
class Line:
    """A row of a table of numbers."""

    label: str
    cells: tuple[str, ...]
    note: str = ""
    href: str = ""


@dataclass(frozen=True)
class NumberTable:
    """A table of numbers with their intervals; ``more`` rows are not shown, and stand ``where``."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[Line, ...]
    bars: Bars | None
    more: int = 0
    where: str = DOWNLOAD


def number_table(
    caption: str,
    rows: Sequence[Row],
    most: int,
    label: Callable[[Row], str],
    *,
    head: str = "",
    note: Callable[[Row], str] | None = None,
    href: Callable[[Row], str] | None = None,
    where: str = DOWNLOAD,
) -> NumberTable:
    """A table of rows, at most so many."""
    first = list(rows[:most])
    swing = bool(first) and first[0]["estimand"] == "TORNADO"
    names = ("swing",) if swing else ("estimate", "interval", "p")
    with_p = not swing and any(row["p_value"] is not None for row in first)
    lines = tuple(
        Line(label(row), _cells(row, swing, with_p), _note(row, _ends if swing else note), href(row) if href else "")
        for row in first
    )
    drawn = None if first and first[0]["estimand"] in NOT_DRAWN else bars(first)
    return NumberTable(caption, (head, *names[: 3 if with_p else 2]), lines, drawn, max(len(rows) - most, 0), where)


def _cells(row: Row, swing: bool, with_p: bool) -> tuple[str, ...]:
    value, low, high = ("–" if row[k] is None else shown(row[k]) for k in ("estimate", "ci_low", "ci_high"))
    if swing:
        return (value,)
    interval = "–" if row["ci_low"] is None or row["ci_high"] is None else f"{low} to {high}"
    p = "–" if row["p_value"] is None else p_words(row["p_value"]).removeprefix("p = ").removeprefix("p ")
    return (value, interval, p) if with_p else (value, interval)


def _note(row: Row, note: Callable[[Row], str] | None) -> str:
    """What stands beside a label: why there is no number, else what the caller says."""
    if row["estimate"] is None:
        return f"no number: {row['inference'] or 'no reason given'}"
    return note(row) if note else ""


def _ends(row: Row) -> str:
    """What is at both ends of an input, which are no interval around the swing."""
    return str(row["inference"] or "")


def unit_words(row: Row, indicators: Mapping[str, Indicator]) -> str:
    """What the numbers of a table are, and which way is better."""
    level = "" if row["level"] is None else f", {row['level'] * 100:g} % intervals"
    better = DIRECTIONS.get(row["direction"], "") if row["direction"] in ("+", "-") and row["indicator"] else ""
    return f"{name_of(row, indicators)}, in {row['outcome_unit'] or 'no unit'}{level}{f'; {better}' if better else ''}"


# ---- the tables of a run -------------------------------------------------------------------------------


def overall_tables(
    rows: Sequence[Row], indicators: Mapping[str, Indicator], most: int, kind: str
) -> Iterator[NumberTable]:
    """Each outcome's overall estimates by all estimators; numbers of different units are never in one table.

    Of a transfer what the city may expect beside the mean of all; of other kinds the answer says all.
    """
    if kind == "transfer":
        yield from _expected(rows, indicators, most)
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows if kind == "measure" else ():
        if row["kind"] == "overall":
            groups.setdefault((str(row["outcome"]), str(row["outcome_unit"])), []).append(row)
    for group in groups.values():
        yield number_table(unit_words(group[0], indicators), group, most, _estimator, head="estimator", note=_estimand)


def _expected(rows: Sequence[Row], indicators: Mapping[str, Indicator], most: int) -> Iterator[NumberTable]:
    """What a city may expect, with the interval of a new city, above the mean of all, with its own."""
    found = [
        row
        for row in rows
        if row["estimand"] == "PREDICTED" or (row["estimand"] == "POOLED" and row["kind"] == "overall")
    ]
    if found:
        caption = f"The interval of a new city, and that of the mean: {unit_words(found[0], indicators)}"
        yield number_table(
            caption,
            found,
            most,
            lambda r: "the mean of all" if r["estimand"] == "POOLED" else str(r["label"]),
            head="what",
        )


def _estimator(row: Row) -> str:
    called = str(row["estimator"]).replace("_", " ")
    return f"{called} (primary)" if row["role"] == "primary" else called


def _estimand(row: Row) -> str:
    return "" if row["estimand"] in (None, "ATT") else str(row["estimand"])


def path_tables(rows: Sequence[Row], indicators: Mapping[str, Indicator], most: int) -> Iterator[NumberTable]:
    """The primary estimator's path."""
    path = [
        row
        for row in rows
        if row["kind"] == "event_time" and row["role"] == "primary" and row["estimand"] not in ("cumulative effect",)
    ]
    if path:
        caption = f"Effect by time since the start: {unit_words(path[0], indicators)}"
        yield number_table(
            caption,
            path,
            most,
            lambda r: shown(r["event_time"]) if r["event_time"] is not None else str(r["label"]),
            head="time",
        )


def group_tables(
    rows: Sequence[Row], indicators: Mapping[str, Indicator], most: int, kind: str
) -> Iterator[NumberTable]:
    """Tables of whom and what an answer is made of: units, groups, partners, inputs, plans."""
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        if row["kind"] in KINDS and row["estimand"] != "PREDICTED" and (row["role"] == "primary" or kind != "measure"):
            key = (str(row["estimand"]), str(row["kind"]), str(row["outcome"]), str(row["outcome_unit"]))
            groups.setdefault(key, []).append(row)
    for (estimand, of, _, _), group in groups.items():
        title = TITLES.get((estimand, of), f"{KINDS[of]}{'' if estimand in ('ATT', 'None') else f', {estimand}'}")
        yield number_table(f"{title}: {unit_words(group[0], indicators)}", group, most, _label)


def _label(row: Row) -> str:
    return str(row["label"] if row["label"] is not None else row["cohort"] or row["period"] or "")
