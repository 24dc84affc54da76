"""Recipe: how sources become one panel. Keys of a card of kind ``panel``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from scale_impact.core.building.steps import To, minutes_of
from scale_impact.core.yaml_file import Record

Rule = Literal["mean", "sum", "max", "min", "median", "count", "first", "last", "same"]
"""How several values become one; `count` counts values, `same` refuses values that differ."""

Keep = Literal["first", "all", "common"]
"""Units and periods of a panel: those of its first part, of any part, of all parts."""


class Threshold(Record):
    """The share (0 to 1) of values that are above or below a number."""

    share_above: float | None = None
    """Values greater than this count."""
    share_below: float | None = None
    """Values less than this count."""

    @model_validator(mode="after")
    def _is_one(self) -> Threshold:
        if (self.share_above is None) == (self.share_below is None):
            raise ValueError("say one of share_above and share_below.")
        return self


class Aggregate(Record):
    """How rows become one a unit and period."""

    to: To
    """The period: day, week, month, quarter or year."""
    rules: Annotated[dict[str, Rule | Threshold], Field(min_length=1)]
    """For each column of the panel: mean, sum, max, min, median, count, first, last, same, or {share_above: 40}."""
    every: str = "day"
    """How often a unit is observed: month, week, day, hour or `15 minutes`; several rows of a unit in one are repeats."""
    repeated: Literal["refuse", "pool", "mean", "sum", "max", "min", "median"] = "refuse"
    """Several rows of a unit in one `every`: refused, counted each (`pool`), or made one before."""
    at_least: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the period's days (hours ...) that have to be observed; a value of fewer is missing."""
    no_rows: Literal["missing", "zero"] = "missing"
    """Periods without a row of a unit, between the source's first and last: `zero` for counts and sums of events."""
    zone: str | None = None
    """For times with a time zone: in whose days and months they are counted, such as Europe/Berlin."""

    @field_validator("every")
    @classmethod
    def _is_a_step(cls, every: str) -> str:
        if every not in ("month", "week", "day", "quarter"):
            minutes_of(every)
        return every

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str | None) -> str | None:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return zone if zone is None else ZoneInfo(zone).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone. Write it as in Europe/Berlin.") from error

    @model_validator(mode="after")
    def _is_finer(self) -> Aggregate:
        order = ("day", "week", "month", "quarter", "year")
        if self.every in order and order.index(self.every) > order.index(self.to):
            raise ValueError(f"every {self.every} is longer than a {self.to}.")
        if self.no_rows == "zero" and self.at_least:
            raise ValueError(
                "with no_rows: zero each period counts as observed, so at_least means nothing. Leave one out."
            )
        return self


class Lookup(Record):
    """A CSV file of the project that says what something is called elsewhere."""

    file: str
    """The file, from the project's folder; UTF-8, separated by commas, all cells text."""
    sha256: str | None = None
    """Hash of the file; without one, a changed file makes results out of date but is not refused."""


class Names(Lookup):
    """Which name stands for which unit. Nothing is matched by guess."""

    name: str = "name"
    """Column of the names as the source has them."""
    unit: str = "unit"
    """Column of the units as the panel has them; an empty cell leaves the name's rows out."""


class Crosswalk(Lookup):
    """How old units become new ones, where boundaries were redrawn."""

    old: str = "from"
    """Column of the old units."""
    new: str = "to"
    """Column of the new units."""
    weight: str = "weight"
    """Column of the share (0 to 1) of the old unit that goes to the new one."""
    valid_from: str | None = None
    """Column of the first period in which a line holds; an empty cell: from the beginning."""
    valid_until: str | None = None
    """Column of the last period in which a line holds; an empty cell: to the end."""
    counts: tuple[str, ...] = ()
    """Columns that are shared out by weight: people, jobs, euros."""
    rates: dict[str, str] = {}
    """Columns that are averaged, each with the count by which: {unemployment: labour_force}."""
    same: tuple[str, ...] = ()
    """Columns that all old units of a new one have to agree in, such as the country."""
    complete: bool = True
    """Whether the weights of each old unit add up to 1; false: part of it may lie outside of all new units."""
    tolerance: Annotated[float, Field(ge=0, le=0.05)] = 1e-6
    """How far from 1 they may add up, where they were rounded."""
    unlisted: Literal["refuse", "keep"] = "refuse"
    """Units that the file does not name: refused, or kept as they are."""

    @model_validator(mode="after")
    def _says_each_column_once(self) -> Crosswalk:
        said = [*self.counts, *self.rates, *self.same]
        if twice := sorted({c for c in said if said.count(c) > 1}):
            raise ValueError(f"{', '.join(twice)}: a column is a count, a rate or the same, not two of these.")
        return self


class Part(Record):
    """What one source gives to a panel."""

    source: str
    """The card it comes from."""
    unit: str | None = None
    """Column of the unit in that source; default the `unit` of its card."""
    period: str | None = ""
    """Column of the period; default (empty) the `period` of its card. null: the same in all periods."""
    columns: dict[str, str] = {}
    """Columns of the panel: a list, or each with the column of the source; default all that the panel describes."""
    aggregate: Aggregate | None = None
    """How its rows become one a unit and period."""
    names: Names | None = None
    """Which of its names stands for which unit."""
    crosswalk: Crosswalk | None = None
    """How its units become those of the panel."""
    repeat: bool = False
    """Whether its longer periods (years) are repeated in the panel's shorter ones (months)."""

    @field_validator("columns", mode="before")
    @classmethod
    def _named(cls, columns: Any) -> Any:
        return {c: c for c in columns} if isinstance(columns, (list, tuple)) else columns

    @model_validator(mode="after")
    def _fits(self) -> Part:
        if self.is_constant and (self.aggregate is not None or self.repeat):
            raise ValueError("period is null, so there is nothing to aggregate or to repeat. Leave those keys out.")
        rules = {} if self.aggregate is None else self.aggregate.rules
        if self.aggregate is not None and self.columns and (odd := set(rules) ^ set(self.columns)):
            raise ValueError(
                f"columns and aggregate.rules have to name the same columns; {_listed(odd)} stands in one only."
            )
        return self

    @property
    def is_constant(self) -> bool:
        """Whether it holds one row a unit for all periods."""
        return self.period is None

    @property
    def lookups(self) -> Iterator[Lookup]:
        """The files that it is read with."""
        yield from (found for found in (self.names, self.crosswalk) if found is not None)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
