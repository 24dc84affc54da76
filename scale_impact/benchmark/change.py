"""Change: has a city moved, by how much, through what, and do cities come closer together?

Right for scores on the same fixed goalposts, with the same indicators and weights, in all periods. Errors of two periods are
taken as independent unless ``error_correlation`` says otherwise; errors that were made of the change itself cannot judge it. A
change over time is not the effect of anything.

Source: Barro and Sala-i-Martin (1992) and Quah (1993) on convergence; Vartia (1976) on parts of a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scale_impact.benchmark.changing import breaks as series
from scale_impact.benchmark.changing import comparable, periods
from scale_impact.benchmark.changing.breaks import Break
from scale_impact.benchmark.changing.catching_up import CatchingUp, To, catch_up
from scale_impact.benchmark.changing.convergence import Convergence, converge
from scale_impact.benchmark.changing.doubts import mostly_errors
from scale_impact.benchmark.changing.errors import (
    adjusted,
    combined,
    dimension_errors,
    interval,
    measured_variance,
    p_values,
)
from scale_impact.benchmark.changing.parts import Index
from scale_impact.benchmark.changing.words import all_words, city_words, notes
from scale_impact.benchmark.cities import Criterion, Floats, cities_shown
from scale_impact.benchmark.scores import Scores
from scale_impact.core.keys import Label, checked
from scale_impact.core.words import nearest, number, some
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Errors = Literal["independent", "from the change"]


@dataclass(frozen=True, repr=False)
class Changes:
    """How N cities moved between two periods, in points of the common scale; more is better.

    Attributes
    ----------
    periods, start, end:
        All periods in the order of time, and the two that are compared.
    years:
        Between these; None where periods are neither years nor dates.
    scores:
        Scores by period, as they were compared (without indicators that were left out).
    labels:
        All cities of any period [N].
    why_not:
        The reason, by label, of a city without a change; its numbers are NaN.
    path, path_errors:
        The index in each period, and its standard error [N, T]; NaN where there is none.
    change, std_errors, low, high:
        Of the index from start to end [N]; a standard error of 0 says that the values are taken as known exactly.
    everyone:
        The changes of all cities that have one, sorted; ``take`` keeps them.
    p_values, p_all:
        Of no change, for a city alone, and counting that N cities are looked at (Holm); NaN where the error is 0, and where errors
        come from the change [N].
    dimensions, dimension_change, dimension_std_errors, dimension_low, dimension_high:
        Names [D], and the same of the dimensions [N, D].
    criteria:
        The indicators that were compared [K].
    by_indicator, by_dimension:
        What each adds to the change of the index [N, K] and [N, D]; each row sums to ``change``.
    convergence:
        Whether cities came closer together.
    breaks:
        Breaks in series: those declared, and those that the values look like.
    left_out:
        Indicators that were left out for a declared break.
    error_correlation, level:
        Of a city's errors in two periods; of the intervals.
    errors:
        Where the standard errors of the values come from.
    notes:
        What a reader has to know.
    """

    periods: tuple[str, ...]
    start: str
    end: str
    years: float | None
    scores: Mapping[str, Scores]
    labels: tuple[str, ...]
    why_not: Mapping[str, str]
    path: Floats
    path_errors: Floats
    change: Floats
    std_errors: Floats
    low: Floats
    high: Floats
    everyone: Floats
    p_values: Floats
    p_all: Floats
    dimensions: tuple[str, ...]
    dimension_change: Floats
    dimension_std_errors: Floats
    dimension_low: Floats
    dimension_high: Floats
    criteria: tuple[Criterion, ...]
    by_indicator: Floats
    by_dimension: Floats
    convergence: Convergence
    breaks: tuple[Break, ...]
    left_out: tuple[str, ...]
    error_correlation: float
    level: float
    errors: Errors
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        cities = cities_shown(len(self.labels), self.why_not, "a change")
        return f"Changes({cities}, {self.start} to {self.end})"

    def place(self, label: str) -> int:
        """Row of a city.

        Raises
        ------
        UsageError
            It is in none of the periods.
        """
        if label not in self.labels:
            raise UsageError(f"{label!r} is in none of the periods. {nearest(label, self.labels)}")
        return self.labels.index(label)

    @property
    def typical(self) -> float:
        """The change of the middle city of all that were compared."""
        return float(np.median(self.everyone))

    def take(self, labels: Sequence[str]) -> Changes:
        """Some cities alone, in the order given; breaks, notes and convergence stay those of all."""
        rows = [self.place(label) for label in labels]
        arrays = (
            "path", "path_errors", "change", "std_errors", "low", "high", "p_values", "p_all", "dimension_change",
            "dimension_std_errors", "dimension_low", "dimension_high", "by_indicator", "by_dimension",
        )  # fmt: skip
        kept = {label: why for label, why in self.why_not.items() if label in labels}
        return replace(self, labels=tuple(labels), why_not=kept, **{a: getattr(self, a)[rows] for a in arrays})

    def catching_up(self, label: str, peers: Sequence[str], *, to: To = "median") -> CatchingUp:
        """How far a city is from its peers' middle, or from the best of them, then and now."""
        return catch_up(self, label, list(peers), to=to, correlation=self.error_correlation)

    def table(self) -> pd.DataFrame:
        """One row a city: index then and now, change with its interval, the part of each dimension, and why there is none."""
        import pandas as pd

        ends = [self.periods.index(p) for p in (self.start, self.end)]
        found = pd.DataFrame({
            "city": self.labels, "then": self.path[:, ends[0]], "now": self.path[:, ends[1]], "change": self.change,
            "std_error": self.std_errors, "low": self.low, "high": self.high, "p_value": self.p_values, "p_all": self.p_all,
        })  # fmt: skip
        for k, name in enumerate(self.dimensions):
            found[f"part of {name}"] = self.by_dimension[:, k]
        return found.assign(why_not=[self.why_not.get(label, "") for label in self.labels])

    def parts(self, label: str) -> pd.DataFrame:
        """One row an indicator: its value then and now, and what it adds to the change of a city's index, most first."""
        import pandas as pd

        row = self.place(label)
        values = [
            comparable.values_at(self.scores[p], [label], self.scores[p].cities.values)[0]
            for p in (self.start, self.end)
        ]
        scaled = [
            comparable.values_at(self.scores[p], [label], self.scores[p].normalised)[0] for p in (self.start, self.end)
        ]
        found = pd.DataFrame({
            "column": [c.column for c in self.criteria], "name": [c.name for c in self.criteria], "unit": [c.unit for c in self.criteria],
            "dimension": [c.dimension for c in self.criteria], "then": values[0], "now": values[1], "score_then": scaled[0],
            "score_now": scaled[1], "part": self.by_indicator[row],
        })  # fmt: skip
        return found.sort_values("part", key=abs, ascending=False, kind="stable").reset_index(drop=True)

    def sentences(self, label: str) -> list[str]:
        """What is known of one city's change, in plain words."""
        return list(city_words(self, self.place(label)))

    def summary(self) -> list[str]:
        """What is known of all cities: how many moved, whether they converge, what breaks there are, what was done."""
        return [*all_words(self), *self.convergence.sentences(), *(b.sentence for b in self.breaks), *self.notes]


