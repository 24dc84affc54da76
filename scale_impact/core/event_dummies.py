"""The regressors of an event study: one dummy for each event time but a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design
from scale_impact.core.panel import elapsed
from scale_impact.core.within import Trends, independent, over_time
from scale_impact.errors import DesignError


@dataclass(frozen=True, eq=False)
class EventDummies:
    """Dummies of an event study by cohort and period.

    Attributes
    ----------
    since:
        Event time of each cell, [G, T]; NaN for the never treated.
    levels:
        Event times with a coefficient.
    reference:
        The event time that the others are compared with.
    extra:
        Event times that had to become references too, because they cannot be told apart.
    """

    since: Floats
    levels: tuple[float, ...]
    reference: float
    extra: tuple[float, ...]

    @property
    def dummies(self) -> Floats:
        """One regressor a level, [P, G, T]."""
        return _dummies(self.since, self.levels)


def event_dummies(
    moments: Cohorts, design: Design, window: Sequence[float] | None = None, trends: Trends | None = None
) -> EventDummies:
    """Dummies of all event times; those beyond a ``window`` count with its ends.

    The reference is the last period before (anticipated) treatment. Where dummies are collinear
    (no never-treated unit, unit trends) the farthest leads go.

    Raises
    ------
    DesignError
        No period before treatment, two with unit trends; a window without the reference or event time 0.
    """
    since = _event_times(moments, design, window)
    seen = np.unique(since[~np.isnan(since)])
    until = moments.starts[:, None] - np.arange(moments.n_periods)  # periods, not years, until treatment
    anticipated = since[(until > 0) & (until <= design.anticipation)]
    before = np.setdiff1d(seen[seen < 0], anticipated)
    if not len(before):
        raise DesignError(
            f"No period lies before treatment and its anticipation of {design.anticipation}; an event study needs one."
        )
    reference = float(before[-1])
    levels = [float(e) for e in seen if e != reference]
    order = np.argsort([-e if e < 0 else -np.inf for e in levels], kind="stable")
    kept = independent(_dummies(since, levels), moments.units, order, over_time(moments.clock, trends))
    extra = tuple(e for k, e in enumerate(levels) if k not in kept)
    if not any(levels[k] >= 0 for k in kept):
        raise DesignError(
            "event_study: no event time from 0 on can be told apart from the periods: nobody is left to compare with. Add "
            "units that are not treated, or that are treated later."
        )
    if trends is not None and any(e >= 0 or e in anticipated for e in extra):
        raise DesignError(
            "event_study with unit trends needs two periods before treatment (and its anticipation) in which a trend can be "
            "seen. Leave `trends` out or use data that begin earlier."
        )
    return EventDummies(since, tuple(levels[k] for k in kept), reference, extra)


def _event_times(moments: Cohorts, design: Design, window: Sequence[float] | None) -> Floats:
    """Event time of each cell, [G, T]; NaN for the never treated."""
    start = np.where(moments.starts < moments.n_periods, moments.starts, 0)
    since = elapsed(moments.clock, np.arange(moments.n_periods)[None, :], start[:, None])
    since[moments.starts == moments.n_periods] = np.nan
    if window is None:
        return np.asarray(since)
    low, high = _window(window, design)
    return np.asarray(np.clip(since, low, high))


def _window(window: Sequence[float], design: Design) -> tuple[float, float]:
    if len(window) != 2 or not window[0] < 0 <= window[1]:
        raise DesignError(
            f"window is {list(window)}; it has to be [first, last] event time with first < 0 <= last, such as [-4, 4]."
        )
    if window[0] > -1 - design.anticipation:
        raise DesignError(
            f"window starts at {window[0]}, after the reference period {-1 - design.anticipation}. Start it earlier."
        )
    return float(window[0]), float(window[1])


def _dummies(since: Floats, levels: Sequence[float]) -> Floats:
    return np.array([since == e for e in levels], dtype=float)
