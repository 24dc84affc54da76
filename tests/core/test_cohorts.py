"""Cohort moments: what they are, that they add up, and the variances that come from them."""

from dataclasses import replace

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.cluster_sums import UnitProducts
from scale_impact.core.cohorts import Cohorts, Scores, cohort_moments, leave_out
from scale_impact.errors import StreamedError
from tests.panels import NEVER, design_of, drawn, fitted, framed, panel_of

STARTS = np.array([2, 4, 6])  # T is 6: the last cohort is never treated


def outcomes(seed=0, n=(7, 9, 12), n_periods=6):
    """Random walks of units of three cohorts, in mixed order."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(len(n)), n))
    return rng.normal(size=(len(codes), n_periods)).cumsum(axis=1) + 5 * rng.normal(size=(len(codes), 1)), codes


def moments_equal(a, b, rel=1e-11):
    """Moments agree to what 64-bit sums over some dozens of units leave (about 100 ulp)."""
    size = max(np.abs(a.scatter).max(), 1e-300)
    assert np.array_equal(a.counts, b.counts)
    seen = a.counts > 0
    np.testing.assert_allclose(b.means[seen], a.means[seen], rtol=rel, atol=rel * np.abs(a.means).max())
    np.testing.assert_allclose(b.scatter, a.scatter, atol=rel * size, rtol=0)


def test_by_hand():
    y = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 5.0]])
    moments = Cohorts.from_matrix(y, np.array([0, 0, 1]), np.array([1, 2]))
    assert moments.units.tolist() == [2, 1]
    assert moments.means.tolist() == [[2, 4], [5, 5]]
    # deviations of the first cohort: (-1, -2) and (1, 2)
    assert moments.second_moments.tolist() == [[[1, 2], [2, 4]], [[0, 0], [0, 0]]]


def test_means_and_second_moments_are_those_of_numpy():
    y, codes = outcomes()
    moments = Cohorts.from_matrix(y, codes, STARTS)
    for g in range(3):
        part = y[codes == g]
        assert moments.units[g] == len(part)
        np.testing.assert_allclose(moments.means[g], part.mean(axis=0), rtol=1e-13)  # order of the sum
        np.testing.assert_allclose(
            moments.second_moments[g], np.cov(part.T, bias=True), rtol=1e-11
        )  # and of the products


def test_units_left_out_do_not_count():
    y, codes = outcomes()
    out = codes.copy()
    out[[0, 5, 11]] = -1
    kept = out >= 0
    moments_equal(Cohorts.from_matrix(y, out, STARTS), Cohorts.from_matrix(y[kept], codes[kept], STARTS))


def test_the_data_are_left_as_they_were():
    y, codes = outcomes()
    before = y.copy()
    Cohorts.from_matrix(y, codes, STARTS)
    assert np.array_equal(y, before)


def test_chunks_do_not_matter(monkeypatch):
    y, codes = outcomes(n=(150, 90, 160))
    whole = Cohorts.from_matrix(y, codes, STARTS)
    monkeypatch.setattr("scale_impact.core.cohorts.CHUNK_ELEMENTS", 100)
    moments_equal(Cohorts.from_matrix(y, codes, STARTS), whole)


def test_a_cohort_without_a_unit_is_empty_not_nan():
    y, codes = outcomes(n=(7, 0, 12))
    moments = Cohorts.from_matrix(y, codes, STARTS)
    assert moments.units.tolist() == [7, 0, 12]
    assert np.isfinite(moments.means).all()
    assert (moments.scatter[1] == 0).all()


# ---- addition ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 10, 14, 27])
def test_parts_of_a_panel_add_up_to_the_whole(cut):
    y, codes = outcomes()
    a, b = (Cohorts.from_matrix(y[part], codes[part], STARTS) for part in (slice(None, cut), slice(cut, None)))
    moments_equal(a + b, Cohorts.from_matrix(y, codes, STARTS))


def test_the_order_of_addition_does_not_matter():
    y, codes = outcomes()
    a, b, c = (
        Cohorts.from_matrix(y[part], codes[part], STARTS) for part in (slice(0, 8), slice(8, 17), slice(17, None))
    )
    moments_equal((a + b) + c, a + (b + c))
    moments_equal(a + b, b + a)


def test_a_part_without_a_cohort_adds_up():
    y, codes = outcomes()
    parts = [Cohorts.from_matrix(y[codes == g], codes[codes == g], STARTS) for g in range(3)]
    moments_equal(parts[0] + parts[1] + parts[2], Cohorts.from_matrix(y, codes, STARTS))


def test_adding_leaves_the_parts_as_they_were():
    y, codes = outcomes()
    a, b = (Cohorts.from_matrix(y[part], codes[part], STARTS) for part in (slice(None, 9), slice(9, None)))
    counts, centres, scatter = a.counts.copy(), a.centres.copy(), a.scatter.copy()
    _ = a + b
    assert np.array_equal(a.counts, counts)
    assert np.array_equal(a.centres, centres)
    assert np.array_equal(a.scatter, scatter)


def some_scores(shape, seed=9, cells=False):
    """Three arbitrary estimates with weights that sum to zero over time."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(3, *shape))
    return Scores(
        loadings - loadings.mean(axis=2, keepdims=True), rng.normal(size=(3, *shape) if cells else (3, shape[0]))
    )


