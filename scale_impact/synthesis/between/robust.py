"""Standard errors that hold whatever effects of one cluster share: CR1 and CR2, with Satterthwaite's degrees of freedom.

CR2 corrects residuals so that the variance is unbiased where the working model is right, and its degrees of freedom say how many
clusters the answer really rests on.

Source: Hedges, Tipton and Johnson (2010); Tipton (2015), Psychological Methods 20; Pustejovsky and Tipton (2018), Journal of
Business and Economic Statistics 36, equations 5 to 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.synthesis.between.blocks import Ints
from scale_impact.synthesis.between.line import Floats

Correction = Literal["CR1", "CR2"]

WHOLE = 1e-9
"""A direction in which less than this of a cluster's variance is left after the fit rests on this cluster alone."""


@dataclass(frozen=True)
class Sandwich:
    """What m clusters add to p coefficients.

    Attributes
    ----------
    bread:
        (X'WX)^-1 [p, p].
    meat:
        E_j e_j, the clusters' scores [m, p].
    loads:
        Each cluster's E_j' [n_j, p].
    errors, x:
        Working covariance [n_j, n_j] and regressors [n_j, p] of each cluster.
    correction:
        CR1 or CR2.
    """

    bread: Floats
    meat: Floats
    loads: tuple[Floats, ...]
    errors: tuple[Floats, ...]
    x: tuple[Floats, ...]
    correction: Correction

    @property
    def covariance(self) -> Floats:
        """Of the coefficients [p, p]."""
        scores = self.meat @ self.bread
        found: Floats = scores.T @ scores
        return found

    def df(self, contrast: Floats) -> float:
        """Satterthwaite's degrees of freedom of a combination of coefficients [p]; m - p for CR1.

        The variance is a sum of squares whose covariance under the working model is G; df = tr(G)^2 / tr(G^2).
        """
        m, p = self.meat.shape
        if self.correction == "CR1":
            return float(m - p)
        g = self.products(contrast[None])[0, 0]
        return float(np.trace(g) ** 2 / (g**2).sum())

    def products(self, contrasts: Floats) -> Floats:
        """Working covariance of what clusters i and j add to combinations s and t of coefficients, [q, q, m, m]."""
        turned = self.bread @ contrasts.T
        u = [load @ turned for load in self.loads]
        own = np.array([a.T @ v @ a for a, v in zip(u, self.errors, strict=True)])
        shared = np.array([x.T @ a for a, x in zip(u, self.x, strict=True)])
        found: Floats = -np.einsum("ips,pr,jrt->stij", shared, self.bread, shared, optimize=True)
        at = np.arange(len(own))
        found[:, :, at, at] += own.transpose(1, 2, 0)
        return found


def sandwich(
    parts: Sequence[tuple[Ints, Floats]], x: Floats, residuals: Floats, bread: Floats, correction: Correction = "CR2"
) -> Sandwich:
    """The clusters' scores.

    Parameters
    ----------
    parts:
        Of each cluster its rows and its working covariance, whose inverse were the weights.
    x, residuals, bread:
        Regressors [k, p], residuals [k] and (X'WX)^-1 [p, p] of the fit.
    """
    m, p = len(parts), x.shape[1]
    loads = []
    for rows, errors in parts:
        weighted = np.linalg.solve(errors, x[rows])
        loads.append(
            weighted * np.sqrt(m / (m - p)) if correction == "CR1" else _adjusted(errors, x[rows], bread) @ weighted
        )
    meat = np.array([load.T @ residuals[rows] for load, (rows, _) in zip(loads, parts, strict=True)])
    return Sandwich(bread, meat, tuple(loads), tuple(e for _, e in parts), tuple(x[r] for r, _ in parts), correction)


def _adjusted(errors: Floats, x: Floats, bread: Floats) -> Floats:
    """A_j = D' B^(-1/2) D with D'D the working covariance and B = D (covariance of residuals) D'; symmetric."""
    d = np.linalg.cholesky(errors).T
    values, vectors = np.linalg.eigh(d @ (errors - x @ bread @ x.T) @ d.T)
    kept = values > WHOLE * float((np.diag(errors) ** 2).max())
    power = np.where(kept, np.where(kept, values, 1.0) ** -0.5, 0.0)
    found: Floats = d.T @ ((vectors * power) @ vectors.T) @ d
    return found
