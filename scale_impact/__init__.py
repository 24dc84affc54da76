"""scale_impact: did a city's measure work, for whom, and is it worth scaling?

    import scale_impact as si

    panel = si.Panel.from_frame(df, unit="city", period="year", outcome="claims")
    design = si.Design.from_panel(panel, treated="zone")
    effect = si.estimate("callaway_santanna", panel, design)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scale_impact import errors
    from scale_impact.checks import check
    from scale_impact.core.causal.graphs.graph import Graph
    from scale_impact.core.check import Check
    from scale_impact.core.city_effects import CityEffects
    from scale_impact.core.cohorts import Cohorts
    from scale_impact.core.design import Design
    from scale_impact.core.effect import Effect, Estimate
    from scale_impact.core.experiment.randomise import randomise
    from scale_impact.core.experiment.randomise_record import Assignment
    from scale_impact.core.panel import Panel
    from scale_impact.core.streams_dask import stream_dask
    from scale_impact.core.streams_parquet import stream_parquet
    from scale_impact.core.study import Study
    from scale_impact.estimators import estimate
    from scale_impact.evidence.asked import evidence
    from scale_impact.session import open_session
    from scale_impact.synthesis.pooling import pool

__version__ = "0.1.0"

_HOMES = {
    "Assignment": "scale_impact.core.experiment.randomise_record",
    "Check": "scale_impact.core.check",
    "CityEffects": "scale_impact.core.city_effects",
    "Cohorts": "scale_impact.core.cohorts",
    "Design": "scale_impact.core.design",
    "Effect": "scale_impact.core.effect",
    "Estimate": "scale_impact.core.effect",
    "Graph": "scale_impact.core.causal.graphs.graph",
    "Panel": "scale_impact.core.panel",
    "Study": "scale_impact.core.study",
    "check": "scale_impact.checks",
    "estimate": "scale_impact.estimators",
    "open_session": "scale_impact.session",
    "pool": "scale_impact.synthesis.pooling",
    "randomise": "scale_impact.core.experiment.randomise",
    "stream_dask": "scale_impact.core.streams_dask",
    "stream_parquet": "scale_impact.core.streams_parquet",
}

__all__ = [
    "Assignment", "Check", "CityEffects", "Cohorts", "Design", "Effect", "Estimate", "Graph", "Panel", "Study",
    "check", "errors", "estimate", "evidence", "open_session", "pool", "randomise", "stream_dask", "stream_parquet",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("errors", "evidence"):  # rooms; that of evidence can be asked
        return import_module(f"scale_impact.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'scale_impact' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