def test_clusters_that_straddle_parts_add_up():
    y, codes = outcomes()
    clusters = np.arange(len(y)) % 5  # each cluster has units in both parts
    origin = np.zeros(6)
    make = lambda part: Cohorts.from_matrix(y[part], codes[part], STARTS, clusters=clusters[part], origin=origin)  # noqa: E731
    whole, total = make(slice(None)), make(slice(None, 11)) + make(slice(11, None))
    moments_equal(total, whole)
    assert total.n_clusters == whole.n_clusters == 5
    scores = some_scores((3, 6))
    np.testing.assert_allclose(
        total.covariance(scores), whole.covariance(scores), rtol=1e-10
    )  # products of sums of 28 units


def cells(seed=0, n=80):
    rng = np.random.default_rng(seed)
    codes, periods = rng.integers(0, 3, n), rng.integers(0, 6, n)
    return rng.normal(size=n) + periods, codes, periods


def test_cross_sections_are_those_of_numpy_cell_by_cell():
    y, codes, periods = cells()
    moments = Cohorts.from_cells(y, codes, periods, STARTS, clock=np.arange(6.0))
    for g in range(3):
        for t in range(6):
            part = y[(codes == g) & (periods == t)]
            assert moments.counts[g, t] == len(part)
            assert moments.means[g, t] == pytest.approx(
                part.mean() if len(part) else 0.0, rel=1e-12, abs=1e-12
            )  # order of the sum
            assert moments.second_moments[g, t, t] == pytest.approx(
                part.var() if len(part) else 0.0, rel=1e-11, abs=1e-12
            )


def test_cross_sections_add_up():
    y, codes, periods = cells()
    make = lambda part: Cohorts.from_cells(y[part], codes[part], periods[part], STARTS, clock=np.arange(6.0))  # noqa: E731
    moments_equal(make(slice(None, 31)) + make(slice(31, None)), make(slice(None)))


def test_cross_sections_with_clusters_that_straddle_parts_add_up():
    y, codes, periods = cells()
    clusters, origin = np.arange(len(y)) % 7, np.zeros(6)
    make = lambda part: Cohorts.from_cells(  # noqa: E731
        y[part], codes[part], periods[part], STARTS, clock=np.arange(6.0), clusters=clusters[part], origin=origin
    )
    whole, total = make(slice(None)), make(slice(None, 31)) + make(slice(31, None))
    moments_equal(total, whole)
    scores = some_scores((3, 6), cells=True)
    np.testing.assert_allclose(
        total.covariance(scores), whole.covariance(scores), rtol=1e-10
    )  # products of sums of 80 observations


@pytest.mark.parametrize(
    "other",
    [
        {"starts": np.array([2, 5, 6])},
        {"clock": np.arange(6.0) * 5},
        {"clusters": True},
    ],
)
def test_moments_of_different_cohorts_periods_or_clusters_do_not_add_up(other):
    y, codes = outcomes()
    if other.pop("clusters", None):
        other["clusters"] = np.arange(len(y)) % 4
    a = Cohorts.from_matrix(y, codes, STARTS)
    b = Cohorts.from_matrix(y, codes, **{"starts": STARTS, **other})
    with pytest.raises(ValueError, match="add up only over the same"):
        _ = a + b


