"""The event study equals fixest, and least squares on dummy variables."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError
from tests.panels import NEVER, drawn, dummy_regression, fitted, long, panel_of, reference
from tests.sandwiches import dense

SIZES = {2: 5, 3: 6, NEVER: 9}


def elapsed(frame):
    return (frame["t"] - frame["g"]).replace(-np.inf, np.nan)


def by_dummies(frame, levels, *, covariates=(), times=None, **options):
    """Coefficients and covariance of the event times in `levels`."""
    times = elapsed(frame) if times is None else times
    coefficients, covariance = dummy_regression(
        frame, [*(times == e for e in levels), *(frame[c] for c in covariates)], **options
    )
    k = len(levels)
    return coefficients[:k], covariance[:k, :k]


def path_equals(path, levels, coefficients, covariance):
    at = [path.event_times.index(e) for e in levels]
    np.testing.assert_allclose(
        path.values[at], coefficients, rtol=1e-9, atol=1e-12
    )  # the dummies' least squares has about 1e-13
    np.testing.assert_allclose(path.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)


# ---- the numbers of fixest ------------------------------------------------------------------------------


def test_fixest_on_the_minimum_wage(mpdta):
    path = fitted("event_study", mpdta).path
    expected = reference("mpdta", "twfe_eventstudy")
    times = [int(term.removeprefix("rel::")) for term in expected["term"]]
    assert sorted([*times, -1]) == list(path.event_times)
    for k, e in enumerate(times):
        estimate = path.at(e)
        assert estimate.value == pytest.approx(expected["estimate"][k], rel=1e-8)  # the tolerances from here on
        assert estimate.std_error == pytest.approx(expected["se"][k], rel=1e-6)
        assert estimate.df == expected["dof_t"]
        assert estimate.p_value == pytest.approx(
            expected["p"][k], rel=1e-4
        )  # moves up to 20 times as fast as the standard error
        assert estimate.interval() == pytest.approx((expected["ci_low"][k], expected["ci_high"][k]), rel=1e-6)


def test_the_reference_period_is_zero_and_says_so(mpdta):
    reference_period = fitted("event_study", mpdta).path.at(-1)
    assert (reference_period.value, reference_period.std_error) == (0.0, None)
    assert reference_period.reason == "the reference period: 0 by construction"


def test_the_overall_effect_is_the_mean_from_event_time_zero_on(mpdta):
    effect = fitted("event_study", mpdta)
    after = np.array([e >= 0 for e in effect.path.event_times]) / 4
    assert effect.overall.value == pytest.approx(after @ effect.path.values, rel=1e-13)  # four numbers
    assert effect.overall.std_error == pytest.approx(np.sqrt(after @ effect.path.covariance @ after), rel=1e-12)


def test_the_weights_give_the_overall_effect(mpdta):
    effect = fitted("event_study", mpdta)
    means = mpdta.assign(g=mpdta["g"].replace(0, 9999)).pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(
        effect.overall.value, rel=1e-10
    )  # weights of both signs cancel


# ---- dummy variables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("K_fixef", ["nonnested", "full", "none"])
def test_dummy_variables(cluster, K_fixef):
    frame = drawn(SIZES, 6, seed=31).assign(st=lambda f: f["id"] // 2)
    levels = [-3, -2, 0, 1, 2, 3]
    path = fitted("event_study", frame, cluster=cluster, options={"K_fixef": K_fixef}).path
    assert list(path.event_times) == sorted([*levels, -1])
    path_equals(path, levels, *by_dummies(frame, levels, cluster=cluster, K_fixef=K_fixef))


def test_dummy_variables_with_a_covariate():
    frame = drawn(SIZES, 6, seed=31)
    frame = frame.assign(x=np.random.default_rng(1).normal(size=len(frame)), st=frame["id"] // 2)
    levels = [-3, -2, 0, 1, 2, 3]
    effect = fitted("event_study", frame, cluster="st", options={"covariates": ["x"]})
    path_equals(effect.path, levels, *by_dummies(frame, levels, covariates=["x"], cluster="st"))
    assert effect.weights is None


def test_a_covariate_that_explains_nothing_changes_nothing():
    frame = drawn(SIZES, 6, seed=31).sort_values(["id", "t"], ignore_index=True)
    levels = [-3, -2, 0, 1, 2, 3]
    columns = [
        frame["id"].to_numpy()[:, None] == range(20),
        frame["t"].to_numpy()[:, None] == range(6),
        elapsed(frame).to_numpy()[:, None] == levels,
    ]
    others = np.column_stack([*columns, frame["y"]]).astype(float)
    z = np.random.default_rng(1).normal(size=len(frame))
    frame["rest"] = z - others @ np.linalg.lstsq(others, z, rcond=None)[0]
    plain, held = fitted("event_study", frame).path, fitted("event_study", frame, options={"covariates": ["rest"]}).path
    np.testing.assert_allclose(held.values, plain.values, rtol=1e-9, atol=1e-12)  # orthogonal to about 1e-13
    # one more coefficient in K: (n - K) is 120 - 12, then 120 - 13
    np.testing.assert_allclose(held.covariance, plain.covariance * 108 / 107, rtol=1e-8, atol=1e-12)


def test_anticipation_moves_the_reference():
    frame = drawn(SIZES, 6, seed=31)
    effect = fitted("event_study", frame, anticipation=1)
    assert effect.path.at(-2).reason == "the reference period: 0 by construction"
    levels = [-3, -1, 0, 1, 2, 3]
    path_equals(effect.path, levels, *by_dummies(frame, levels))


def test_anticipation_counts_periods_where_these_are_not_years():
    frame = drawn({3: 5, NEVER: 9}, 6, seed=31)
    census = frame.assign(t=1970 + 10 * frame["t"], g=1970 + 10 * frame["g"])
    study, path = (
        fitted(name, census, anticipation=1, base_period="universal").path
        for name in ("event_study", "callaway_santanna")
    )
    assert study.event_times == path.event_times == (-30, -20, -10, 0, 10, 20)
    # with one date the two are one: the reference is the last period that is not anticipated, 20 years before
    np.testing.assert_allclose(study.values, path.values, rtol=1e-9, atol=1e-12)  # two ways of summing
    assert study.at(-20).value == 0.0


@pytest.mark.parametrize("window", [(-2, 1), (-3, 3), (-2, 0), (-10, 10)])
def test_event_times_beyond_the_window_count_with_its_ends(window):
    frame = drawn(SIZES, 7, seed=31)
    binned = elapsed(frame).clip(*window)
    levels = sorted({int(e) for e in binned.dropna()} - {-1})
    effect = fitted("event_study", frame, options={"window": window})
    assert list(effect.path.event_times) == sorted([*levels, -1])
    path_equals(effect.path, levels, *by_dummies(frame, levels, times=binned))
    assert f"Event times before {window[0]} and after {window[1]} are counted with these ends." in effect.notes


@pytest.mark.parametrize(
    ("sizes", "levels", "words"),
    [
        ({2: 5, 3: 6}, [-2, 0, 1, 2, 3], "Event time -3 is a second reference"),
        # dates two years apart do not tell odd from even event times either
        ({2: 5, 4: 6}, [-2, 0, 1, 2, 3], "Event times -4, -3 are references too"),
    ],
)
def test_without_never_treated_units_further_references_are_named(sizes, levels, words):
    frame = drawn(sizes, 6, seed=31)
    effect = fitted("event_study", frame, control="not_yet")
    note = f"{words}: without never-treated units a trend in event time cannot be told apart."
    assert note in effect.notes
    assert list(effect.path.event_times) == sorted([*levels, -1])
    path_equals(effect.path, levels, *by_dummies(frame, levels))


def test_several_dates_are_warned_of(mpdta):
    (note,) = [n for n in fitted("event_study", mpdta).notes if "mix event times" in n]
    assert note.startswith("3 adoption dates (2004, 2006, 2007)")


# ---- covariances by name, and unit trends, from whole matrices ---------------------------------------------

LEVELS = [-3, -2, 0, 1, 2, 3]
AFTER = np.array([0, 0, 1, 1, 1, 1]) / 4


def with_covariate():
    frame = drawn(SIZES, 6, seed=31).sort_values(["id", "t"], ignore_index=True)
    return frame.assign(x=np.random.default_rng(1).normal(size=len(frame)), st=frame["id"] // 2)


@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize(("vcov", "power", "factor"), [("CR2", 0.5, 1), ("CR3", 1, 1), ("jackknife", 1, None)])
def test_corrected_covariances_from_whole_matrices(vcov, power, factor, cluster, covariates):
    frame = with_covariate()
    slow = dense(frame, [*(elapsed(frame) == e for e in LEVELS), *(frame[c] for c in covariates)])
    overall = np.concatenate([AFTER, np.zeros(len(covariates))])
    contrasts = np.vstack([np.eye(len(overall))[:6], overall])
    covariance, df = slow.corrected(frame[cluster], power, contrasts)
    g = frame[cluster].nunique()
    covariance = contrasts @ covariance @ contrasts.T * (factor or (g - 1) / g)
    effect = fitted("event_study", frame, cluster=cluster, options={"vcov": vcov, "covariates": covariates})
    path_equals(effect.path, LEVELS, slow.coefficients[:6], covariance[:6, :6])
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[6, 6]), rel=1e-8)
    expected = df if vcov == "CR2" else np.full(7, g - 1.0)
    found = [*(effect.path.at(e).df for e in LEVELS), effect.overall.df]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert effect.path.df == pytest.approx(expected[:6].min(), rel=1e-9)  # for tests of several at once


@pytest.mark.parametrize("vcov", ["iid", "HC1", "twoway", "driscoll_kraay"])
@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
def test_other_covariances_from_whole_matrices(vcov, covariates):
    frame = with_covariate()
    slow = dense(frame, [*(elapsed(frame) == e for e in LEVELS), *(frame[c] for c in covariates)])
    n, full = len(frame), slow.rank
    two = slow.by(frame["id"]) + slow.by(frame["t"]) - slow.by(frame["id"], frame["t"])
    covariance = {
        "iid": slow.iid() / (n - full),
        "HC1": slow.by(frame["id"], frame["t"]) * n / (n - full),
        "twoway": two * (n - 1) / (n - len(slow.coefficients) - 1) * 6 / 5,
        "driscoll_kraay": slow.driscoll_kraay(frame["t"], 1) * (n - 1) / (n - full) * 6 / 5,
    }[vcov][:6, :6]
    path = fitted("event_study", frame, options={"vcov": vcov, "covariates": covariates}).path
    path_equals(path, LEVELS, slow.coefficients[:6], covariance)
    for e, variance in zip(LEVELS, np.diag(covariance), strict=True):
        assert (path.at(e).std_error is None) == (variance <= 0)
        assert variance > 0 or "two-way clusters is not positive" in path.at(e).reason


@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
def test_with_unit_trends_the_first_lead_is_a_reference_too(covariates):
    frame = with_covariate()
    levels = [-2, 0, 1, 2, 3]
    slow = dense(frame, [*(elapsed(frame) == e for e in levels), *(frame[c] for c in covariates)], trends=True)
    effect = fitted("event_study", frame, options={"trends": "unit", "covariates": covariates, "vcov": "CR0"})
    assert list(effect.path.event_times) == [-2, -1, 0, 1, 2, 3]
    path_equals(effect.path, levels, slow.coefficients[:5], slow.by(frame["id"])[:5, :5])
    assert (
        "Event time -3 is a second reference: with unit trends a trend in event time cannot be told apart."
        in effect.notes
    )
    assert any(note.startswith("Each unit has its own linear trend") for note in effect.notes)


def test_unit_trends_need_two_periods_before_treatment():
    frame = drawn({1: 6, NEVER: 9}, 6, seed=31)
    with pytest.raises(DesignError, match="event_study with unit trends needs two periods before treatment"):
        fitted("event_study", frame, options={"trends": "unit"})


@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
def test_influence_is_that_of_path_and_overall(covariates):
    frame = with_covariate()
    effect = fitted("event_study", frame, cluster="st", options={"covariates": covariates})
    path = effect.path
    np.testing.assert_allclose(path.influence.covariance(), path.covariance, rtol=1e-9, atol=1e-14)
    assert effect.influence.covariance()[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-9)


# ---- what cannot be had -------------------------------------------------------------------------------------


def test_with_one_date_and_two_periods_the_path_has_one_effect():
    path = fitted(
        "event_study",
        long({"Gary": [1, 5], "Muncie": [2, 7], "Peru": [4, 4], "Wabash": [1, 2]}, {"Gary": 2002, "Muncie": 2002}),
    ).path
    assert path.event_times == (-1, 0)
    assert path.at(0).value == pytest.approx(4.5 - 0.5, abs=1e-14)  # eight small numbers


def test_an_event_time_that_one_unit_reaches_has_no_standard_error():
    """As callaway_santanna has it: the unit's own variation cannot be seen."""
    frame = drawn({1: 1, 3: 6, NEVER: 9}, 6, seed=31)
    path = fitted("event_study", frame).path
    for e in (3, 4):  # 2004 and 2005 of the unit treated in 2001
        assert path.at(e).std_error is None
        assert "one treated" in path.at(e).reason
    assert path.at(2).std_error > 0


