"""How much of the differences between effects is more than their errors: Q, I2, H2, and intervals for tau2.

Source: Cochran (1954); Higgins and Thompson (2002); Viechtbauer (2007), Statistics in Medicine 26 (Q profile).
"""

from __future__ import annotations

from dataclasses import dataclass

from scale_impact.synthesis.between.estimating import SINGULAR, crossing
from scale_impact.synthesis.between.line import Line, at

EMPTY = "the effects are more alike than their errors let expect: no variance between cities is compatible with them (empty Q-profile interval)"


@dataclass(frozen=True)
class Spread:
    """Heterogeneity: see ``Pooled``; shares, not per cent. ``typical`` is the typical sampling variance of Higgins and Thompson."""

    tau2_low: float | None
    tau2_high: float | None
    q: float | None
    q_df: int
    q_p: float | None
    typical: float | None
    why_not: dict[str, str]

    def i2(self, tau2: float | None) -> float | None:
        """Share of variance that is between cities."""
        if tau2 is None or self.typical is None:
            return None
        return tau2 / (tau2 + self.typical)

    def h2(self, tau2: float | None) -> float | None:
        """Variance in all over sampling variance."""
        return None if tau2 is None or self.typical is None else tau2 / self.typical + 1


def spread_of(line: Line, level: float, *, interval: bool = True) -> Spread:
    """Q and its test, the typical variance, and the Q-profile interval for tau2."""
    from scipy.stats import chi2

    q = p = typical = low = high = None
    why: dict[str, str] = {}
    if line.regular:
        none = at(line, 0.0)
        q = float(none.rss[0])
        p, typical = float(chi2.sf(q, line.left)), line.left / float(none.trace_p[0])
    else:
        why |= {"q": SINGULAR, "i2": SINGULAR}
    if interval:
        low, high = q_profile(line, level)
        why |= {"tau2 interval": EMPTY} if high is None else {}
    return Spread(low, high, q, line.left, p, typical, why)


def q_profile(line: Line, level: float) -> tuple[float | None, float | None]:
    """Both ends of the interval for tau2; None where it is empty."""
    from scipy.stats import chi2

    beyond = (1 - level) / 2
    high_q, low_q = float(chi2.isf(beyond, line.left)), float(chi2.ppf(beyond, line.left))
    if float(at(line, line.least).rss[0]) < low_q:
        return None, None
    return crossing(line, high_q), crossing(line, low_q)


def common_shares(q: float, left: int) -> tuple[float, float]:
    """I2 and H2 where no variance between cities is assumed: what Q has beyond what is expected."""
    return max(0.0, 1 - left / q) if q > 0 else 0.0, q / left