def test_clusters_measured_from_different_paths_do_not_add_up():
    y, codes = outcomes()
    a, b = (
        Cohorts.from_matrix(y, codes, STARTS, clusters=np.arange(len(y)) % 4, origin=np.full(6, v)) for v in (0.0, 1.0)
    )
    with pytest.raises(ValueError, match="same `origin`"):
        _ = a + b


# ---- subtraction ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("clustered", [False, True])
def test_subtraction_undoes_addition(clustered):
    y, codes = outcomes()
    clusters = np.arange(len(y)) % 5 if clustered else None
    make = lambda part: Cohorts.from_matrix(  # noqa: E731
        y[part], codes[part], STARTS, clusters=None if clusters is None else clusters[part], origin=np.zeros(6)
    )
    a, b = make(slice(None, 17)), make(slice(17, None))
    rest = (a + b).subtract(b)
    moments_equal(rest, a)
    scores = some_scores((3, 6))
    np.testing.assert_allclose(
        rest.covariance(scores), a.covariance(scores), rtol=1e-9
    )  # a difference of sums of the same size


def test_a_whole_cohort_can_be_subtracted():
    y, codes = outcomes()
    whole, gone = Cohorts.from_matrix(y, codes, STARTS), Cohorts.from_matrix(y[codes == 1], codes[codes == 1], STARTS)
    rest = whole.subtract(gone)
    assert rest.units.tolist() == [7, 0, 12]
    moments_equal(
        rest.keep(np.array([0, 2])),
        Cohorts.from_matrix(y[codes != 1], codes[codes != 1], STARTS).keep(np.array([0, 2])),
    )


