"""Why there is no number, as part of a sentence; and which other check has one."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.core.effect import Effect


def because(reason: str | None) -> str:
    """A reason without its full stop, to be put in a sentence."""
    return (reason or "no reason is given").rstrip(".")


def ask_instead(name: str, effect: Effect, better: str) -> Check | None:
    """That other checks (``better``) ask an effect that says what each treated unit would have been; None for all others.

    Estimating it anew hundreds of times takes long, and tests by standard errors have none here. An effect without donors that
    has a standard error (an interrupted time series) is as all others.
    """
    found = effect.counterfactual
    if found is None or (found.worlds is None and effect.overall.std_error is not None):
        return None
    return Check.inapplicable(
        name,
        f"{effect.estimator} builds what each treated unit would have been, and can be asked for it directly: use {better}.",
    )
