"""Wild draws: estimates and scores of wild cluster bootstrap samples, nothing of the size of the data.

Of each draw five numbers are kept; from them its t statistic follows for any null value, so that
an interval is inverted without drawing or fitting again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Floats
from scale_impact.core.working_model import Form

Weights = Literal["rademacher", "mammen", "webb"]

GOLDEN = np.sqrt(5.0)

VALUES = {
    "rademacher": np.array([-1.0, 1.0]),
    "mammen": np.array([(1 + GOLDEN) / 2, (1 - GOLDEN) / 2]),
    "webb": np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]),
}
"""Values of the multipliers. Source: Mammen (1993); Webb (2023)."""

FEWER = (GOLDEN - 1) / (2 * GOLDEN)
"""Probability of Mammen's larger value."""

BLOCK = 1 << 21
"""Numbers held at once while draws are made."""


@dataclass(frozen=True, eq=False)
class Draws:
    """B wild draws of one target, at null values of estimate + d.

    The estimate minus the null value is ``up - d up_slope``, the sum of squared scores
    ``level - 2 d middle + d^2 top``.
    """

    up: Floats
    up_slope: Floats
    level: Floats
    middle: Floats
    top: Floats

    def at(self, d: float) -> tuple[Floats, Floats]:
        """Estimate minus null value, and the sum of squared scores, [B]."""
        squares = self.level - d * (2 * self.middle - d * self.top)
        return self.up - d * self.up_slope, np.maximum(squares, 0.0)


def multipliers(kind: Weights, clusters: int, draws: int, seed: int, *, every: bool) -> NDArray[np.uint8]:
    """Codes of multipliers, [C, B]: of all sign patterns (the first cluster's sign is fixed) or of random draws."""
    if every:
        patterns = np.arange(2 ** (clusters - 1), dtype=np.int64)
        signs = (patterns >> np.arange(clusters - 1)[:, None]) & 1
        return np.asarray(np.concatenate([np.ones((1, len(patterns))), 1 - signs]), dtype=np.uint8)
    rng = np.random.default_rng(seed)
    if kind == "rademacher":
        size = clusters * draws
        bits = np.unpackbits(np.frombuffer(rng.bytes((size + 7) // 8), dtype=np.uint8), count=size)
        return np.asarray(bits.reshape(clusters, draws))
    if kind == "mammen":
        return np.asarray(rng.random((clusters, draws)) >= FEWER, dtype=np.uint8)
    return rng.integers(0, 6, (clusters, draws), dtype=np.uint8)


def draw(forms: Sequence[Form], kind: Weights, codes: NDArray[np.uint8]) -> list[Draws]:
    """The draws of several targets, all with the same multipliers."""
    stacks = [_rows(f) for f in forms]
    rows = np.concatenate(stacks)
    cuts = np.cumsum([len(s) for s in stacks])[:-1]
    found: list[list[Draws]] = [[] for _ in forms]
    for codes_here in _blocks(codes, len(rows)):
        product, squared = _multiplied(rows, codes_here, kind)
        for k, part in enumerate(np.split(product, cuts)):
            found[k].append(_draws(forms[k], part, squared))
    return [_joined(parts) for parts in found]


def _blocks(codes: NDArray[np.uint8], rows: int) -> Iterator[NDArray[np.uint8]]:
    step = max(BLOCK // max(rows, len(codes)), 64)
    for start in range(0, codes.shape[1], step):
        yield codes[:, start : start + step]


def _multiplied(rows: Floats, codes: NDArray[np.uint8], kind: Weights) -> tuple[Floats, Floats | None]:
    """``rows`` times the multipliers, and the squared multipliers (None: all 1)."""
    if kind == "rademacher":  # 2 c - 1: doubled after the product, which is smaller than the codes
        return 2 * (rows @ codes.astype(np.float64)) - rows.sum(axis=1, keepdims=True), None
    v = VALUES[kind][codes]
    return rows @ v, v * v


def _rows(form: Form) -> Floats:
    """All that is multiplied with the multipliers, [2 + 4 R, C]."""
    return np.concatenate(
        [form.scores[None], form.slope[None], form.pull, form.pull_slope,
         form.members.T * form.scores, form.members.T * form.slope]
    )  # fmt: skip


def _draws(form: Form, part: Floats, squared: Floats | None) -> Draws:
    r = form.members.shape[1]
    pull, pull_slope, own, own_slope = (part[2 + k * r : 2 + (k + 1) * r] for k in range(4))
    s, e = form.scores, form.slope
    if squared is None:
        ss, se, ee = (np.float64(a @ b) for a, b in ((s, s), (s, e), (e, e)))
    else:
        ss, se, ee = np.stack([s * s, s * e, e * e]) @ squared
    spread = form.members.T @ form.members
    far, far_slope = spread @ pull, spread @ pull_slope
    level = ss + np.einsum("rb,rb->b", pull, far - 2 * own)
    middle = se + np.einsum("rb,rb->b", pull, far_slope - own_slope) - np.einsum("rb,rb->b", pull_slope, own)
    top = ee + np.einsum("rb,rb->b", pull_slope, far_slope - 2 * own_slope)
    return Draws(part[0], part[1], level, middle, top)


def _joined(parts: list[Draws]) -> Draws:
    if len(parts) == 1:
        return parts[0]
    names = ("up", "up_slope", "level", "middle", "top")
    return Draws(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
