"""The wild cluster bootstrap of the Anderson-Rubin test: for few clusters, and valid with weak instruments.

Under an effect b the outcome less b times the exposure has nothing to do with the instruments. Its residuals (of controls
alone) change their sign by cluster at random, and the test statistic of the data is compared with those of such data. Each draw
is linear in the outcome and in the exposure, so that one set of draws answers for every b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.instruments.estimation import Case, Floats
from scale_impact.core.causal.instruments.weak import Segment
from scale_impact.core.wild import VALUES, Weights, multipliers

FEW_FOR_SIGNS = 10
"""Below so many clusters two-point multipliers have too few patterns. Source: Webb (2023)."""

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""

SCAN = 200
"""Effects tried between minus and plus infinity before ends are told exactly."""

FAR = 1e9
"""Standard errors from the estimate that stand for infinity."""


@dataclass(frozen=True, eq=False)
class _Sums:
    """What a statistic is made of: coefficients [B, L] and sums of products of scores [B, L, L], of outcome and exposure."""

    y: Floats
    d: Floats
    yy: Floats
    yd: Floats
    dd: Floats

    def statistic(self, effect: float) -> Floats:
        """Wald statistics of an effect, [B], without a small-sample factor (which cancels)."""
        gap = self.y - effect * self.d
        spread = self.yy - effect * (self.yd + np.swapaxes(self.yd, 1, 2)) + effect**2 * self.dd
        if gap.shape[1] == 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.nan_to_num(gap[:, 0] ** 2 / spread[:, 0, 0], nan=0.0, posinf=np.inf)
        return np.asarray(np.einsum("bi,bi->b", gap, _solved(spread, gap)))


def _solved(spread: Floats, gap: Floats) -> Floats:
    """Covariances [B, L, L] divided into coefficients [B, L]; where a draw's is singular, its generalised inverse."""
    try:
        return np.asarray(np.linalg.solve(spread, gap[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.asarray((np.linalg.pinv(spread, hermitian=True) @ gap[:, :, None])[:, :, 0])


@dataclass(frozen=True, eq=False)
class WildAndersonRubin:
    """The bootstrap's draws, ready for any effect.

    Attributes
    ----------
    data, drawn:
        Of the data (B = 1) and of the draws.
    every:
        Whether all sign patterns were used, that of the data among them.
    centre, scale:
        The estimate and its standard error: where ends are looked for.
    words:
        How it was drawn.

    Source: Davidson and MacKinnon (2010), section 5; Roodman, MacKinnon, Nielsen and Webb (2019), section 7.
    """

    data: _Sums
    drawn: _Sums
    every: bool
    centre: float
    scale: float
    words: str

    def p_value(self, effect: float) -> float:
        """p-value of an effect."""
        mine = float(self.data.statistic(effect)[0])
        as_far = int((self.drawn.statistic(effect) >= mine * (1 - TIES)).sum())
        n = len(self.drawn.y)
        return as_far / n if self.every else (1 + as_far) / (1 + n)

    def region(self, level: float) -> tuple[Segment, ...]:
        """All effects that are not rejected."""
        angles = np.linspace(-np.pi / 2, np.pi / 2, SCAN + 1)
        tried = self.centre + self.scale * np.clip(np.tan(angles), -FAR, FAR)
        inside = [self.p_value(float(b)) > 1 - level for b in tried]
        found: list[Segment] = []
        low = -np.inf
        for k in range(SCAN):
            if inside[k] == inside[k + 1]:
                continue
            end = self._end(float(tried[k]), float(tried[k + 1]), level, inside[k])
            if inside[k]:
                found.append((low, end))
            else:
                low = end
        return (*found, (low, np.inf)) if inside[-1] else tuple(found)

    def _end(self, a: float, b: float, level: float, first: bool) -> float:
        """Where the set ends between two effects, by halving."""
        while abs(b - a) > 1e-10 * max(self.scale, abs(a), abs(b)):
            middle = (a + b) / 2
            if middle in (a, b):
                break
            a, b = (middle, b) if (self.p_value(middle) > 1 - level) == first else (a, middle)
        return (a + b) / 2


def wild(case: Case, centre: float, scale: float, *, draws: int, seed: int) -> WildAndersonRubin:
    """Draw once for all effects."""
    g = case.n_clusters
    every = 2 ** (g - 1) <= draws and g >= FEW_FOR_SIGNS
    kind: Weights = "rademacher" if g >= FEW_FOR_SIGNS else "webb"
    values = VALUES[kind][multipliers(kind, g, draws, seed, every=every)].T
    parts = _Parts.of(case)
    count = f"all {len(values):,} sign patterns" if every else f"{len(values):,} draws ({kind})"
    return WildAndersonRubin(
        parts.sums(np.ones((1, g))), parts.sums(values), every, centre, scale,
        f"wild cluster bootstrap of the Anderson-Rubin test, {count}",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Parts:
    """By cluster: scores of outcome and exposure [2, G, L], their products with the regressors [2, G, R + L], and those of
    instruments with regressors [G, L, R + L]."""

    scores: Floats
    pulled: Floats
    cross: Floats

    @classmethod
    def of(cls, case: Case) -> _Parts:
        """Sums by cluster. Unit effects lie within clusters, whose multipliers they share: they take nothing out of a draw."""
        q, _ = case.orthonormal
        all_of = np.column_stack([case.basis, q])
        g, at = case.n_clusters, case.clusters
        both = (case.outcome, case.exposure)
        scores = np.stack([sums_by(at, q * v[:, None], g) for v in both])
        pulled = np.stack([sums_by(at, all_of * v[:, None], g) for v in both])
        cross = np.stack([sums_by(at, all_of * z[:, None], g) for z in q.T], axis=1)
        return cls(scores, pulled, cross)

    def sums(self, values: NDArray[Any]) -> _Sums:
        """What statistics of draws [B, G] are made of, a block of draws at a time."""
        size = max(1, int(4e6 / self.scores[0].size))
        blocks = [self._block(values[k : k + size]) for k in range(0, len(values), size)]
        names = ("y", "d", "yy", "yd", "dd")
        return _Sums(*(np.concatenate([getattr(b, n) for b in blocks]) for n in names))

    def _block(self, v: Floats) -> _Sums:
        found = np.einsum("bg,kgl->kbl", v, self.scores)
        fitted = np.einsum("bg,kgr->kbr", v, self.pulled)
        own = v[None, :, :, None] * self.scores[:, None]
        rest = own - np.einsum("glr,kbr->kbgl", self.cross, fitted)
        y, d = rest
        return _Sums(*found, *(np.einsum("bgi,bgj->bij", a, b) for a, b in ((y, y), (y, d), (d, d))))