@checked
def compare(
    scores: Mapping[Label, Scores],
    *,
    start: Label | None = None,
    end: Label | None = None,
    breaks: Mapping[str, Label | list[Label]] | None = None,
    keep_broken: bool = False,
    error_correlation: float = 0.0,
    errors: Errors = "independent",
    level: float = 0.95,
) -> Changes:
    """Changes of cities between two periods.

    Parameters
    ----------
    scores:
        By period, each on the same goalposts, indicators and weights. Years and dates are put in order; other names stay in
        the order given. Cities are matched by label.
    start, end:
        The periods compared; None: the first and the last.
    breaks:
        By column, the period (or periods) in which its series breaks: it was defined, measured or coded anew.
    keep_broken:
        Whether indicators with such a break between start and end stay in the change; without it they are left out of all
        periods, and what is left of their dimension takes their weight.
    error_correlation:
        Of one city's errors in two periods: above 0 where years are pooled in overlapping windows or the same people are asked.
    errors:
        ``from the change`` where they were made of the differences between these periods: nothing is corrected or tested by them.
    level:
        Of the intervals.

    Raises
    ------
    DesignError
        The periods are not comparable, or no indicator or city is left; all reasons at once.
    UsageError
        A period or column that is not there, a correlation outside of -1 to 1.
    """
    found: dict[str, Scores] = periods.ordered(scores)
    if problems := list(comparable.problems(found)):
        raise DesignError(problems)
    names = tuple(found)
    if problems := list(_option_problems(found, breaks, error_correlation, errors, level)):
        raise UsageError(problems)
    span = (
        0 if start is None else periods.place(start, names, "start"),
        len(names) - 1 if end is None else periods.place(end, names, "end"),
    )
    if span[0] >= span[1]:
        raise UsageError(f"start ({names[span[0]]}) has to lie before end ({names[span[1]]}).")
    places = {
        c: [periods.first_from(p, names, f"breaks: {c}") for p in (b if isinstance(b, list) else [b])]
        for c, b in (breaks or {}).items()
    }
    called = {c.column: c.name for c in next(iter(found.values())).cities.criteria}
    known = [*series.declared(places, names, span, called, kept=keep_broken), *comparable.suspected(found, places)]
    left_out = tuple(dict.fromkeys(b.column for b in known if b.left_out))
    found, masked = comparable.aligned(_without(found, left_out), names[span[0]], names[span[1]])
    return _compared(found, span, tuple(known), left_out, masked, error_correlation, errors, level)


