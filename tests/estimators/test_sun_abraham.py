"""The interaction-weighted event study equals fixest's sunab, and least squares on dummy variables."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, UsageError
from tests.cells import cell_dummies, event_time, least_squares
from tests.panels import BEFORE, NEVER, averages, drawn, fitted, group_time, jackknifed, long, panel_of, reference

SIZES = {2: 5, 3: 6, NEVER: 9}
T = 6


def drawn_with_states(sizes=SIZES, seed=31):
    return drawn(sizes, T, seed).assign(st=lambda f: f["id"] // 2)


def by_dummies(frame, *, anticipation=0, control=NEVER, **options):
    """Coefficients and covariance of all cells but the references, and the cells."""
    wanted = (frame["g"] != control) & (event_time(frame) != -1 - anticipation)
    dummies, labels = cell_dummies(frame, wanted)
    return (*least_squares(frame, dummies, **options), labels)


def cells_equal(effect, coefficients, covariance, labels):
    cells = effect.cells
    found = list(zip(cells.cohorts, cells.periods, strict=True))
    at = [found.index(label) for label in labels]
    assert sorted(at) == list(range(len(found)))
    np.testing.assert_allclose(cells.values[at], coefficients, rtol=1e-9, atol=1e-11)  # lstsq has about 1e-13
    np.testing.assert_allclose(cells.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)


# ---- the numbers of fixest ---------------------------------------------------------------------------


def family_equals(family, expected, labels):
    for k, label in enumerate(labels):
        at = (family.event_times or family.cohorts).index(label)
        assert family[at].value == pytest.approx(expected["estimate"][k], rel=1e-8)
        assert family[at].std_error == pytest.approx(expected["se"][k], rel=1e-6)
        assert family[at].p_value == pytest.approx(expected["p"][k], rel=1e-4)
        assert family[at].interval() == pytest.approx((expected["ci_low"][k], expected["ci_high"][k]), rel=1e-6)
        assert family.df == expected["dof_t"]


def test_sunab_by_event_time(mpdta):
    expected, path = reference("mpdta", "sunab_full"), fitted("sun_abraham", mpdta).path
    family_equals(path, expected, [int(term.removeprefix("t::")) for term in expected["term"]])
    assert path.at(-1).reason == "the reference period: 0 by construction"


def test_sunab_att(mpdta):
    expected, overall = reference("mpdta", "sunab_att"), fitted("sun_abraham", mpdta).overall
    assert overall.value == pytest.approx(expected["estimate"], rel=1e-8)
    assert overall.std_error == pytest.approx(expected["se"], rel=1e-6)
    assert overall.interval() == pytest.approx((expected["ci_low"], expected["ci_high"]), rel=1e-6)


def test_sunab_by_cohort(mpdta):
    expected, family = reference("mpdta", "sunab_cohort"), fitted("sun_abraham", mpdta).by_cohort
    family_equals(family, expected, [int(term.removeprefix("cohort::")) for term in expected["term"]])


def test_sunab_without_aggregation(mpdta):
    expected, cells = reference("mpdta", "sunab_noagg"), fitted("sun_abraham", mpdta).cells
    theirs = {term: (b, se) for term, b, se in zip(expected["term"], expected["estimate"], expected["se"], strict=True)}
    assert len(theirs) == len(cells)
    for k in range(len(cells)):
        b, se = theirs[f"t::{cells.event_times[k]:.0f}:cohort::{cells.cohorts[k]}"]
        assert cells[k].value == pytest.approx(b, rel=1e-8)
        assert cells[k].std_error == pytest.approx(se, rel=1e-6)


# ---- dummy variables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("anticipation", [0, 1])
def test_dummy_variables(anticipation, cluster):
    frame = drawn_with_states()
    effect = fitted("sun_abraham", frame, anticipation=anticipation, cluster=cluster)
    cells_equal(effect, *by_dummies(frame, anticipation=anticipation, cluster=cluster))


@pytest.mark.parametrize("anticipation", [0, 1])
def test_without_never_treated_units_the_last_cohort_is_the_control_until_its_treatment(anticipation):
    frame = drawn_with_states({2: 5, 3: 6, 5: 4})
    effect = fitted("sun_abraham", frame, control="not_yet", anticipation=anticipation)
    seen = frame[frame["t"] < 5 - anticipation]
    cells_equal(effect, *by_dummies(seen, anticipation=anticipation, control=5))
    assert "Nobody is never treated: cohort 5 is the comparison, before its treatment." in effect.notes
    assert f"From {5 - anticipation} on nobody is untreated: no effect there." in effect.notes
    assert effect.sample.n_obs == len(seen)


def test_averages_count_observations_and_keep_the_cells_covariance():
    frame = drawn_with_states()
    effect = fitted("sun_abraham", frame)
    cells = effect.cells
    size = np.array([SIZES[g] for g in cells.cohorts])
    for family, key in ((effect.path, "event_times"), (effect.by_cohort, "cohorts"), (effect.by_period, "periods")):
        for k, label in enumerate(getattr(family, key)):
            inside = (np.array(getattr(cells, key)) == label) & (
                (np.array(cells.event_times) >= 0) | (key == "event_times")
            )
            if family.reasons[k] is None:
                w = inside * size / (inside * size).sum()
                assert family.values[k] == pytest.approx(w @ cells.values, rel=1e-10)
                assert family.variances[k] == pytest.approx(w @ cells.covariance @ w, rel=1e-10)


def test_in_repeated_cross_sections_cohorts_stand_in_for_units():
    frame = drawn_with_states().sample(frac=0.9, random_state=2).sort_values(["id", "t"], ignore_index=True)
    panel = panel_of(frame, unit=None)
    effect = si.estimate("sun_abraham", panel, si.Design.from_panel(panel, first_treated="g"))
    numbered = frame.assign(row=np.arange(len(frame)))
    cells_equal(effect, *by_dummies(numbered, effects="g", cluster="row", nested=False))
    pooled = fitted("sun_abraham", frame, balance="repeated_cross_sections")
    cells_equal(pooled, *by_dummies(frame, effects="g", cluster="id", nested=False))


# ---- shares ------------------------------------------------------------------------------------------


def test_estimated_shares_are_in_the_variance_as_in_callaway_and_sant_anna():
    """Without small-sample correction both are one estimator: changes since the last period before, never treated."""
    frame = drawn_with_states().sort_values(["id", "t"], ignore_index=True)
    effect = fitted("sun_abraham", frame, options={"shares": "estimated", "K_adj": False, "G_adj": False})
    y = frame["y"].to_numpy().reshape(-1, T)
    start = np.minimum(frame["g"].to_numpy()[::T], T).astype(int)

    def statistics(weight):
        effects = group_time(y, start, weight, base_period="universal")
        return np.array([averages(effects, start, weight)["simple"]])

    jackknife = jackknifed(statistics, np.ones_like(y), np.arange(len(y))[:, None])
    assert effect.overall.std_error == pytest.approx(np.sqrt(jackknife[0, 0]), rel=1e-6)  # of the jackknife's step
    assert "cohort shares estimated" in effect.inference


def test_shares_known_or_estimated_are_the_same_for_one_cohort():
    frame = drawn({2: 5, NEVER: 9}, T, seed=31)
    known, estimated = (fitted("sun_abraham", frame, options={"shares": s}) for s in ("fixed", "estimated"))
    np.testing.assert_allclose(known.path.covariance, estimated.path.covariance, rtol=1e-12, atol=1e-16)
    with pytest.raises(UsageError, match="shares is 'known'; it has to be fixed or estimated"):
        fitted("sun_abraham", frame, options={"shares": "known"})


# ---- beside others -----------------------------------------------------------------------------------


def test_estimates_are_callaway_and_sant_anna_s_with_a_universal_base(mpdta):
    ours, theirs = fitted("sun_abraham", mpdta), fitted("callaway_santanna", mpdta, base_period="universal")
    assert ours.path.event_times == theirs.path.event_times
    np.testing.assert_allclose(ours.path.values, theirs.path.values, atol=1e-12)
    assert ours.overall.value == pytest.approx(theirs.overall.value, rel=1e-11)


def test_weights_and_influence_give_estimate_and_standard_error(mpdta):
    effect = fitted("sun_abraham", mpdta)
    means = mpdta.assign(g=mpdta["g"].replace(0, 9999)).pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)
    assert np.sqrt((effect.influence.values**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)


def test_many_cells_have_the_variances_of_few(monkeypatch):
    from scale_impact.estimators import _cells

    for design in ({}, {"cluster": "st"}, {"anticipation": 1}):
        frame = drawn_with_states()
        few = fitted("sun_abraham", frame, **design).cells
        monkeypatch.setattr(_cells, "FULL_COVARIANCE", 3)
        many = fitted("sun_abraham", frame, **design).cells
        monkeypatch.undo()
        assert many.covariance is None
        np.testing.assert_allclose(many.variances, few.variances, rtol=1e-10)


# ---- what cannot be had --------------------------------------------------------------------------------


def test_effects_of_one_unit_have_no_standard_error():
    effect = fitted("sun_abraham", drawn({1: 1, 3: 6, NEVER: 9}, T, seed=31))
    assert effect.by_cohort[0].std_error is None
    assert "one treated or one control unit" in effect.by_cohort[0].reason
    assert effect.path.at(4).std_error is None
    assert effect.overall.std_error > 0
    assert any("read its standard error as a lower bound" in n for n in effect.notes)


def test_one_control_unit_leaves_no_standard_error():
    effect = fitted("sun_abraham", drawn({2: 6, NEVER: 1}, 5, seed=19))
    assert {e.std_error for e in (effect.overall, *effect.path, *effect.cells)} == {None}


def test_cohorts_without_a_period_before_are_left_out():
    frame = drawn({BEFORE: 3, 1: 4, 3: 5, NEVER: 6}, T, seed=3)
    effect = fitted("sun_abraham", frame, anticipation=1)
    alone = fitted("sun_abraham", frame[frame["g"] > 1], anticipation=1)
    assert effect.overall.value == pytest.approx(alone.overall.value, rel=1e-12)  # other order of sums
    assert effect.overall.std_error == pytest.approx(alone.overall.std_error, rel=1e-12)
    assert any(n.startswith("Cohort 1 (4 units) left out") for n in effect.notes)


def test_two_periods_are_the_difference_in_differences():
    frame = long({"Gary": [1, 5], "Muncie": [2, 7], "Peru": [4, 4], "Wabash": [1, 2]}, {"Gary": 2002, "Muncie": 2002})
    effect = fitted("sun_abraham", frame)
    assert effect.overall.value == pytest.approx(4.5 - 0.5, abs=1e-14)
    assert effect.overall.std_error == pytest.approx(fitted("twfe", frame).overall.std_error, rel=1e-12)


def test_the_comparison_is_said_where_the_design_asks_for_later_controls():
    frame = drawn(SIZES, T, seed=31)
    said = "The comparison are never-treated units alone, whatever `control` says."
    assert said in fitted("sun_abraham", frame, control="not_yet").notes
    assert said not in fitted("sun_abraham", frame).notes


def test_no_period_before_anticipation_is_refused():
    with pytest.raises(
        DesignError, match="No cohort can be compared with a period before treatment and its anticipation of 4"
    ):
        fitted("sun_abraham", drawn(SIZES, T, seed=1), anticipation=4)