@pytest.mark.parametrize("balance", ["strict", "repeated_cross_sections"])
@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("who", [[0], [3, 8, 20]], ids=str)
def test_leaving_units_out_equals_the_panel_without_them(balance, cluster, who):
    options = {"balance": balance, "cluster": cluster}
    frame = drawn({2: 6, 3: 7, NEVER: 9}, 5, seed=4).assign(st=lambda f: f["id"] // 4)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g", **options)
    reduced = si.estimate("callaway_santanna", panel, leave_out(panel, design, np.array(who)))
    again = fitted("callaway_santanna", frame[~frame["id"].isin(who)], **options)
    # a downdate of sums over some twenty units of like size loses a digit or two of sixteen
    assert reduced.overall.value == pytest.approx(again.overall.value, rel=1e-11)
    assert reduced.overall.std_error == pytest.approx(again.overall.std_error, rel=1e-10)
    np.testing.assert_allclose(reduced.path.covariance, again.path.covariance, rtol=1e-9, atol=1e-12)
    assert reduced.sample == again.sample


def test_leaving_observations_out_of_cross_sections():
    frame = drawn({2: 9, NEVER: 12}, 4, seed=4)
    panel = panel_of(frame, unit=None)
    design = si.Design.from_panel(panel, first_treated="g")
    reduced = si.estimate("callaway_santanna", panel, leave_out(panel, design, np.array([5, 17])))
    less = panel_of(frame.drop(index=[5, 17]), unit=None)
    again = si.estimate("callaway_santanna", less, si.Design.from_panel(less, first_treated="g"))
    assert reduced.overall.value == pytest.approx(again.overall.value, rel=1e-11)  # a downdate of sums, as above
    assert reduced.overall.std_error == pytest.approx(again.overall.std_error, rel=1e-10)


def test_leaving_out_a_second_unit_after_a_first():
    frame = drawn({2: 6, 3: 7, NEVER: 9}, 5, seed=4)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g")
    one = leave_out(panel, design, np.array([0]))
    two = si.estimate("twfe", panel, leave_out(panel, one, np.array([1])))
    again = fitted("twfe", frame[frame["id"] > 1])
    assert two.overall.value == pytest.approx(again.overall.value, rel=1e-11)  # a downdate of sums, as above
    assert two.overall.std_error == pytest.approx(again.overall.std_error, rel=1e-10)


def test_moments_are_formed_once_for_a_panel_and_a_design():
    frame = drawn({2: 6, NEVER: 9}, 5, seed=4)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g")
    assert cohort_moments(panel, design) is cohort_moments(panel, design)


# ---- variances ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("clustered", [False, True])
def test_a_covariance_is_the_sum_of_products_of_the_units_scores(clustered):
    y, codes = outcomes()
    clusters = np.arange(len(y)) // 3 if clustered else None
    moments = Cohorts.from_matrix(y, codes, STARTS, clusters=clusters)
    scores = some_scores((3, 6))
    each = np.array([
        [scores.loadings[k, g] @ (path - y[codes == g].mean(axis=0)) + scores.offsets[k, g] for k in range(3)]
        for g, path in zip(codes, y, strict=True)
    ])  # fmt: skip
    if clustered:
        each = np.array([each[clusters == c].sum(axis=0) for c in np.unique(clusters)])
    np.testing.assert_allclose(moments.covariance(scores), each.T @ each, rtol=1e-11)  # sums of 28 units, other order
    np.testing.assert_allclose(moments.variance(scores), np.diag(each.T @ each), rtol=1e-11)


@pytest.mark.parametrize("clustered", [False, True])
def test_a_covariance_in_cross_sections_is_the_sum_of_products_of_the_observations_scores(clustered):
    y, codes, periods = cells()
    clusters = np.arange(len(y)) // 3 if clustered else None
    moments = Cohorts.from_cells(y, codes, periods, STARTS, clock=np.arange(6.0), clusters=clusters)
    scores = some_scores((3, 6), cells=True)
    mean = {(g, t): y[(codes == g) & (periods == t)].mean() for g, t in zip(codes, periods, strict=True)}
    each = np.array([
        scores.loadings[:, g, t] * (value - mean[g, t]) + scores.offsets[:, g, t]
        for value, g, t in zip(y, codes, periods, strict=True)
    ])  # fmt: skip
    if clustered:
        each = np.array([each[clusters == c].sum(axis=0) for c in np.unique(clusters)])
    np.testing.assert_allclose(
        moments.covariance(scores), each.T @ each, rtol=1e-11
    )  # sums of 80 observations, other order
    np.testing.assert_allclose(moments.variance(scores), np.diag(each.T @ each), rtol=1e-11)


def test_scores_are_linear():
    y, codes = outcomes()
    moments = Cohorts.from_matrix(y, codes, STARTS)
    scores, matrix = some_scores((3, 6)), np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 1.0]])
    np.testing.assert_allclose(
        moments.covariance(scores.map(matrix)), matrix @ moments.covariance(scores) @ matrix.T, rtol=1e-11
    )
    np.testing.assert_allclose(
        moments.covariance(scores.map(2 * np.eye(3))), 4 * moments.covariance(scores), rtol=1e-12
    )


# ---- clusters ------------------------------------------------------------------------------------------


def dense_sums(y, codes, clusters, origin, g=3):
    """Counts, sums and members of each cluster, cohort and period, one by one."""
    labels = np.unique(clusters)
    counts, sums = np.zeros((2, len(labels), g, y.shape[1]))
    for path, code, cluster in zip(y, codes, clusters, strict=True):
        at = np.searchsorted(labels, cluster)
        counts[at, code] += 1
        sums[at, code] += path - origin
    return counts, sums, counts[:, :, 0]


def test_sums_by_cluster_are_those_of_a_loop():
    y, codes = outcomes()
    clusters = np.arange(len(y)) % 5 * 10
    moments = Cohorts.from_matrix(y, codes, STARTS, clusters=clusters)
    counts, sums, members = dense_sums(y, codes, clusters, moments.origin)
    assert np.array_equal(moments.clusters.counts, counts)
    assert np.array_equal(moments.clusters.members, members)
    np.testing.assert_allclose(moments.clusters.sums, sums, rtol=1e-12, atol=1e-12)  # order of the sum
    assert moments.clusters.n_holding().tolist() == (members > 0).sum(axis=0).tolist()
    assert moments.clusters.n_touching(np.array([True, False, False])) == (members[:, 0] > 0).sum()