def _option_problems(
    scores: Mapping[str, Scores],
    breaks: Mapping[str, Label | list[Label]] | None,
    correlation: float,
    errors: str,
    level: float,
) -> Iterator[str]:
    columns = [c.column for c in next(iter(scores.values())).cities.criteria]
    yield from (f"breaks: {c!r} is no indicator. {nearest(c, columns)}" for c in breaks or {} if c not in columns)
    if not -1 <= correlation < 1:
        yield f"error_correlation is {number(correlation)}. Give a number from -1 to below 1."
    if errors != "independent" and correlation:
        yield "error_correlation: nothing is corrected for errors from the change, so their correlation has no use. Leave it out."
    if not 0 < level < 1:
        yield f"level is {number(level)}. Give a share between 0 and 1, such as 0.95."


def _without(scores: Mapping[str, Scores], columns: Sequence[str]) -> dict[str, Scores]:
    if not columns:
        return dict(scores)
    criteria = next(iter(scores.values())).cities.criteria
    if not [c for c in criteria if c.column not in columns]:
        raise DesignError(
            f"The series of all indicators break between the periods ({some(columns)}): no change can be told. Compare periods on one side of the break."
        )
    return {period: comparable.without(found, columns) for period, found in scores.items()}


# ---- the comparison --------------------------------------------------------------------------------------


def _compared(
    scores: Mapping[str, Scores],
    span: tuple[int, int],
    known: tuple[Break, ...],
    left_out: tuple[str, ...],
    masked: int,
    correlation: float,
    errors_from: Errors,
    level: float,
) -> Changes:
    names, labels = tuple(scores), comparable.all_labels(scores)
    start, end = (names[k] for k in span)
    years = periods.between(start, end)
    path, errors, measured = (
        np.stack([comparable.values_at(s, labels, of(s)) for s in scores.values()], axis=1)
        for of in (lambda s: s.index, lambda s: s.std_errors, measured_variance)
    )
    why_not = comparable.why_not(scores, labels, start, end)
    first, last = scores[start], scores[end]
    if len(why_not) == len(labels):
        raise DesignError(
            f"No city has an index in {start} and in {end}. {next(iter(why_not))}: {next(iter(why_not.values()))}"
        )
    change = path[:, span[1]] - path[:, span[0]]
    spread = combined(errors[:, span[0]], errors[:, span[1]], correlation)
    low, high = interval(change, spread, level)
    circular = errors_from == "from the change"
    p = np.full(len(change), np.nan) if circular else p_values(change, spread)
    shared = correlation * np.sqrt(measured[:, span[0]] * measured[:, span[1]])
    return Changes(
        everyone=np.sort(change[~np.isnan(change)]),
        periods=names, start=start, end=end, years=years, scores=scores, labels=labels, why_not=why_not,
        path=path, path_errors=errors, change=change, std_errors=spread, low=low, high=high, p_values=p, p_all=adjusted(p),
        **_dimensions(first, last, labels, correlation, level), **_parts(first, last, labels, why_not),
        convergence=converge(path, measured, *span, years=years, level=level, covariance=shared, from_the_change=circular),
        breaks=known, left_out=left_out, error_correlation=correlation, level=level, errors=errors_from,
        notes=(*notes(scores, labels, why_not, spread, masked, start, end), *mostly_errors(first, last, (start, end), errors_from)),
    )  # fmt: skip


def _dimensions(first: Scores, last: Scores, labels: Sequence[str], correlation: float, level: float) -> dict[str, Any]:
    """Changes of the dimensions with their intervals."""
    values = [comparable.values_at(s, labels, s.dimension_scores) for s in (first, last)]
    errors = [comparable.values_at(s, labels, dimension_errors(s)) for s in (first, last)]
    change, spread = values[1] - values[0], combined(errors[0], errors[1], correlation)
    low, high = interval(change, spread, level)
    return {
        "dimensions": last.dimensions, "dimension_change": change, "dimension_std_errors": spread, "dimension_low": low,
        "dimension_high": high,
    }  # fmt: skip


def _parts(first: Scores, last: Scores, labels: Sequence[str], why_not: Mapping[str, str]) -> dict[str, Any]:
    """What indicators and dimensions add to the change of the index."""
    index = Index.of(last)
    found = index.parts(*(comparable.values_at(s, labels, s.normalised) for s in (first, last)))
    nobody = np.array([label in why_not for label in labels])[:, None]
    by_indicator, by_dimension = (np.where(nobody, np.nan, part) for part in found)
    return {"criteria": last.cities.criteria, "by_indicator": by_indicator, "by_dimension": by_dimension}
