"""The cities of a transfer: what is known of each before the measure, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.assemble import design_of, panel_of
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.sample import restricted
from scale_impact.core.settings import ContextChoice, TransferChoices
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.core.words import nearest, plain, some
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    import pandas as pd

MOST = 10
"""Cities that a message lists."""


@dataclass(frozen=True)
class Table:
    """The cities of a study with the key ``transfer``, in one period of its source.

    Attributes
    ----------
    study:
        The study.
    data:
        The columns of its source; None where published effects are put together without any context.
    """

    study: Study
    data: pd.DataFrame | ParquetTable | None

    @property
    def chosen(self) -> TransferChoices:
        """The study's choices."""
        chosen = self.study.settings.transfer
        if chosen is None:
            raise UsageError(
                "The study has no key `transfer`. Use the template transfer with a study that has one (docs/transfer.md)."
            )
        return chosen

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows of the study's sample."""
        if self.data is None or isinstance(self.data, ParquetTable):
            raise DesignError(
                "A transfer looks at single cities, and the data are streamed. Say `stream: false` in the source's card."
            )
        return restricted(self.data, self.study.settings).frame

    @cached_property
    def panel(self) -> Panel:
        """The outcome of all cities."""
        return panel_of(self.study, self.frame if self.data is None else self.data, self.study.outcomes[0])

    @cached_property
    def design(self) -> Design:
        """Who has the measure since when."""
        return design_of(self.study, self.panel)

    # ---- the period whose context counts ----------------------------------------------------

    @cached_property
    def at(self) -> Any:
        """The period: what the study says, else the last one before anybody has the measure; without treatment the last."""
        periods = self._periods
        if self.chosen.at is not None:
            return self._named_period(periods)
        if self.chosen.from_rows:
            return periods[-1]
        first = self._first_start
        if first == 0:
            raise DesignError(
                f"transfer.at: somebody has the measure from the first period ({plain(periods[0])}) on, so no period is before it. Leave "
                "these cities out (sample.without), or name the period whose context counts."
            )
        return self.panel.periods[first - 1]

    @cached_property
    def _periods(self) -> list[Any]:
        name = self.study.settings.period
        found = list(np.sort(self.frame[name].dropna().unique()))
        if not found:
            raise DesignError(f"period: {name} is empty throughout. Give each row its period.")
        return found

    @cached_property
    def _first_start(self) -> int:
        """Position of the first period in which anybody has the measure, the announcement before it included."""
        design = self.design
        starts = [int(s) for s in design.starts if s < design.n_periods]
        if not starts:
            raise DesignError("treatment: nobody has the measure, so there is no effect that could be transferred.")
        return max(min(starts) - design.anticipation, 0)

    def _named_period(self, periods: list[Any]) -> Any:
        named = {plain(p): p for p in periods}
        wanted = plain(self.chosen.at)
        if wanted not in named:
            raise DesignError(f"transfer.at: {wanted!r} is no period of the data. {nearest(wanted, named)}")
        found = named[wanted]
        if not self.chosen.from_rows and periods.index(found) >= self._first_start:
            started = plain(self.panel.periods[self._first_start])
            raise DesignError(
                f"transfer.at: in {wanted} some cities have the measure (first {started}), and context must be known before it. Name "
                "an earlier period, or leave the key out."
            )
        return found

    # ---- what is known of each city ---------------------------------------------------------

    @cached_property
    def names(self) -> dict[str, str]:
        """The name that is shown of each unit; where two would be called alike, they show the unit too."""
        settings, names = self.study.settings, self.chosen.names
        if self.data is None:
            return {}
        unit = str(settings.unit)
        units = [plain(u) for u in self.frame[unit].dropna().unique()]
        if names is None:
            numbered = all(u.lstrip("-").isdigit() for u in units)  # "city 18" and not "18", which reads like a value
            return {u: f"{unit} {u}" if numbered else u for u in units}
        rows = self.frame.dropna(subset=[unit, names]).sort_values([settings.period, unit], kind="stable")
        called = {plain(u): str(n) for u, n in zip(rows[unit], rows[names], strict=True)}  # the last period wins
        shown = {u: called.get(u, u) for u in units}
        often = list(shown.values())
        return {u: name if often.count(name) == 1 else f"{name} ({u})" for u, name in shown.items()}

    @property
    def columns(self) -> list[ContextChoice]:
        """What cities are compared on."""
        return list(self.chosen.context)

    @cached_property
    def logs(self) -> list[str]:
        """Context that is compared by ratios."""
        return [c.column for c in self.columns if c.log]

    @cached_property
    def context(self) -> pd.DataFrame:
        """[N, C] context of all cities in the period, indexed by the name that is shown: numbers, or texts where a column is a group."""
        import pandas as pd

        settings, wanted = self.study.settings, [c.column for c in self.columns]
        unit = str(settings.unit)
        rows = self.frame[self.frame[settings.period] == self.at].dropna(subset=[unit])
        named = pd.Index([self.names[plain(u)] for u in rows[unit]])
        if named.has_duplicates:
            twice = [str(c) for c in dict.fromkeys(named[named.duplicated()])]
            raise DesignError(
                f"unit: {some(twice, MOST)} has several rows of {plain(self.at)}. Give each city one row a period."
            )
        found = pd.DataFrame({c.column: self._values(rows[c.column], c) for c in self.columns}, index=range(len(rows)))
        found.index = named
        return found[wanted].reindex([name for name in self.names.values() if name in named])

    def _values(self, column: pd.Series, choice: ContextChoice) -> Any:
        """Numbers of a column, or its texts."""
        import pandas as pd

        if choice.kind == "group":
            return [None if pd.isna(v) else plain(v) for v in column]
        try:
            return pd.to_numeric(column).to_numpy(float)
        except (ValueError, TypeError) as error:
            raise DesignError(
                f"transfer.context: {choice.column} holds what is no number ({error}). Say {{column: {choice.column}, kind: group}}."
            ) from error

    @cached_property
    def label(self) -> str:
        """The city that asks, as it is shown."""
        wanted = plain(self.chosen.city)
        shown = self.names.get(wanted, wanted)
        known = shown in self.names.values()
        lacking = [c.column for c in self.columns if c.column not in self.chosen.here]
        if not known and self.columns and len(lacking) == len(self.columns):
            near = nearest(wanted, [*self.names, *self.names.values()])
            offer = near if near.startswith("Did") else f"There are {some(list(self.names.values()), MOST)}."
            raise DesignError(
                f"transfer.city: {wanted!r} is no {self.study.settings.unit} of the data. {offer} Or describe a city from elsewhere: "
                f"transfer.here: {{{', '.join(f'{c}: ...' for c in lacking)}}}."
            )
        if known and not self.chosen.from_rows and shown in self.had:
            raise DesignError(
                f"transfer.city: {shown} has the measure itself ({self.study.settings.treatment.treated or 'treatment'}), so its own effect was "
                "measured. Name a city without it."
            )
        return shown

    @cached_property
    def city(self) -> Mapping[str, Any]:
        """Context of the city that asks, by column; None where a value is not known."""
        own: dict[str, Any] = {c.column: None for c in self.columns}
        if self.label in self.context.index:
            own |= self.context.loc[self.label].to_dict()
        return own | dict(self.chosen.here)

    @cached_property
    def had(self) -> frozenset[str]:
        """Who ever has the measure by the data as they are, whatever sample and balance leave of it."""
        treatment, unit, frame = self.study.settings.treatment, str(self.study.settings.unit), self.frame_as_it_is
        if treatment.cohorts is not None:
            units = [plain(u) for u in treatment.cohorts]
        elif treatment.treated is not None:
            units = [plain(u) for u in frame.loc[frame[treatment.treated] == 1, unit].dropna().unique()]
        else:
            starts = frame[str(treatment.first_treated)]
            some_day = starts.notna() & ~starts.isin([0, float("inf"), "", "0"])
            units = [plain(u) for u in frame.loc[some_day, unit].dropna().unique()]
        return frozenset(self.names.get(u, u) for u in units) | frozenset(self.treated)

    @property
    def frame_as_it_is(self) -> pd.DataFrame:
        """The rows of the source, before the study's sample."""
        return self.frame if self.data is None or isinstance(self.data, ParquetTable) else self.data

    @cached_property
    def treated(self) -> dict[str, str]:
        """Who has the measure since when, by the name that is shown."""
        design = self.design
        return {
            self.names[unit]: design.cohort_name(g)
            for g, start in enumerate(design.starts)
            if start < design.n_periods
            for unit in design.members(g)
        }
