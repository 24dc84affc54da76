"""Estimators of cohort x period effects by their definitions, observation by observation, to hold the package against."""

import numpy as np
import pandas as pd

# ---- what the definitions share ------------------------------------------------------------------


def event_time(frame):
    """Periods since treatment; NaN for the never treated."""
    return (frame["t"] - frame["g"]).replace(-np.inf, np.nan)


def effects_of(frame, effects, covariates=()):
    """Dummies of unit (or cohort) and period, and covariates."""
    dummies = [pd.get_dummies(frame[c]).to_numpy(float) for c in (effects, "t")]
    return np.hstack([*dummies, frame[list(covariates)].to_numpy(float)])


def by_cluster(scores, frame, cluster):
    """Scores [n, K] of observations, summed over clusters."""
    return pd.DataFrame(scores).groupby(frame[cluster].to_numpy()).sum().to_numpy()


def average_weights(frame, chosen):
    """Weights [n, K]: the mean over the observations of each mask."""
    return np.column_stack([np.asarray(c, float) / np.sum(c) for c in chosen])


# ---- imputation: Borusyak, Jaravel and Spiess (2024) ---------------------------------------------


def imputation(frame, targets, *, anticipation=0, effects="id", cluster="id", leave_one_out=False, covariates=()):
    """Estimates and covariance of sums of imputed effects with weights ``targets`` [n, K] on treated observations."""
    z, y = effects_of(frame, effects, covariates), frame["y"].to_numpy()
    free = (frame["t"] < frame["g"] - anticipation).to_numpy()
    inverse = np.linalg.pinv(z[free].T @ z[free])
    rest = y - z @ (inverse @ z[free].T @ y[free])
    weights = np.where(free[:, None], -z @ inverse @ z[~free].T @ targets[~free], targets)  # proposition A3
    scores = np.empty_like(weights)
    for k in range(weights.shape[1]):
        means = auxiliary(frame, rest, weights[:, k], free, leave_one_out)
        scores[:, k] = weights[:, k] * (rest - means)  # equation 7
    total = by_cluster(scores, frame, cluster)
    return targets[~free].T @ rest[~free], total.T @ total


def auxiliary(frame, effect, weight, free, leave_one_out):
    """Average effects by cohort and period, weighted by squared weights (equation 8); 0 where untreated."""
    found = np.zeros(len(frame))
    for rows in frame.groupby(["g", "t"]).indices.values():
        if free[rows[0]]:
            continue
        for row in rows:
            others = rows[rows != row] if leave_one_out else rows
            square = weight[others] ** 2
            found[row] = square @ effect[others] / square.sum() if square.sum() > 0 else 0.0
    return found


# ---- two stages: Gardner (2022) ------------------------------------------------------------------


def two_stage(frame, dummies, *, anticipation=0, effects="id", cluster="id", covariates=()):
    """Coefficients of the second stage's ``dummies`` [n, K] and their covariance by the method of moments."""
    z, y = effects_of(frame, effects, covariates), frame["y"].to_numpy()
    free = (frame["t"] < frame["g"] - anticipation).to_numpy()
    inverse = np.linalg.pinv(z[free].T @ z[free])
    rest = y - z @ (inverse @ z[free].T @ y[free])
    bread = np.linalg.inv(dummies.T @ dummies)
    coefficients = bread @ dummies.T @ rest
    second = dummies * (rest - dummies @ coefficients)[:, None]
    first = (z * (rest * free)[:, None]) @ (inverse @ z.T @ dummies)
    total = by_cluster((second - first) @ bread, frame, cluster)
    return coefficients, total.T @ total


# ---- least squares with a dummy for each cell ----------------------------------------------------


def least_squares(frame, regressors, *, effects="id", cluster="id", weights=None, nested=True):
    """Coefficients and clustered covariance with fixest's correction; effects of ``effects`` and period."""
    return regression(
        frame["y"].to_numpy(), np.column_stack([np.asarray(r, float) for r in regressors]),
        effects_of(frame, effects), frame[cluster].to_numpy(),
        frame["t"].nunique() + (0 if nested else frame[effects].nunique() - 1), weights,
    )  # fmt: skip


def regression(y, x, dummies, clusters, n_effects, weights=None):
    """Weighted least squares with dummies taken out; ``n_effects`` of them count in K."""
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    root = np.sqrt(w)[:, None]
    rest = lambda v: v - dummies @ np.linalg.lstsq(dummies * root, v * root, rcond=None)[0]  # noqa: E731
    x, y = rest(x), rest(y[:, None])[:, 0]
    bread = np.linalg.inv((x * w[:, None]).T @ x)
    coefficients = bread @ (x * w[:, None]).T @ y
    scores = pd.DataFrame(x * (w * (y - x @ coefficients))[:, None]).groupby(clusters).sum().to_numpy()
    n, k, groups = len(y), x.shape[1] + n_effects, len(scores)
    return coefficients, bread @ scores.T @ scores @ bread * (n - 1) / (n - k) * groups / (groups - 1)


def cell_dummies(frame, wanted):
    """One dummy for each cohort and period of the rows ``wanted``, and their labels."""
    labels = sorted({(g, t) for g, t in zip(frame["g"][wanted], frame["t"][wanted], strict=True)})
    return [((frame["g"] == g) & (frame["t"] == t)).to_numpy(float) for g, t in labels], labels
