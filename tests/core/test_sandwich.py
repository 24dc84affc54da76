"""Covariances by name equal those of whole matrices: every dummy a column, every hat matrix formed."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.analysis import Analysis
from scale_impact.core.fixed_effects import treated_cells
from scale_impact.core.rows import Rows
from scale_impact.core.rows import regress as by_rows
from scale_impact.core.sandwich import MomentSums, corrected, corrected_cells, newey_west, usual_lags
from scale_impact.core.within import over_time, two_way
from tests.panels import NEVER, drawn, panel_of
from tests.sandwiches import dense

SIZES = {2: 5, 3: 6, NEVER: 9}
CLUSTERS = {
    "units": None,
    "pairs across cohorts": lambda f: f["id"] // 2,
    "two in each cohort": lambda f: f["g"].replace(NEVER, 99) * 10 + f["id"] % 2,
}


def regression(*, trends, clusters, covariates, sizes=SIZES, n_periods=6):
    """The same regression from sums and from whole matrices: treatment and two other regressors, and x and z."""
    frame = drawn(sizes, n_periods, seed=3).sort_values(["id", "t"], ignore_index=True)
    rng = np.random.default_rng(5)
    frame = frame.assign(x=rng.normal(size=len(frame)) + (frame["t"] >= frame["g"]), z=rng.normal(size=len(frame)))
    frame["c"] = frame["id"] if clusters is None else clusters(frame)
    panel = panel_of(frame)
    design = si.Design.from_panel(
        panel, first_treated="g", control="not_yet", cluster=None if clusters is None else "c"
    )
    analysis = Analysis.of(panel, design)
    moments = analysis.moments
    regressors = np.concatenate(
        [treated_cells(moments)[None].astype(float), rng.normal(size=(2, *moments.counts.shape))]
    )
    within = over_time(moments.clock, "unit" if trends else None)
    columns = [frame[c].to_numpy() for c in "xz"[: 2 * covariates]]
    rows = by_rows(Rows.of(analysis, columns, within), regressors, ["x", "z"]) if covariates else None
    sums = rows or MomentSums(moments, two_way(moments, regressors, within))
    cells = design.cohort_codes[panel.unit_codes], panel.period_codes
    return sums, dense(frame, [*(r[cells] for r in regressors), *columns], trends=trends), frame, moments


any_regression = pytest.mark.parametrize(
    ("trends", "clusters", "covariates"),
    [(t, c, k) for t in (False, True) for c in CLUSTERS for k in (False, True)],
    ids=lambda v: str(v),
)


@any_regression
def test_sums_are_those_of_all_dummies(trends, clusters, covariates):
    sums, slow, frame, _ = regression(trends=trends, clusters=CLUSTERS[clusters], covariates=covariates)
    assert sums.squares() == pytest.approx(slow.residual @ slow.residual, rel=1e-11)  # two least squares of 120 rows
    close = {"rtol": 1e-9, "atol": 1e-14}
    np.testing.assert_allclose(sums.by_observation(), slow.by(frame["id"], frame["t"]), **close)
    np.testing.assert_allclose(sums.by_period().T @ sums.by_period(), slow.by(frame["t"]), **close)
    np.testing.assert_allclose(sums.by_cluster(), slow.by(frame["c"]), **close)
    np.testing.assert_allclose(sums.by_cluster_and_period(), slow.by(frame["c"], frame["t"]), **close)


@any_regression
@pytest.mark.parametrize("power", [0.5, 1.0], ids=["CR2", "CR3"])
def test_corrections_are_those_of_the_whole_hat_matrix(trends, clusters, covariates, power):
    """Bell and McCaffrey (2002), Pustejovsky and Tipton (2018), with unit dummies in H though these lie in clusters."""
    sums, slow, frame, moments = regression(trends=trends, clusters=CLUSTERS[clusters], covariates=covariates)
    p = len(sums.bread)
    contrasts = np.vstack([np.eye(p), np.ones(p) / p])
    found = corrected(sums, contrasts, power)
    covariance, df = slow.corrected(frame["c"], power, contrasts)
    mine = found.covariance if found.covariance is not None else moments.covariance(sums.corrected_scores(power))
    np.testing.assert_allclose(mine, covariance, rtol=1e-8, atol=1e-14)  # square roots of nearly singular blocks
    np.testing.assert_allclose(found.df, df, rtol=1e-9)
    assert not found.alone.any()


def test_cr3_is_what_leaving_out_a_cluster_gives():
    sums, slow, frame, _ = regression(trends=False, clusters=CLUSTERS["pairs across cohorts"], covariates=True)
    moved = []
    for c in frame["c"].unique():
        rest = frame[frame["c"] != c]
        codes = {g: k for k, g in enumerate(sorted(frame["g"].unique()))}
        cells = rest["g"].map(codes).to_numpy(), rest["t"].to_numpy()
        rng = np.random.default_rng(5)
        rng.normal(size=len(frame)), rng.normal(size=len(frame))
        others = rng.normal(size=(2, 3, 6))
        regressors = [(rest["t"] >= rest["g"]), *(r[cells] for r in others), rest["x"], rest["z"]]
        moved.append(dense(rest, regressors).coefficients - slow.coefficients)
    moved = np.array(moved)
    np.testing.assert_allclose(corrected(sums, np.eye(5), 1.0).covariance, moved.T @ moved, rtol=1e-8, atol=1e-14)


def test_a_coefficient_that_rests_on_one_cluster_is_named():
    """All treated are one cluster, and regressors differ between the two cohorts only."""

    def clusters(frame):
        return np.where(frame["g"] == NEVER, frame["id"], -1)

    sums, *_ = regression(trends=False, clusters=clusters, covariates=False, sizes={2: 5, NEVER: 9})
    assert corrected(sums, np.eye(3), 0.5).alone.all()


def test_one_treated_unit_leaves_nothing_to_correct_with():
    sums, *_ = regression(trends=False, clusters=None, covariates=False, sizes={2: 1, NEVER: 9})
    assert corrected(sums, np.eye(3)[:1], 0.5).alone.all()


def test_cell_means_of_cross_sections_by_whole_matrices():
    """Observations in two cells and four clusters, one of them in one cell alone."""
    cell = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    cluster = np.array([0, 0, 1, 2, 0, 1, 1, 2, 3, 3])
    y = np.array([1.0, 3, 2, 7, 4, 1, 0, 5, 2, 8])
    x = np.stack([cell == 0, cell == 1], axis=1).astype(float)
    bread = np.linalg.inv(x.T @ x)
    e = y - x @ bread @ x.T @ y
    rest = np.eye(10) - x @ bread @ x.T
    signs = np.array([-1.0, 1.0])
    row = signs @ bread @ x.T
    for power in (0.5, 1.0):
        scores, parts = [], []
        for c in range(4):
            here = np.flatnonzero(cluster == c)
            values, vectors = np.linalg.eigh(rest[np.ix_(here, here)])
            weight = (vectors * values**-power) @ vectors.T
            scores.append(row[here] @ weight @ e[here])
            parts.append(row[here] @ weight @ rest[here])
        m = np.array(parts) @ np.array(parts).T
        counts, residuals = np.zeros((4, 2)), np.zeros((4, 2))
        np.add.at(counts, (cluster, cell), 1)
        np.add.at(residuals, (cluster, cell), e)
        found = corrected_cells(counts, residuals, signs, power)
        assert found.covariance[0, 0] == pytest.approx(np.sum(np.square(scores)), rel=1e-12)
        assert found.df[0] == pytest.approx(np.trace(m) ** 2 / (m * m).sum(), rel=1e-12)


def test_products_of_a_series_with_its_past_by_hand():
    # 1, 2, 4: squares 21; one period apart 1 x 2 + 2 x 4 = 10, twice, at half weight
    h = np.array([[1.0], [2.0], [4.0]])
    assert newey_west(h, 0) == 21
    assert newey_west(h, 1) == 21 + 10
    # two apart 1 x 4; weights 2/3 and 1/3
    assert newey_west(h, 2)[0, 0] == pytest.approx(21 + 2 * (10 * 2 / 3 + 4 / 3), rel=1e-15)


@pytest.mark.parametrize(("periods", "lags"), [(2, 1), (5, 1), (15, 1), (16, 2), (80, 2), (81, 3), (625, 5)])
def test_usual_lags_are_the_whole_part_of_the_fourth_root(periods, lags):
    assert usual_lags(periods) == lags