def test_many_clusters_take_room_for_the_pairs_that_there_are_only():
    rng = np.random.default_rng(0)
    y, codes, clusters = rng.normal(size=(20_000, 4)), rng.integers(0, 3, 20_000), np.arange(20_000) // 2
    moments = Cohorts.from_matrix(y, codes, np.array([1, 2, 4]), clusters=clusters)
    pairs = len({*zip(clusters.tolist(), codes.tolist(), strict=True)})
    assert moments.clusters.pair_sums.shape == (pairs, 4)
    scores = some_scores((3, 4))
    deviations = y - moments.means[codes]
    each = (
        np.einsum("nkt,nt->nk", scores.loadings[:, codes].transpose(1, 0, 2), deviations) + scores.offsets[:, codes].T
    )
    total = each[::2] + each[1::2]
    np.testing.assert_allclose(moments.covariance(scores), total.T @ total, rtol=1e-10)  # sums of 20,000 units


def test_blocks_of_clusters_do_not_matter(monkeypatch):
    y, codes = outcomes(n=(70, 90, 120))
    moments = Cohorts.from_matrix(y, codes, STARTS, clusters=np.arange(len(y)) % 41)
    scores = some_scores((3, 6))
    whole = moments.covariance(scores)
    monkeypatch.setattr("scale_impact.core.cluster_sums.BLOCK", 10)
    np.testing.assert_allclose(moments.covariance(scores), whole, rtol=1e-12)  # order of the sum


def test_products_of_units_stand_in_for_sums_by_unit():
    """Units in cross-sections, each a cluster of its own: the same covariance without an entry a unit."""
    y, codes, periods = cells(n=400)
    owners = np.sort(np.arange(400) % 90)
    codes = codes[np.searchsorted(owners, owners)]  # one cohort a unit
    key = np.unique(owners * 6 + periods, return_index=True)[1]
    y, codes, periods, owners = y[key], codes[key], periods[key], owners[key]
    make = lambda **more: Cohorts.from_cells(  # noqa: E731
        y, codes, periods, STARTS, clock=np.arange(6.0), owners=owners, origin=np.ones(6), **more
    )
    known = make(clusters=owners)
    first = np.unique(owners, return_index=True)[1]
    products = UnitProducts.of_cells(y - 1.0, periods, owners, codes[first], (3, 6))
    moments = replace(make(), clusters=products)
    scores = replace(some_scores((3, 6), cells=True), shares=np.random.default_rng(1).normal(size=(3, 3)))
    np.testing.assert_allclose(moments.covariance(scores), known.covariance(scores), rtol=1e-10)  # sums of 90 units
    assert moments.n_clusters == known.n_clusters == 90
    for seen in (np.arange(6) < 1, np.arange(6) < 2, np.ones(6, bool)):
        assert products.n_clusters(seen) == known.clusters.n_clusters(seen)
    assert products.n_touching(np.array([True, False, True])) == known.clusters.n_touching(
        np.array([True, False, True])
    )
    with pytest.raises(StreamedError):
        products.n_clusters(np.arange(6) < 3)


# ---- cohorts put together --------------------------------------------------------------------------------


@pytest.mark.parametrize("followed", [True, False])
@pytest.mark.parametrize("clustered", [False, True])
def test_cohorts_put_together_are_the_cohort_of_all_their_units(followed, clustered):
    into, starts = np.array([1, -1, 0, 1]), np.array([3, 6])
    y, codes = outcomes(n=(7, 5, 9, 12))
    clusters, origin = np.arange(len(y)) % 4 if clustered else None, np.arange(6.0)
    make = lambda codes, starts: Cohorts.from_matrix(y, codes, starts, clusters=clusters, origin=origin)  # noqa: E731
    if not followed:
        make = lambda codes, starts: Cohorts.from_cells(  # noqa: E731
            y[:, 0], codes, np.arange(len(y)) % 6, starts, clock=np.arange(6.0), clusters=clusters, origin=origin
        )
    joined, expected = make(codes, np.array([1, 2, 3, 6])).joined(into, starts), make(into[codes], starts)
    moments_equal(joined, expected)
    assert joined.units.tolist() == expected.units.tolist()
    scores = some_scores((2, 6), cells=not followed)
    np.testing.assert_allclose(joined.covariance(scores), expected.covariance(scores), rtol=1e-10)  # sums of 28 units


