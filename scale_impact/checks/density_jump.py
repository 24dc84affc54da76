"""Is the running variable's density continuous at the threshold, or did some choose the side on which they are?

Towns that report 5,010 inhabitants where 4,990 would cost them money, applicants who try again until they pass: those just across are
then others than those just short of it, and comparing them measures who manipulates. Their traces are a gap on one side and a heap
on the other. A density that does not jump is no proof (some may push up while others push down), and one that jumps may be an
administrative heap: look at the figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from scale_impact.checks._threshold import NO_THRESHOLD
from scale_impact.core.causal.discontinuity.choices import Kernel
from scale_impact.core.causal.discontinuity.density import (
    DensityTest,
    Gap,
    Running,
    binomial_windows,
    density_curve,
    density_test,
    distinct,
    gap,
)
from scale_impact.core.causal.discontinuity.observations import once_a_unit, running_values, where
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.exposure import Running as Threshold
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number

NAME = "density_jump"

EXPOSURE = True

FEW_VALUES = 20
"""Different values within the bandwidth on each side from which on a running variable counts as continuous."""

POWER = 2.8
"""A jump of so many standard errors is found in four of five samples (two-sided, 5 %)."""

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel, design: Design, refit: Refit, *, alpha: Share = 0.05, degree: Annotated[int, Ge(1), Le(7)] = 2, kernel: Kernel = "triangular"
) -> Check:  # fmt: skip
    """Test that the density does not jump.

    Parameters
    ----------
    panel, design:
        The data and the threshold; a unit that is seen several times with the same value counts once.
    alpha:
        The check fails where the p-value is below it.
    degree:
        Of the local polynomial that bandwidths are chosen for; the test takes one degree more.
    kernel:
        How observations count by their distance.

    Returns
    -------
    Check with the test's statistic (the treated side's density less the other's, over its standard error) and p-value. It fails, too, where
    the stretch next to the threshold is empty that should hold observations by the density (p below alpha / 10), which local polynomials
    do not see. Where the running variable has few values near the threshold, it is inconclusive: the test is for continuous ones.
    ``details`` have the densities of the sides without and with treatment, bandwidths, the binomial test in growing windows, the least
    jump that would have been found, and the curves for the figure.

    Source: Cattaneo, Jansson and Ma (2020); binomial counts: Cattaneo, Frandsen and Titiunik (2015).
    """
    rule = design.running
    if rule is None:
        return Check.inapplicable(NAME, NO_THRESHOLD)
    units = panel.unit_codes if panel.followed else np.arange(panel.n_obs)
    x, eligible = once_a_unit(
        units, running_values(panel, rule), rule.eligible(panel.column(rule.column).astype(float))
    )
    running = Running.of(x, eligible)
    test = density_test(running, kernel=kernel, degree=degree)
    found = Found(
        running, test, gap(running, test.slopes), tuple(binomial_windows(running, test.bandwidths)), alpha, rule
    )
    details = _details(found) | {"curve": density_curve(running, test, kernel=kernel, degree=degree)}
    return Check(NAME, found.verdict, _reason(found), test.statistic, test.p_value, details)


@dataclass(frozen=True, eq=False)
class Found:
    """The tests of one running variable."""

    running: Running
    test: DensityTest
    gap: Gap | None
    windows: tuple[dict[str, Any], ...]
    alpha: float
    rule: Threshold

    @cached_property
    def values(self) -> tuple[int, int]:
        """Different values within the bandwidths, on the side without treatment and with it."""
        sides = zip((self.running.left, self.running.right), self.test.bandwidths, strict=True)
        without, across = (distinct(side[side <= h]) for side, h in sides)
        return without, across

    @property
    def empty(self) -> bool:
        """Whether the stretch next to the threshold is empty beyond chance."""
        return self.gap is not None and self.gap.p_value < self.alpha / 10

    @property
    def verdict(self) -> Verdict:
        """Fail where the density jumps or a stretch is empty."""
        if min(self.values) < FEW_VALUES:
            return "inconclusive"
        return "fail" if self.test.p_value < self.alpha or self.empty else "pass"


def _reason(found: Found) -> str:
    column, shown = found.rule.column, _densities(found)
    if min(found.values) < FEW_VALUES:
        few = f"{found.values[0]} and {found.values[1]} within the bandwidth"
        return f"{column} has few values near the threshold ({few}), and the test is for continuous ones: its densities are {shown}. {_near(found)}"
    if found.test.p_value < found.alpha:
        return f"The density of {column} jumps at the threshold: {shown}. {_sorting(found)} {_near(found)}"
    if found.empty and found.gap is not None:
        place = where(found.rule)[found.gap.side]
        return (
            f"Nobody lies within {number(found.gap.width)} {place} the threshold, where by the density of {column} {number(found.gap.expected)} observations "
            f"would (p = {number(found.gap.p_value)}). {_sorting(found)} Those left beside the gap have densities of {shown}."
        )
    return f"The density of {column} does not jump beyond chance: {shown}. {_power(found.test)}{_near(found)}"


def _densities(found: Found) -> str:
    slopes, places = found.test.slopes, where(found.rule)
    return f"{number(slopes.left)} just {places[0]} and {number(slopes.right)} just {places[1]} (p = {number(found.test.p_value)})"


def _near(found: Found) -> str:
    window = found.windows[0]
    wide, p = number(max(window["without_width"], window["with_width"])), number(window["p_value"])
    places = where(found.rule)
    return f"In the nearest {wide} lie {window['without']:,} observations {places[0]} and {window['with']:,} {places[1]} (binomial p = {p})."


def _sorting(found: Found) -> str:
    return f"Who can choose the side of {found.rule.words} may have done so, and the two sides are then not alike."


def _power(test: DensityTest) -> str:
    share = _detectable(test)
    return f"A jump by {number(100 * share)} % of it would have been found in four of five samples. " if share else ""


def _detectable(test: DensityTest) -> float | None:
    """The jump that the test finds four times in five, as a share of the mean density."""
    mean = (test.slopes.left + test.slopes.right) / 2
    return POWER * test.slopes.difference_variance**0.5 / mean if mean > 0 else None


def _details(found: Found) -> dict[str, Any]:
    test, slopes, rule = found.test, found.test.slopes, found.rule
    return {
        "alpha": found.alpha, "column": rule.column, "threshold": rule.threshold, "direction": 1 if rule.side == "above" else -1,
        "without": slopes.left, "with": slopes.right, "without_std_error": slopes.left_variance**0.5, "with_std_error": slopes.right_variance**0.5,
        "difference_std_error": slopes.difference_variance**0.5, "bandwidths": list(test.bandwidths),
        "n": [found.running.n_left, found.running.n - found.running.n_left], "n_within": list(test.n_within), "values_within": list(found.values),
        "detectable": _detectable(test), "gap": None if found.gap is None else vars(found.gap), "windows": list(found.windows),
        "histogram": _histogram(found.running, test),
    }  # fmt: skip


def _histogram(running: Running, test: DensityTest, most: int = 15) -> list[dict[str, float]]:
    """Shares of observations per unit of the running variable in bins that do not cross the threshold."""
    rows: list[dict[str, float]] = []
    for sign, side, h in ((-1.0, running.left, test.bandwidths[0]), (1.0, running.right, test.bandwidths[1])):
        n = int(min(most, max(3, np.sqrt((side <= h).sum()))))
        counts, ends = np.histogram(side[side <= h], bins=n, range=(0.0, h))
        rows += [
            {"x": float(sign * (a + b) / 2), "width": float(b - a), "density": float(c / (running.n * (b - a)))}
            for c, a, b in zip(counts, ends[:-1], ends[1:], strict=True)
        ]
    return rows
