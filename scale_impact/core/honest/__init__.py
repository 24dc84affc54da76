"""Sensitivity of an event study to violations of parallel trends (Rambachan and Roth 2023).

An ``EventStudy`` (coefficients, covariance, periods before and after, the average of interest),
whichever estimator made it, has robust confidence intervals and a breakdown value: how much may
trends differ before the conclusion goes?
"""

from __future__ import annotations

from scale_impact.core.honest.conditional import Interval
from scale_impact.core.honest.event_study import EventStudy
from scale_impact.core.honest.restrictions import Restriction, Shape
from scale_impact.core.honest.sensitivity import (
    Method,
    breakdown,
    default_method,
    problems_of,
    robust_interval,
    robust_intervals,
)

__all__ = [
    "EventStudy",
    "Interval",
    "Method",
    "Restriction",
    "Shape",
    "breakdown",
    "default_method",
    "problems_of",
    "robust_interval",
    "robust_intervals",
]
