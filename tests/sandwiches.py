"""Covariances of a regression the slow and plain way: every dummy a column, every matrix whole."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Dense:
    """A regression on regressors, unit and period dummies, and unit trends where asked for."""

    coefficients: np.ndarray
    residual: np.ndarray
    rows: np.ndarray  # [P, n]: coefficient = rows @ y
    hat: np.ndarray
    rank: int

    def by(self, *columns):
        """Covariance by clusters, without small-sample correction."""
        codes = pd.factorize(pd.MultiIndex.from_arrays(columns))[0]
        scores = np.array([np.bincount(codes, r * self.residual) for r in self.rows])
        return scores @ scores.T

    def iid(self):
        return self.rows @ self.rows.T * (self.residual @ self.residual)

    def driscoll_kraay(self, periods, lags):
        codes = pd.factorize(np.asarray(periods), sort=True)[0]
        h = np.array([np.bincount(codes, r * self.residual) for r in self.rows])
        total = h @ h.T
        for lag in range(1, lags + 1):
            both = h[:, lag:] @ h[:, :-lag].T
            total += (1 - lag / (lags + 1)) * (both + both.T)
        return total

    def corrected(self, cluster, power, contrasts=None):
        """CR2 (power 1/2) or CR3 (power 1) and Satterthwaite degrees of freedom, from whole matrices.

        Source: Bell and McCaffrey (2002); Pustejovsky and Tipton (2018), equations 6, 9 and 11.
        """
        codes = pd.factorize(np.asarray(cluster))[0]
        rest = np.eye(len(codes)) - self.hat
        contrasts = np.eye(len(self.rows)) if contrasts is None else contrasts
        scores, parts = [], []
        for c in range(codes.max() + 1):
            here = np.flatnonzero(codes == c)
            weight = inverse_power(rest[np.ix_(here, here)], power)
            scores.append(self.rows[:, here] @ weight @ self.residual[here])
            parts.append(contrasts @ self.rows[:, here] @ weight @ rest[here])
        scores, parts = np.array(scores), np.array(parts)  # [C, P], [C, K, n]
        df = []
        for k in range(len(contrasts)):
            m = parts[:, k] @ parts[:, k].T
            df.append(np.trace(m) ** 2 / (m * m).sum())
        return scores.T @ scores, np.array(df)


def inverse_power(matrix, power):
    """Moore-Penrose power of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-9
    return (vectors[:, kept] * values[kept] ** -power) @ vectors[:, kept].T


def dense(frame, regressors, *, trends=False, y="y"):
    """The regression with a column for each unit and period (and unit times period)."""
    units, periods = (pd.get_dummies(frame[c]).to_numpy(float) for c in ("id", "t"))
    blocks = [units, periods]
    if trends:
        blocks.append(units * (frame["t"].to_numpy(float) - frame["t"].mean())[:, None])
    effects = np.hstack(blocks)
    basis, sizes, _ = np.linalg.svd(effects, full_matrices=False)
    basis = basis[:, sizes > 1e-9 * sizes[0]]
    x = np.column_stack([np.asarray(r, float) for r in regressors])
    x = x - basis @ (basis.T @ x)
    rows = np.linalg.solve(x.T @ x, x.T)
    outcome = frame[y].to_numpy(float)
    whole = outcome - basis @ (basis.T @ outcome)
    coefficients = rows @ whole
    return Dense(coefficients, whole - x @ coefficients, rows, basis @ basis.T + x @ rows, basis.shape[1] + x.shape[1])
