"""Estimators: one file each, and the file name is the key.

``fit(panel, design, *, options) -> Effect``; options are keyword-only and checked by signature.
"""

from __future__ import annotations

from typing import Any

from scale_impact.core import keys
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.one_thread import one_thread
from scale_impact.core.panel import Panel
from scale_impact.errors import DesignError, UsageError
from scale_impact.inference import Inference, judged


def names() -> tuple[str, ...]:
    """Keys of all estimators."""
    return keys.names("estimators")


def option_names(name: str) -> tuple[str, ...]:
    """Options that an estimator takes."""
    return keys.options("estimators", name, "fit")


def estimate(name: str, panel: Panel, design: Design, *, inference: Inference = "analytic", **options: Any) -> Effect:
    """Estimate the effect of a measure.

    Parameters
    ----------
    name:
        Key of the estimator: a file of ``scale_impact/estimators/``.
    panel, design:
        The data, and who is compared with whom.
    inference:
        ``analytic``: intervals as the estimator makes them; ``auto``: those that are valid where
        clusters are few; a method, or ``{method: {option: value}}``. See ``scale_impact.inference``.
    options:
        Options of the estimator.

    Raises
    ------
    UsageError
        No such estimator or method, or no such option.
    DesignError
        The estimator cannot answer this design; the message names one that can.
    EstimationError
        The estimate does not exist for these data.
    """
    fit = keys.load("estimators", name, "fit")
    if problems := keys.unknown_options("estimators", name, "fit", options):
        raise UsageError(problems)
    if design.exposed is not None and not keys.marked("estimators", name, "EXPOSURE"):
        raise DesignError(_no_exposures(name, design))
    with one_thread(keys.marked("estimators", name, "EXPOSURE")):  # those compare rows by few columns
        effect: Effect = fit(panel, design, **options)
    return judged(effect, panel, design, lambda p, d: fit(p, d, **options), inference)


def _no_exposures(name: str, design: Design) -> str:
    takes = [n for n in names() if keys.marked("estimators", n, "EXPOSURE")]
    return (
        f"{name} compares before and after, and the design says only who is exposed ({design.exposure}). Use one of "
        f"{', '.join(takes)}, or say from when units are treated (`treated`, `first_treated`, `cohorts`, or `group` with `starts`)."
    )
