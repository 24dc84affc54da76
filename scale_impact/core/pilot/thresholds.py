"""Thresholds: in each window of the past the smallest effect that the placebo test would have noticed, in closed form.

The test is that of the study afterwards: the post over pre RMSPE (or the average gap over the pre RMSPE) of the pilots among those
of all placebos. An effect d that is added to all cells after the start turns the mean squared gap m into m + 2 d g + d^2, with g
the mean gap; so the test rejects from a certain d on. Power at an effect is the share of windows in which it is large enough.

Source: Abadie, Diamond and Hainmueller (2010), section 2.4, for the test; Vovk, Gammerman and Shafer (2005), section 2.2, for the
order statistic that holds for one further exchangeable window; Maritz and Jarrett (1978), for its standard error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.core.synthetic import ranks
from scale_impact.core.synthetic.ranks import Floats
from scale_impact.core.synthetic.ranks import Sizes as Sizes
from scale_impact.core.synthetic.ranks import allowed as allowed

Direction = Literal["either", "up", "down"]
SIGNS: dict[str, tuple[float, ...]] = {"either": (1.0, -1.0), "up": (1.0,), "down": (-1.0,)}


@dataclass(frozen=True)
class Trial:
    """The placebo test that the study will use afterwards.

    Attributes
    ----------
    statistic:
        ``rmspe_ratio``, ``effect``, ``effect_over_fit`` (as in ``inference: placebo``), or ``spread``: the average gap against
        the placebos' standard deviation.
    side:
        ``two``, ``lower`` or ``upper``; by spread the test has two sides.
    alpha:
        Largest p-value that counts as noticed.
    """

    statistic: Literal["rmspe_ratio", "effect", "effect_over_fit", "spread"] = "rmspe_ratio"
    side: Literal["two", "lower", "upper"] = "two"
    alpha: float = 0.1

    def of(self, sizes: Sizes) -> Floats:
        """The test statistic; infinite over an exact fit, 0 where nothing differs at all."""
        return ranks.statistics(sizes, *self._compared)

    @property
    def _compared(self) -> tuple[ranks.Statistic, ranks.Side]:
        return ("effect", "two") if self.statistic == "spread" else (self.statistic, self.side)

    def limit(self, placebos: Sizes, players: int | None = None) -> Floats:
        """The value that a statistic has to exceed for p <= alpha, from placebos [..., M]; infinite where none is large enough.

        Placebos without an estimate (NaN) are left out. ``players``: how many donors play in the placebos, where these are sets of them.
        """
        if self.statistic == "spread":
            return self._by_spread(placebos.effect, players)
        return np.asarray(np.apply_along_axis(ranks.critical, -1, self.of(placebos), self.alpha))

    def _by_spread(self, effects: Floats, players: int | None) -> Floats:
        """Standard errors times the t quantile of one independent placebo less than there are."""
        many = np.isfinite(effects).sum(axis=-1)
        many = many if players is None else np.minimum(many, players)
        times = ranks.quantile(1 - self.alpha / 2, np.maximum(many - 1, 1))
        return np.where(many >= ranks.FEWEST, times * ranks.standard_error(effects), np.inf)

    def readiness(self, sizes: Sizes, limit: Floats) -> float:
        """How far the limits [W] have to be raised for this city to be found as rarely as alpha says where nothing began; >= 1.

        A city that its donors follow closely before has a small denominator, and the test then finds something too readily. An
        effect counts as noticed beyond the raised limit: power at the right size.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.sort(np.where((limit > 0) & np.isfinite(limit), self.of(sizes) / limit, 0.0))
        own = float(found[math.ceil((1 - self.alpha) * len(found) - 1e-9) - 1])
        return max(1.0, own)

    def noticed(self, sizes: Sizes, limit: Floats, direction: Direction) -> Floats:
        """Smallest effect of the right sign that the test notices, [W, S]: one row a window, one column a sign.

        ``sizes`` and ``limit`` are those of the W windows. A test of one side notices nothing on the other.
        """
        statistic, side = self._compared
        blind = {"two": 0.0, "lower": 1.0, "upper": -1.0}[side]
        found = [
            ranks.smallest_effect(sizes, limit, statistic, s) if s != blind else np.full_like(limit, np.inf)
            for s in SIGNS[direction]
        ]
        return np.stack(found, axis=-1)


def smallest(thresholds: Floats, power: float) -> float | None:
    """The minimum detectable effect: noticed with at least this power in one further window like those given, [W, S].

    The k-th smallest threshold, k = power (W + 1) S rounded up; None where the windows are too few for that, or some of them
    would have noticed nothing at all.
    """
    n, signs = thresholds.shape
    rank = math.ceil(power * (n + 1) * signs - 1e-9)
    if rank > thresholds.size:
        return None
    found = float(np.sort(thresholds, axis=None)[rank - 1])
    return found if math.isfinite(found) else None


def power_at(thresholds: Floats, effect: float) -> float:
    """Share of windows (and signs) in which an effect would have been noticed."""
    return float((thresholds <= effect * (1 + 1e-12)).mean())


def standard_error(thresholds: Floats, power: float, independent: int) -> float:
    """Standard error of the quantile, with as many observations as windows that share no period."""
    from scipy.special import betainc

    x = np.sort(thresholds, axis=None)
    edges = np.linspace(0.0, 1.0, len(x) + 1)
    weights = np.diff(betainc((independent + 1) * power, (independent + 1) * (1 - power), edges))
    mean = float(weights @ x)
    return math.sqrt(max(float(weights @ (x - mean) ** 2), 0.0))


@dataclass(frozen=True)
class OnLogScale:
    """Interval of a positive number whose logarithm is about normal; a minimum detectable effect has no p-value."""

    value: float
    std_error: float
    words: str
    df: float | None = None
    p_value: float | None = None

    def interval(self, level: float) -> tuple[float, float]:
        """The interval; the number itself where it is zero."""
        from scipy.special import ndtri

        if self.value <= 0:
            return self.value, self.value
        half = float(ndtri(0.5 + level / 2)) * self.std_error / self.value
        return self.value * math.exp(-half), self.value * math.exp(half)
