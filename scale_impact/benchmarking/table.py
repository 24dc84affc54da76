"""The table of cities that a study compares, made from its data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.core.sample import restricted
from scale_impact.core.settings import BenchmarkChoices, Outcome
from scale_impact.core.source import Source, load_source
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.core.words import nearest, plain, shortened, some
from scale_impact.errors import DataError, DesignError, ScaleImpactError, UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A study's cities, period by period.

    Attributes
    ----------
    study:
        A study with the key ``benchmark``.
    data:
        The columns of its source.
    """

    study: Study
    data: pd.DataFrame | ParquetTable

    @property
    def chosen(self) -> BenchmarkChoices:
        """The study's choices."""
        chosen = self.study.settings.benchmark
        if chosen is None:
            raise UsageError(
                "The study evaluates a measure and has no key `benchmark`. Use the template benchmark with a study that has one."
            )
        return chosen

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows of the study's sample."""
        if isinstance(self.data, ParquetTable):
            raise DesignError(
                "A benchmark looks at single cities, and the data are streamed. Say `stream: false` in the source's card."
            )
        return restricted(self.data, self.study.settings).frame

    # ---- periods ----------------------------------------------------------------------------

    @cached_property
    def at(self) -> Any:
        """The period that is judged."""
        return self._periods[-1] if self.chosen.at is None else self._period(self.chosen.at, "at")

    @cached_property
    def before(self) -> Any:
        """The earlier period; None where the study names none."""
        if self.chosen.before is None:
            return None
        found = self._period(self.chosen.before, "before")
        if self._periods.index(found) >= self._periods.index(self.at):
            raise DesignError(
                f"benchmark.before: {plain(found)} is not before {plain(self.at)}, the period that is judged. Name an earlier one."
            )
        return found

    @cached_property
    def _periods(self) -> list[Any]:
        period = self.study.settings.period
        found = list(np.sort(self.frame[period].dropna().unique()))
        if not found:
            raise DesignError(f"period: {period} is empty throughout. Give each row its period.")
        return found

    def _period(self, wanted: Any, key: str) -> Any:
        found = {plain(p): p for p in self._periods}
        if plain(wanted) not in found:
            raise DesignError(
                f"benchmark.{key}: {plain(wanted)!r} is no period of the data. {nearest(plain(wanted), found)}"
            )
        return found[plain(wanted)]

    # ---- cities -----------------------------------------------------------------------------

    @cached_property
    def cities(self) -> Cities:
        """The cities in the period that is judged."""
        return self._cities(self.at)

    @cached_property
    def earlier(self) -> Cities:
        """The cities in the earlier period; what is wrong with them is said of that period."""
        with self.about_before():
            return self._cities(self.before)

    @contextmanager
    def about_before(self) -> Iterator[None]:
        """Say of what is wrong that it is about the earlier period."""
        try:
            yield
        except ScaleImpactError as error:
            raise type(error)([f"benchmark.before ({plain(self.before)}): {p}" for p in error.problems]) from error

    def _cities(self, period: Any) -> Cities:
        settings, frame = self.study.settings, self.frame
        city = str(settings.unit)
        shown = frame.assign(**{city: [self.names.get(plain(u)) for u in frame[city]]})
        return Cities.from_frame(
            shown, city=city, criteria=self.criteria, context=self.context, std_errors=self._std_errors,
            period=settings.period, at=period,
        )  # fmt: skip

    @cached_property
    def label(self) -> str:
        """The city that the page is about, as it is shown."""
        wanted, labels = plain(self.chosen.city), self.cities.labels
        shown = self.names.get(wanted, wanted)
        if shown in labels:
            return shown
        unit, at = self.study.settings.unit, plain(self.at)
        if shown in self.names.values():
            has = [plain(p) for p in self._periods if shown in self._shown_in(p)]
            raise DesignError(
                f"benchmark.city: {wanted!r} has no row of {at}; it has rows of {some(has)}. Name another city, or `at`."
            )
        codes = [u for u, name in self.names.items() if name in labels]
        raise DesignError(f"benchmark.city: {wanted!r} is no {unit} of the data. {_offer(wanted, codes, labels)}")

    def _shown_in(self, period: Any) -> set[str | None]:
        settings = self.study.settings
        rows = self.frame[self.frame[settings.period] == period]
        return {self.names.get(plain(u)) for u in rows[str(settings.unit)].dropna()}

    @cached_property
    def names(self) -> dict[str, str]:
        """The name that is shown of each unit, by the unit as text; where two would be called alike, they show the unit too."""
        units = [plain(u) for u in self.frame[str(self.study.settings.unit)].dropna().unique()]
        shown = {u: self._named.get(u, u) for u in units}
        while len(set(shown.values())) < len(shown):
            called = list(shown.values())
            shown = {u: name if called.count(name) == 1 else f"{name} ({u})" for u, name in shown.items()}
        return shown

    @cached_property
    def _named(self) -> dict[str, str]:
        """Names as the data have them in the period that is judged, else in the last one that has any."""
        unit, period, names = str(self.study.settings.unit), self.study.settings.period, self.chosen.names
        if names is None:
            return {}
        rows = self.frame.dropna(subset=[unit, names, period])
        # the last one wins: by period, the judged one after all others, whatever the order of the rows
        order = sorted(
            (p == self.at, self._periods.index(p), plain(u), str(n))
            for p, u, n in zip(rows[period], rows[unit], rows[names], strict=True)
        )
        return {u: name for _, _, u, name in order}

    # ---- what they are judged by and compared on --------------------------------------------

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """What cities are judged by."""
        found, problems = [], []
        for k, outcome in enumerate(self.study.outcomes):
            try:
                found.append(self._criterion(outcome))
            except DataError as error:
                problems += [f"outcomes.{k}: {p}" for p in error.problems]
        if problems:
            raise DesignError(problems)
        return tuple(found)

    def _criterion(self, outcome: Outcome) -> Criterion:
        per, times = outcome.per or "", 1.0 if outcome.times is None else outcome.times
        counted = {"exposure": per, "years": outcome.pooled} if outcome.pooled is not None else {"per": per}
        return Criterion.of(
            self.study.indicator(outcome), outcome.column, goalposts=outcome.goalposts, weight=outcome.weight or 1.0,
            factor=times, **counted,
        )  # fmt: skip

    @cached_property
    def context(self) -> tuple[ContextColumn, ...]:
        """What cities are compared on, as the source's card describes it."""
        columns = self._card.columns
        return tuple(
            ContextColumn(c.column, shortened(columns[c.column].meaning), columns[c.column].unit, c.kind)
            for c in self.chosen.context
        )

    @property
    def _std_errors(self) -> dict[str, str]:
        return {o.column: o.std_error for o in self.study.outcomes if o.std_error is not None}

    @cached_property
    def _card(self) -> Source:
        return load_source(self.study.project.source(self.study.settings.source))


MOST = 10
"""Cities that a message lists."""


def _offer(wanted: str, codes: list[str], labels: tuple[str, ...]) -> str:
    """The nearest city, or some of them: all would be a page."""
    near = nearest(wanted, [*codes, *labels])
    return near if near.startswith("Did") else f"There are {some(labels, MOST)}."
