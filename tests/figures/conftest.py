"""Small panels and effects that figures show, and a bare axes to draw on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family, Sample
from scale_impact.core.panel import Panel
from scale_impact.estimators import estimate

ESTIMATE = Estimate(1.0, 0.5)


@pytest.fixture
def ax():
    fig = Figure(figsize=(7, 4))
    FigureCanvasAgg(fig)
    return fig.add_subplot()


@pytest.fixture
def page():
    """Where texts and axes lie on a finished figure, in pixels."""
    return lambda fig: fig.canvas.get_renderer()


def city_frame(starts, periods=range(2000, 2006), seed=3):
    """One city for each start (None: never treated), its outcome 1 higher from its start on."""
    noise = np.random.default_rng(seed).normal(0, 0.1, (len(starts), len(periods)))
    rows = [
        {
            "city": f"City {i:02d}",
            "year": year,
            "y": i + noise[i, t] + (start is not None and year >= start),
            "zone": int(start is not None and year >= start),
        }
        for i, start in enumerate(starts)
        for t, year in enumerate(periods)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def build():
    """A panel of cities and its design, from the first treated year of each city."""

    def made(starts, periods=range(2000, 2006), **options):
        panel = Panel.from_frame(city_frame(starts, periods), unit="city", period="year", outcome="y")
        return panel, Design.from_panel(panel, treated="zone", **options)

    return made


@pytest.fixture
def staggered(build):
    """Two cohorts (2002: three cities, 2004: two) and four never-treated cities."""
    return build([2002, 2002, 2002, 2004, 2004, None, None, None, None])


@pytest.fixture
def cross_sections():
    """Houses sold in 1978 and 1981, near a site and elsewhere; none is followed."""
    frame = pd.DataFrame(
        {
            "year": [1978] * 5 + [1981] * 6,
            "near": [1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0],
            "price": [10.0, 12, 20, 22, 24, 11, 12, 13, 30, 32, 34],
        }
    )
    panel = Panel.from_frame(frame, unit=None, period="year", outcome="price")
    return panel, Design.from_panel(panel, group="near", starts=1981)


@pytest.fixture
def effects(staggered):
    return {name: estimate(name, *staggered) for name in ("callaway_santanna", "event_study", "twfe")}


@pytest.fixture
def by_hand():
    """An effect with the estimates given and nothing else."""

    def made(overall=ESTIMATE, **families):
        sample = Sample(n_units=9, n_treated=5, n_periods=6, n_obs=54, n_clusters=9)
        return Effect(estimator="by_hand", overall=overall, sample=sample, inference="none", **families)

    return made


@pytest.fixture
def family():
    """A family from (label, value, standard error or None)."""

    def made(kind, rows):
        name = {"event_time": "event_times", "cohort": "cohorts"}[kind]
        labels, values, errors = zip(*rows, strict=True)
        return Family(
            kind=kind,
            values=np.array(values, dtype=float),
            variances=np.array([(e or 0.0) ** 2 for e in errors]),
            covariance=None,
            reasons=tuple("it rests on one unit" if e is None else None for e in errors),
            **{name: labels},
        )

    return made


@pytest.fixture
def words():
    """All texts on an axes, as a reader sees them."""

    def read(ax):
        legend = ax.get_legend()
        titles = [ax.get_xlabel(), ax.get_ylabel(), *(t.get_text() for t in ax.texts)]
        return titles + ([t.get_text() for t in legend.get_texts()] if legend else [])

    return read


@pytest.fixture
def marks():
    """Positions and look of the dots with intervals, by the start of their name."""

    def read(ax, name):
        found = [c for c in ax.containers if str(c.get_label()).startswith(name)]
        lines = [c.lines[0] for c in found]
        return lines or [x for x in ax.get_lines() if str(x.get_label()).startswith(name)]

    return read
