"""What a pre-test would have missed: Roth (2022).

The usual pre-test passes where no coefficient before treatment is significant by itself. A
linear trend makes the coefficients a straight line through the reference period; the test has
some power against it, and where it is passed the effects are biased by the trend, and by more
than that: passing is itself informative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.normal_box import probability, pull

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pretest:
    """A path and the pre-test of its first coefficients.

    Attributes
    ----------
    times:
        Periods since the reference period, [K]: negative before it.
    covariance:
        Of the coefficients, [K, K].
    critical:
        Largest |coefficient| / standard error that is not significant.
    """

    times: Floats
    covariance: Floats
    critical: float

    @property
    def before(self) -> NDArray[np.bool_]:
        """Which coefficients are tested."""
        return np.asarray(self.times < 0)

    @property
    def tested(self) -> Floats:
        """Covariance of the tested coefficients."""
        return np.asarray(self.covariance[np.ix_(self.before, self.before)])

    @property
    def reach(self) -> Floats:
        """How large a tested coefficient may be without being significant."""
        return np.asarray(self.critical * np.sqrt(np.diag(self.tested)))

    def power(self, violation: Floats) -> float:
        """Probability that a violation [K] of parallel trends is noticed.

        Source: Roth (2022), pre-test on no individually significant coefficient.
        """
        reach = self.reach
        return 1 - probability(violation[self.before], self.tested, -reach, reach)

    def slope(self, power: float) -> float | None:
        """The linear trend that is noticed with a probability; None where no trend at all is noticed as often.

        Source: Roth (2022).
        """
        from scipy.optimize import brentq

        def missed(slope: float) -> float:
            return self.power(slope * self.times) - power

        if missed(0.0) >= 0:
            return None
        high = float((self.reach / -self.times[self.before]).min())
        while missed(high) < 0:
            high *= 2
        return float(brentq(missed, 0.0, high, xtol=1e-10 * high, rtol=1e-12))

    def mean_if_passed(self, violation: Floats) -> Floats:
        """Mean of all coefficients [K] under a violation, given that the pre-test is passed.

        Source: Roth (2022), bias after pre-testing.
        """
        reach = self.reach
        moved = pull(violation[self.before], self.tested, -reach, reach)
        return np.asarray(violation + self.covariance[:, self.before] @ moved)

    def bayes_factor(self, violation: Floats) -> float:
        """Probability of passing under a violation over that under parallel trends."""
        return (1 - self.power(violation)) / (1 - self.power(0 * violation))

    def likelihood_ratio(self, violation: Floats, coefficients: Floats) -> float:
        """Density of the tested coefficients under a violation over that under parallel trends."""
        mean, seen = violation[self.before], coefficients[self.before]
        weighted = np.linalg.solve(self.tested, mean)
        return float(np.exp(weighted @ (seen - mean / 2)))