@pytest.mark.parametrize("followed", [True, False])
def test_a_path_added_to_all_outcomes_raises_the_means_alone(followed):
    y, codes = outcomes()
    path = np.array([5.0, 1.0, 0.0, -3.0, 2.0, 9.0])
    if followed:
        raised, expected = (
            Cohorts.from_matrix(y, codes, STARTS).raised(path),
            Cohorts.from_matrix(y + path, codes, STARTS),
        )
    else:
        periods = np.arange(len(y)) % 6
        make = lambda v: Cohorts.from_cells(v, codes, periods, STARTS, clock=np.arange(6.0))  # noqa: E731
        raised, expected = make(y[:, 0]).raised(path), make(y[:, 0] + path[periods])
    moments_equal(raised, expected)


# ---- large numbers -------------------------------------------------------------------------------------


def dyadic(seed, n_units=40):
    """Outcomes on a grid of 2**-18, so that adding whole numbers up to 2**30 is exact."""
    frame = drawn({2: n_units // 4, 3: n_units // 4, NEVER: n_units // 2}, 6, seed=seed)
    return frame.assign(y=np.round(frame["y"] * 2**18) / 2**18, st=frame["id"] // 3)


@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("name", ["callaway_santanna", "twfe", "event_study"])
def test_constants_of_a_thousand_million_a_unit_change_nothing(name, cluster):
    frame = dyadic(seed=1)
    constants = np.random.default_rng(2).integers(-(2**30), 2**30, 40).astype(float)
    raised = frame.assign(y=frame["y"] + constants[frame["id"]])
    a, b = fitted(name, frame, cluster=cluster).overall, fitted(name, raised, cluster=cluster).overall
    # levels of 1e9 leave 1e-7 of the outcome; means over ten units of a cohort a little less
    assert b.value == pytest.approx(a.value, abs=1e-7)
    assert b.std_error == pytest.approx(a.std_error, rel=1e-6)


@pytest.mark.parametrize("giant", [0, 39], ids=["giant first", "giant last"])
def test_a_giant_among_the_never_treated_costs_the_others_no_digits(giant):
    """One city a million times larger than the rest, wherever its rows lie."""
    y, codes = outcomes(n=(12, 12, 16))
    y, codes = y[np.argsort(codes)], np.sort(codes)
    alone = Cohorts.from_matrix(y[:12], codes[:12], STARTS)
    y[39] *= 1e6
    order = np.arange(40) if giant == 39 else np.roll(np.arange(40), 1)
    moments = Cohorts.from_matrix(y[order], codes[order], STARTS)
    # of sixteen digits, the shift by which sums are measured may cost four
    np.testing.assert_allclose(moments.second_moments[0], alone.second_moments[0], rtol=1e-9)


def test_moments_of_levels_of_a_thousand_million():
    y, codes = outcomes()
    y = np.round(y * 2**18) / 2**18
    raised = Cohorts.from_matrix(y + 2.0**30, codes, STARTS)
    plain = Cohorts.from_matrix(y, codes, STARTS)
    np.testing.assert_allclose(
        raised.second_moments, plain.second_moments, rtol=1e-9
    )  # sums are of differences, exact here


def test_a_part_far_from_the_rest_adds_up():
    y, codes = outcomes()
    a = Cohorts.from_matrix(y[:14], codes[:14], STARTS)
    b = Cohorts.from_matrix(y[14:] + 1e6, codes[14:], STARTS)
    both = np.vstack([y[:14], y[14:] + 1e6])
    moments_equal(a + b, Cohorts.from_matrix(both, codes, STARTS), rel=1e-10)  # levels of 1e6 leave ten digits


def test_many_units_at_once():
    rng = np.random.default_rng(0)
    y, codes = rng.normal(size=(200_000, 4)), rng.integers(0, 3, 200_000)
    moments = Cohorts.from_matrix(y, codes, np.array([1, 2, 4]))
    np.testing.assert_allclose(
        moments.second_moments[1], np.cov(y[codes == 1].T, bias=True), atol=1e-13
    )  # entries near 0 and 1


def test_periods_by_the_hundred():
    rng = np.random.default_rng(0)
    frame = framed(rng.normal(size=(30, 300)), np.repeat([100.0, 200.0, NEVER], 10))
    effect = fitted("callaway_santanna", frame)
    assert len(effect.cells) == 2 * 299
    assert effect.overall.std_error > 0
    assert design_of(frame).n_periods == 300
