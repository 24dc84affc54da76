"""Did treated and untreated units move together before treatment? A joint test of the path.

Right as a warning, not as a proof: a test that does not reject may lack the power to see a
trend that matters (Roth 2022), and its numbers depend on the estimator's base period.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scale_impact.checks._reasons import ask_instead
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted, plain

NAME = "pre_trends"


def run(panel: Panel, design: Design, refit: Callable[[Panel, Design], Effect], *, alpha: Share = 0.05) -> Check:
    """Joint Wald test that all effects before treatment are zero.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator of the path.
    alpha:
        The check fails where the p-value is below it.

    Returns
    -------
    Check with the Wald statistic b' V^-1 b over the q effects before treatment; p-value from
    chi-squared(q), or from F(q, df) of statistic / q where the estimator has a t distribution.

    Source: Wald (1943); for the group-time path Callaway and Sant'Anna (2021), section 4.
    """
    effect = refit(panel, design)
    if (other := ask_instead("pre_trends", effect, "pre_fit and in_time_placebo")) is not None:
        return other
    path = effect.path
    if path is None:
        return Check.inapplicable(
            NAME, "The estimator gives no path by event time; callaway_santanna and event_study do."
        )
    before = _before(path, _anticipated(panel, design))
    if not len(before):
        return Check.inapplicable(
            NAME, "There is no effect before treatment to test: two periods before it are needed."
        )
    details = {"event_times": [plain(e) for e in before.event_times], "q": len(before), "df": before.df}
    if not _regular(before):
        reason = (
            f"{counted(len(before), 'effect')} before treatment cannot be told apart with so few units; no joint test."
        )
        return Check(NAME, "inconclusive", reason, details=details)
    statistic, p = _wald(before)
    return Check(NAME, "fail" if p < alpha else "pass", _words(before, p, alpha), statistic, p, details)


def _anticipated(panel: Panel, design: Design) -> set[float]:
    """Event times at which some cohort may react already; anticipation counts periods, event time may not."""
    back = range(1, design.anticipation + 1)
    starts = [int(design.starts[g]) for g in design.adopting]
    return {float(elapsed(panel.clock, s - k, s)) for s in starts for k in back if s >= k}


def _before(path: Family, anticipated: set[float]) -> Family:
    """The part of the path before (anticipated) treatment, without reference periods."""
    early = [k for k, e in enumerate(path.event_times) if e < 0 and e not in anticipated]
    return path.select(np.array([k for k in early if path.reasons[k] is None], dtype=int))


def _regular(before: Family) -> bool:
    if before.covariance is None:
        return False
    scale = np.sqrt(np.diag(before.covariance))
    correlation = before.covariance / np.outer(scale, scale)
    return bool(np.linalg.eigvalsh(correlation)[0] > 1e-10)


def _wald(before: Family) -> tuple[float, float]:
    from scipy import stats

    assert before.covariance is not None
    statistic = float(before.values @ np.linalg.solve(before.covariance, before.values))
    q = len(before)
    if before.df is None:
        return statistic, float(stats.chi2.sf(statistic, q))
    return statistic, float(stats.f.sf(statistic / q, q, before.df))


def _words(before: Family, p: float, alpha: float) -> str:
    largest = max(range(len(before)), key=lambda k: abs(before.values[k]))
    size = f"largest {before.values[largest]:+.3g} at event time {plain(before.event_times[largest])}"
    many = counted(len(before), "effect")
    if p < alpha:
        return f"{many} before treatment ({size}) are jointly different from zero (p = {p:.3f}): trends were not parallel before the measure."
    return (
        f"{many} before treatment ({size}) are jointly compatible with zero (p = {p:.3f}). That speaks for parallel trends "
        "and does not prove them."
    )
