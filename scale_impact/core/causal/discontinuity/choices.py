"""What a user chooses of a discontinuity's estimate, and the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kernel = Literal["triangular", "epanechnikov", "uniform"]
Variance = Literal["nn", "hc0", "hc1", "hc2", "hc3"]
MassPoints = Literal["adjust", "off"]
Selector = Literal[
    "mserd", "msetwo", "msesum", "msecomb1", "msecomb2", "cerrd", "certwo", "cersum", "cercomb1", "cercomb2"
]

PILOT = {"triangular": 2.576, "epanechnikov": 2.34, "uniform": 1.843}
"""Constant of the first pilot bandwidth (a rule of thumb for densities) by kernel."""

MANY_TIES = 0.2
"""Where a larger share of a side's observations repeats a value of another, the running variable has mass points."""

FEWEST_DISTINCT = 10
"""Distinct values that pilot bandwidths reach on each side where there are mass points."""

HAIR = float(np.sqrt(np.finfo(float).eps))
"""Relative width by which a bandwidth that ends at an observation is widened, so that it counts."""


@dataclass(frozen=True)
class Choices:
    """How a jump is estimated.

    Attributes
    ----------
    kernel:
        How observations count by their distance from the threshold.
    degree, bias_degree:
        Of the local polynomial of the estimate, and of the one that estimates its bias (larger).
    variance, neighbours:
        How errors are estimated: from the nearest neighbours in the running variable (``nn``) or from residuals.
    mass_points:
        ``adjust``: pilot bandwidths count distinct values of the running variable, not observations.
    regularisation:
        Weight of the term that keeps bandwidths from being large where the bias is estimated badly.
    selector:
        Rule that chooses bandwidths.
    """

    kernel: Kernel = "triangular"
    degree: int = 1
    bias_degree: int = 2
    variance: Variance = "nn"
    neighbours: int = 3
    mass_points: MassPoints = "adjust"
    regularisation: float = 1.0
    selector: Selector = "mserd"


def kernel_weights(kernel: Kernel, x: Floats, h: float) -> Floats:
    """How observations at distances ``x`` count at bandwidth ``h``; 0 outside."""
    u = np.abs(x / h)
    inside = u <= 1
    if kernel == "uniform":
        return np.asarray(0.5 * inside / h)
    height = 1 - u if kernel == "triangular" else 0.75 * (1 - u**2)
    return np.asarray(height * inside / h)