def test_one_treated_unit_has_no_standard_error_anywhere():
    effect = fitted("event_study", drawn({2: 1, NEVER: 9}, 5, seed=19))
    for estimate in [effect.overall, *effect.path]:
        assert estimate.value is not None
        assert estimate.std_error is None
        assert estimate.reason


@pytest.mark.parametrize("window", [(0, 3), (-3, -1), (-1, 2, 3), (-3,)])
def test_a_window_holds_a_time_before_and_a_time_after(window):
    with pytest.raises(DesignError, match=r"it has to be \[first, last\] event time with first < 0 <= last"):
        fitted("event_study", drawn(SIZES, 6, seed=1), options={"window": window})


def test_a_window_holds_the_reference_period():
    with pytest.raises(DesignError, match=r"window starts at -1, after the reference period -2. Start it earlier."):
        fitted("event_study", drawn(SIZES, 6, seed=1), anticipation=1, options={"window": (-1, 2)})


def test_no_period_before_treatment_is_refused():
    with pytest.raises(DesignError, match="No period lies before treatment and its anticipation of 4"):
        fitted("event_study", drawn(SIZES, 6, seed=1), anticipation=4)


def test_cross_sections_are_refused_with_what_to_use():
    panel = panel_of(drawn(SIZES, 5, seed=1), unit=None)
    with pytest.raises(
        DesignError, match=r"event_study needs a balanced panel of units followed over time. Use did_2x2"
    ):
        si.estimate("event_study", panel, si.Design.from_panel(panel, first_treated="g"))


def test_nobody_left_to_compare_with_is_refused():
    panel = panel_of(drawn({1: 4, NEVER: 3}, 2, seed=5))
    design = si.Design.from_panel(panel, first_treated="g")
    alone = design.without(np.flatnonzero(design.cohort_codes == design.never_treated))
    with pytest.raises(DesignError, match=r"nobody is left to compare with. Add units that are not treated"):
        si.estimate("event_study", panel, alone)
