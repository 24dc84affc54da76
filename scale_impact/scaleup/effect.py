"""The effect that is scaled: what a pilot found, or what a synthesis predicts for the city, with its whole distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import DesignError

Floats = NDArray[np.float64]

OUTERMOST = 0.0005
"""Of a distribution without a mean, so much is moved in at either end."""


@dataclass(frozen=True)
class EffectToScale:
    """An effect on one unit.

    Attributes
    ----------
    estimate, std_error:
        In ``unit``; the standard error of a prediction where the effect is predicted for another city. 0: known exactly.
    df:
        Degrees of freedom of the t distribution around the estimate; None: normal.
    unit:
        Unit of the effect, such as ``percentage points`` or ``log(claims)``.
    outcome_unit:
        Unit of the outcome's level, such as ``claims a year``.
    direction:
        ``+`` where more of the outcome is better, ``-`` where less is.
    label, source:
        What the effect is, and which row or paper it is from.
    scale:
        ``log`` for an effect on logarithms.
    kind:
        ``prediction`` of a transfer, ``pilot`` for a pilot's own effect, ``given`` for one from elsewhere.
    pilot:
        The pilot's own effect, where this one is a prediction.
    drawn:
        Draws of the effect, in place of the t distribution [B].

    Raises
    ------
    DesignError
        Numbers that are none, a negative standard error, a direction that says neither is better, too few draws; all at once.
    """

    estimate: float
    std_error: float
    df: float | None = None
    unit: str = ""
    outcome_unit: str = ""
    direction: str = "+"
    label: str = "effect"
    source: str = ""
    scale: Literal["level", "log"] = "level"
    kind: Literal["prediction", "pilot", "given"] = "given"
    pilot: EffectToScale | None = None
    drawn: Floats | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if problems := list(_problems(self)):
            raise DesignError(problems)

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.direction == "+" else -1

    @property
    def is_known(self) -> bool:
        """Whether there is nothing to draw."""
        return self.std_error == 0 if self.drawn is None else bool(np.ptp(self.drawn) == 0)

    @property
    def is_bounded(self) -> bool:
        """Whether the ends of the distribution are moved in, because means would not exist (t on a log scale, or df of 2 or less)."""
        return (
            self.drawn is None and self.df is not None and not self.is_known and (self.scale == "log" or self.df <= 2)
        )

    def quantile(self, u: Floats) -> Floats:
        """The effect at probabilities [n]."""
        from scipy.special import ndtri, stdtrit

        if self.drawn is not None:
            return np.quantile(self.drawn, u)
        if self.is_known:
            return np.full(len(u), float(self.estimate))
        within = np.clip(u, OUTERMOST, 1 - OUTERMOST) if self.is_bounded else u
        scores = ndtri(within) if self.df is None or np.isinf(self.df) else stdtrit(self.df, within)
        found: Floats = self.estimate + self.std_error * scores
        return found

    def improvement(self, effect: Floats | float) -> Floats:
        """What an effect is worth in the good direction: in the outcome's unit, on a log scale as a part of the baseline."""
        value = np.asarray(effect, dtype=float)
        return self.sign * (np.expm1(value) if self.scale == "log" else value)

    def effect_of(self, improvement: float) -> float | None:
        """The effect that makes an improvement (the inverse); None where no effect does, as a fall of more than all."""
        if self.scale == "level":
            return self.sign * improvement
        left = 1 + self.sign * improvement
        return float(np.log(left)) if left > 0 else None


def _problems(effect: EffectToScale) -> list[str]:
    found = []
    if not np.isfinite(effect.estimate):
        found.append(f"The effect is {effect.estimate}, which is no number; the study has no answer to scale.")
    if not (np.isfinite(effect.std_error) and effect.std_error >= 0):
        found.append(f"The effect's standard error is {effect.std_error}; it has to be a number of at least 0.")
    if effect.df is not None and not effect.df > 0:
        found.append(
            f"The effect has {effect.df} degrees of freedom; there have to be more than 0, or none for a normal distribution."
        )
    if effect.direction not in ("+", "-"):
        found.append(
            f"Whether more of {effect.label} is better is not known (direction {effect.direction!r}); a decision needs + or -."
        )
    if effect.drawn is not None and (
        np.ndim(effect.drawn) != 1 or len(effect.drawn) < 100 or not np.isfinite(effect.drawn).all()
    ):
        found.append(
            f"Draws of the effect have to be at least 100 numbers in one row (they are {_shape(effect.drawn)})."
        )
    return found


def _shape(drawn: Sequence[float] | Floats) -> str:
    values = np.asarray(drawn)
    missing = int((~np.isfinite(values)).sum())
    return f"of shape {values.shape}, {missing} of them no numbers"
