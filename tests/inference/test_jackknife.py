"""The leave-one-cluster-out jackknife against least squares without each cluster."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference import jackknife
from tests.inference import overall
from tests.panels import NEVER, design_of, drawn, fitted, framed, panel_of


def refit(estimator, **options):
    return lambda p, d: si.estimate(estimator, p, d, **options)


def judged(estimator, frame, *, design=None, **options):
    chosen = design_of(frame, **(design or {}))
    again = refit(estimator)
    return overall(jackknife, chosen._panel, chosen, again, again(chosen._panel, chosen), **options)


def coefficient(frame):
    """Of treatment, by least squares on dummies."""
    dummies = [pd.get_dummies(frame[c]).to_numpy(float) for c in ("id", "t")]
    x = np.column_stack([(frame["t"] >= frame["g"]).to_numpy(float), *dummies])
    return np.linalg.lstsq(x, frame["y"], rcond=None)[0][0]


@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("centre", ["estimate", "mean"])
def test_the_standard_error_is_that_of_least_squares_without_each_cluster(cluster, centre):
    frame = drawn({2: 3, 4: 4, NEVER: 5}, 6, seed=3).assign(st=lambda f: "s" + (f["id"] % 5).astype(str))
    by = cluster or "id"
    each = np.array([coefficient(frame[frame[by] != c]) for c in sorted(frame[by].unique())])
    middle = coefficient(frame) if centre == "estimate" else each.mean()
    error = np.sqrt((len(each) - 1) / len(each) * ((each - middle) ** 2).sum())
    found = judged("twfe", frame, design={"cluster": cluster}, centre=centre)
    assert found.each == pytest.approx(each, rel=1e-9)
    assert found.std_error == pytest.approx(error, rel=1e-9)
    assert found.df == len(each) - 1
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.value / error), len(each) - 1), rel=1e-9)
    half = stats.t.ppf(0.95, len(each) - 1) * error
    assert found.interval(0.9) == pytest.approx((found.value - half, found.value + half), rel=1e-9)


def test_an_effect_carries_the_jackknifes_standard_error_and_degrees_of_freedom():
    frame = drawn({2: 3, 4: 4, NEVER: 5}, 6, seed=3)
    effect = fitted("callaway_santanna", frame, options={"inference": "jackknife"})
    plain = fitted("callaway_santanna", frame)
    row = effect.rows()[0]
    assert row["std_error"] == effect.overall.judged.std_error != plain.overall.std_error
    assert row["df"] == 11
    assert "leaves out each of 12 clusters (CV3), t(11)" in row["inference"]
    assert effect.path.at(1).std_error == effect.path.judged[effect.path.event_times.index(1)].std_error
    without = [
        fitted("callaway_santanna", frame[frame["id"] != u]).path.at(1).value for u in sorted(frame["id"].unique())
    ]
    error = np.sqrt(11 / 12 * ((np.array(without) - plain.path.at(1).value) ** 2).sum())
    assert effect.path.at(1).std_error == pytest.approx(error, rel=1e-8)  # moments are subtracted: rounding


def test_an_estimator_with_covariates_is_estimated_without_each_unit():
    frame = drawn({3: 4, NEVER: 6}, 5, seed=3)
    frame["x"] = frame["id"] % 5 + 0.1 * (frame["id"] ** 2 % 7)

    def effect(part):
        panel = panel_of(part, covariates=["x"])
        return si.estimate(
            "callaway_santanna",
            panel,
            si.Design.from_panel(panel, first_treated="g"),
            covariates=["x"],
            inference="jackknife",
        ).overall

    values = np.array([effect(frame[frame["id"] != u]).value for u in sorted(frame["id"].unique())])
    whole = effect(frame)
    assert whole.std_error == pytest.approx(np.sqrt(0.9 * ((values - whole.value) ** 2).sum()), rel=1e-8)


def test_the_only_treated_unit_cannot_be_left_out():
    with pytest.raises(EstimationError, match=r"without id .* there is no estimate. Use `inference: randomisation`"):
        judged("twfe", drawn({3: 1, NEVER: 8}, 5, seed=3))


def test_why_the_estimate_is_not_there_without_a_unit_is_told():
    frame = drawn({3: 3, NEVER: 5}, 5, seed=3)
    design = design_of(frame)

    def refit(p, d):
        if len(d.cohort_codes[d.cohort_codes >= 0]) < 8:
            raise EstimationError("eight units are too few.")
        return si.estimate("twfe", p, d)

    whole = refit(design._panel, design)
    with pytest.raises(EstimationError, match=r"there is no estimate \(eight units are too few\). Use"):
        overall(jackknife, design._panel, design, refit, whole)


def test_an_event_time_that_one_unit_reaches_keeps_its_analytic_interval():
    frame = drawn({2: 1, 4: 4, NEVER: 5}, 6, seed=3)
    path = fitted("callaway_santanna", frame, options={"inference": "jackknife"}).path
    assert path.judged[path.event_times.index(3)] is None
    assert path.judged[path.event_times.index(0)] is not None


def test_observations_that_stand_for_themselves_are_not_left_out_one_by_one(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    with pytest.raises(DesignError, match="Each observation stands for itself"):
        si.estimate("did_2x2", panel, design, inference="jackknife")


# ---- synthetic difference-in-differences: weights are kept ----------------------------------------------------------------


def without_each(frame, start):
    """Estimates without each unit, weights of periods kept and those of donors made to sum to one again."""
    found = fitted("synthetic_did", frame).counterfactual
    y, n = found.worlds.outcomes, int(found.sizes[0])
    w, v = found.donors.to_numpy()[:, 0], found.periods_weights.to_numpy()[:, 0]
    after = np.where(np.arange(y.shape[1]) >= start, 1 / (y.shape[1] - start), 0.0)
    values = []
    for out in range(len(y)):
        mine, others = np.arange(n) != out, np.arange(n, len(y)) != out
        apart = y[:n][mine].mean(axis=0) - (w * others / (w * others).sum()) @ y[n:]
        values.append(apart @ (after - v))
    return np.array(values)


@pytest.mark.parametrize("centre", ["estimate", "mean"])
def test_synthetic_did_keeps_its_weights(centre):
    frame = drawn({6: 4, NEVER: 8}, 9, seed=3)
    found = judged("synthetic_did", frame, centre=centre)
    each = without_each(frame, 6)
    middle = found.value if centre == "estimate" else each.mean()
    assert sorted(found.each) == pytest.approx(sorted(each), rel=1e-9)
    assert found.std_error == pytest.approx(np.sqrt(11 / 12 * ((each - middle) ** 2).sum()), rel=1e-9)
    assert found.df is None
    assert "weights kept, normal" in found.words


def test_synthdid_finds_the_same_standard_error():
    """synthdid-py 0.1.0 (as R's synthdid): 1.8098088960510195 for `se(method="jackknife")` of this panel."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=(25, 2)) @ rng.normal(size=(2, 20)).cumsum(1) + rng.normal(size=(25, 20)) * 0.7
    y = y + rng.normal(size=(25, 1)) * 3
    y[:4, 14:] += 1.5
    frame = framed(y, np.r_[np.full(4, 14.0), np.full(21, NEVER)])
    found = judged("synthetic_did", frame, centre="mean")
    assert found.value == pytest.approx(0.8818179796659504, rel=1e-9)
    assert found.std_error == pytest.approx(1.8098088960510195, rel=1e-9)


def test_rows_of_an_effect_of_several_dates_are_judged_together():
    frame = drawn({4: 3, 6: 2, NEVER: 8}, 9, seed=3)
    effect = fitted("synthetic_did", frame, options={"inference": "jackknife"})
    alone = fitted("synthetic_did", frame[frame["g"] != 6], options={"inference": "jackknife"}).overall
    first = effect.by_cohort[0]
    # units of the other date move nothing here, but are counted: 12/13 of the squares in place of 10/11
    assert first.std_error == pytest.approx(alone.std_error * np.sqrt(12 / 13 / (10 / 11)), rel=1e-6)


@pytest.mark.parametrize("sizes", [{6: 1, NEVER: 8}, {4: 3, 6: 1, NEVER: 8}])
def test_a_date_with_one_treated_unit_is_refused_where_other_packages_print_a_number(sizes):
    with pytest.raises(EstimationError, match=r"starts the measure alone.*no meaning. Use `inference: placebo`"):
        judged("synthetic_did", drawn(sizes, 9, seed=3))


def test_a_single_donor_with_weight_cannot_be_left_out():
    with pytest.raises(EstimationError, match=r"no donor with weight is left. Use `inference: placebo`"):
        judged("synthetic_did", drawn({6: 3, NEVER: 1}, 9, seed=3))


def test_the_only_treated_unit_of_synthetic_control_is_told_of_placebos():
    with pytest.raises(EstimationError, match=r"there is no estimate. Use `inference: placebo`"):
        judged("synthetic_control", drawn({6: 1, NEVER: 8}, 9, seed=3))
