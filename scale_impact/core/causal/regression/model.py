"""Least squares of an outcome on an exposure and controls, and the same asked of many versions of the data at once.

By Frisch, Waugh and Lovell the exposure's coefficient is what is left of the outcome on what is left of the exposure, once
controls are taken out of both. What takes them out (``Model.basis``) is made once. A placebo exposure, another outcome or
one more covariate then costs one product with it, and weights (subsets, bootstraps) one small matrix a version, so that
hundreds of versions are a few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.fixed_effects import independent_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPLAINED = 1e-9
"""A column with less than this share of its spread left is explained by the others."""

ROUNDING = 1e-14
"""What is left below this share of the numbers themselves is their rounding, wherever their zero lies."""


EXACT = 1e-10
"""Residuals below this share of the outcome's spread are rounding."""


def negligible(values: Floats, share: float = 0.0) -> Floats:
    """The size (norm) under which what is left of values [..., n] is nothing: a share of their spread, and their own rounding."""
    spread = np.linalg.norm(values - values.mean(axis=-1, keepdims=True), axis=-1)
    return np.asarray(share * spread + ROUNDING * np.linalg.norm(values, axis=-1))


@dataclass(frozen=True, eq=False)
class Levels:
    """Members of a factor whose levels are taken out, such as units: ``codes`` [n] from 0 on."""

    codes: Ints

    @cached_property
    def order(self) -> Ints:
        """Rows by member."""
        return np.argsort(self.codes, kind="stable")

    @cached_property
    def starts(self) -> Ints:
        """Where each member's rows begin in ``order``."""
        return np.flatnonzero(np.diff(self.codes[self.order], prepend=-1))

    @cached_property
    def sizes(self) -> Floats:
        """Rows of each member."""
        return np.bincount(self.codes).astype(float)

    def __len__(self) -> int:
        return len(self.starts)

    def sums(self, values: Floats) -> Floats:
        """Sums over the rows of each member: [..., n] to [..., U]."""
        return np.asarray(np.add.reduceat(values[..., self.order], self.starts, axis=-1))

    def without(self, values: Floats, weights: Floats | None = None) -> Floats:
        """Values [..., n] less the mean of their member; a member without weight stays as it is."""
        size = self.sizes if weights is None else self.sums(weights)
        total = self.sums(values if weights is None else values * weights)
        return np.asarray(values - (total / np.where(size > 0, size, 1.0))[..., self.codes])


def levels_of(labels: NDArray[np.generic]) -> Levels:
    """Levels of a factor given by any labels [n]."""
    return Levels(np.unique(labels, return_inverse=True)[1].astype(np.int64))


@dataclass(frozen=True, eq=False)
class Model:
    """Least squares of ``outcome`` on ``exposure``, a constant, ``controls`` and, where given, levels of units.

    Attributes
    ----------
    outcome, exposure:
        [n].
    controls:
        [n, P], without a constant. Columns that the others explain are not used (``left_out``).
    levels:
        Members whose levels are taken out; None: one constant.
    """

    outcome: Floats
    exposure: Floats
    controls: Floats
    levels: Levels | None = None

    def __len__(self) -> int:
        return len(self.outcome)

    @cached_property
    def _plain(self) -> Floats:
        """Controls as rows [P, n], less their mean or the levels of units; zero where nothing is left.

        Held against their spread: a column far from zero (a year, an identifier) is no less a column. Centred twice, since the mean of
        large numbers has rounding of its own.
        """
        raw = np.ascontiguousarray(self.controls.T)
        rest = self._centred(self._centred(raw))
        rest[np.linalg.norm(rest, axis=1) <= negligible(raw, EXPLAINED)] = 0.0
        return rest

    def _centred(self, values: Floats) -> Floats:
        if self.levels is not None:
            return self.levels.without(values)
        return np.asarray(values - values.mean(axis=-1, keepdims=True))

    @cached_property
    def kept(self) -> Ints:
        """Positions of the controls that are used."""
        every = np.arange(len(self._plain))
        return independent_rows(self._plain, every) if len(every) else every

    @property
    def left_out(self) -> Ints:
        """Positions of controls that constant, levels and the controls before them explain."""
        return np.setdiff1d(np.arange(self.controls.shape[1]), self.kept)

    @cached_property
    def basis(self) -> Floats:
        """[n, R], orthonormal columns that span the controls less their mean (or the levels of units)."""
        return np.asarray(np.linalg.qr(self._plain[self.kept].T)[0]) if len(self.kept) else np.zeros((len(self), 0))

    def rest(self, values: Floats) -> Floats:
        """What controls leave of values [..., n]; taken out twice, so that what is left has no rounding of them."""
        left = self._centred(values)
        left = left - (left @ self.basis) @ self.basis.T
        return np.asarray(left - (left @ self.basis) @ self.basis.T)

    @cached_property
    def rest_exposure(self) -> Floats:
        """What controls leave of the exposure, [n]."""
        return self.rest(self.exposure)

    @cached_property
    def rest_outcome(self) -> Floats:
        """What controls leave of the outcome, [n]; exactly zero where that is rounding alone."""
        left = self.rest(self.outcome)
        return left if np.linalg.norm(left) > negligible(self.outcome) else np.zeros(len(self))

    @property
    def explained(self) -> bool:
        """Whether the controls explain the exposure: then there is no coefficient."""
        return bool(np.linalg.norm(self.rest_exposure) <= negligible(self.exposure, EXPLAINED))

    @property
    def exact(self) -> bool:
        """Whether each row is fitted exactly: what is left are rounding errors, of which there is no standard error."""
        return bool(np.linalg.norm(self.residuals) <= negligible(self.outcome, EXACT))

    @property
    def coefficient(self) -> float:
        """The exposure's coefficient, in units of the outcome a unit of exposure."""
        return float(self.rest_exposure @ self.rest_outcome / (self.rest_exposure @ self.rest_exposure))

    @cached_property
    def residuals(self) -> Floats:
        """[n]."""
        return np.asarray(self.rest_outcome - self.coefficient * self.rest_exposure)

    @property
    def n_coefficients(self) -> int:
        """All that is estimated: exposure, controls, and the constant or the levels."""
        return 1 + len(self.kept) + (1 if self.levels is None else len(self.levels))

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return len(self) - self.n_coefficients

    def weights(self) -> Floats:
        """What each row counts within its arm (exposure 0 or 1), [n]; some can be negative. They sum to 1 in each arm.

        Source: Chattopadhyay and Zubizarreta (2023), section 3.
        """
        share = self.rest_exposure / (self.rest_exposure @ self.rest_exposure)
        return np.asarray(np.where(self.exposure > 0, share, -share))
