"""The wild cluster bootstrap against wildboottest, and against its definition with dummies, pattern by pattern."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.targets import targets_of
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference import wild_bootstrap
from tests.inference import overall
from tests.panels import NEVER, design_of, drawn, fitted, framed, long, panel_of, reference


def refit(estimator, **options):
    return lambda p, d: si.estimate(estimator, p, d, **options)


def judged(estimator, frame, *, design=None, **options):
    """The judgement of the overall effect."""
    chosen = design_of(frame, **(design or {}))
    again = refit(estimator)
    return overall(wild_bootstrap, chosen._panel, chosen, again, again(chosen._panel, chosen), **options)


# ---- a published implementation ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def twelve_cities(ezunem):
    frame = ezunem[ezunem["city"] <= 12]
    panel = si.Panel.from_frame(frame, unit="city", period="year", outcome="luclms")
    return panel, si.Design.from_panel(panel, treated="ez")


@pytest.mark.parametrize("imposed", [True, False])
@pytest.mark.parametrize(
    ("estimator", "label"), [("twfe", "ez"), ("event_study", -3), ("event_study", 0), ("event_study", 2)]
)
def test_wildboottest_counts_as_many_sign_patterns(twelve_cities, estimator, label, imposed):
    panel, design = twelve_cities
    theirs = reference("wildboottest", f"{estimator}_{label}")["WCR" if imposed else "WCU"]
    again = refit(estimator)
    effect = again(panel, design)
    targets = targets_of(effect, panel, design, again)
    found = wild_bootstrap.judge(
        panel, design, again, effect, targets, weights="rademacher", null_imposed=imposed, count_observed=False
    )
    k = 0 if label == "ez" else 1 + [e for e in effect.path.event_times if e != -1].index(label)
    assert found[k].p_value * theirs["patterns"] == pytest.approx(theirs["more_extreme"], abs=1e-6)


# ---- the definition, with dummies --------------------------------------------------------------------


class Plain:
    """Least squares on dummies, and its wild bootstrap over all sign patterns."""

    def __init__(self, frame, regressors, cluster="id"):
        dummies = [pd.get_dummies(frame[c]).to_numpy(float) for c in ("id", "t")]
        self.x = np.column_stack([*regressors, *dummies])
        self.y, self.p = frame["y"].to_numpy(), len(regressors)
        self.c = pd.get_dummies(frame[cluster]).to_numpy(float)
        self.bread = np.linalg.pinv(self.x.T @ self.x)

    def t(self, y, combination, null):
        beta = self.bread @ self.x.T @ y
        r = np.r_[combination, np.zeros(self.x.shape[1] - self.p)]
        scores = self.c.T @ ((self.x @ (self.bread @ r)) * (y - self.x @ beta))
        return (r @ beta - null) / np.sqrt(scores @ scores)

    def p_value(self, combination, null, imposed=True):
        beta = self.bread @ self.x.T @ self.y
        r = np.r_[combination, np.zeros(self.x.shape[1] - self.p)]
        gap = (r @ beta - null) / (r @ self.bread @ r) if imposed else 0.0
        fit = self.x @ (beta - self.bread @ r * gap)
        centre = null if imposed else r @ beta
        wild = [
            self.t(fit + (self.c @ np.array(v)) * (self.y - fit), combination, centre)
            for v in product([-1.0, 1.0], repeat=self.c.shape[1])
        ]
        return np.mean(np.abs(wild) >= abs(self.t(self.y, combination, null)) * (1 - 1e-9))


def staggered(seed=4):
    return drawn({2: 2, 3: 2, NEVER: 4}, 5, seed=seed)


def test_two_way_fixed_effects_pattern_by_pattern_at_any_null():
    frame = staggered()
    plain = Plain(frame, [(frame["t"] >= frame["g"]).to_numpy(float)])
    found = judged("twfe", frame, weights="rademacher")
    for null in (0.0, 0.7, -3.0):
        assert found.p_of(null) == pytest.approx(plain.p_value([1.0], null), abs=1e-12)


def test_the_mean_of_coefficients_and_clusters_above_the_unit():
    frame = drawn({2: 8, NEVER: 8}, 4, seed=2).assign(st=lambda f: "s" + (f["id"] % 7).astype(str))
    since = frame["t"] - frame["g"]
    plain = Plain(frame, [(since == e).to_numpy(float) for e in (-2, 0, 1)], "st")
    found = judged("event_study", frame, design={"cluster": "st"}, weights="rademacher")
    for null in (0.0, 0.5):
        assert found.p_of(null) == pytest.approx(plain.p_value([0, 0.5, 0.5], null), abs=1e-12)


def test_an_interval_holds_what_the_test_does_not_reject():
    frame = staggered()
    plain = Plain(frame, [(frame["t"] >= frame["g"]).to_numpy(float)])
    for level in (0.8, 0.95):
        low, high = judged("twfe", frame, weights="rademacher").interval(level)
        step = 1e-5 * (high - low)
        assert plain.p_value([1.0], low + step) > 1 - level >= plain.p_value([1.0], low - step)
        assert plain.p_value([1.0], high - step) > 1 - level >= plain.p_value([1.0], high + step)


def demeaned(values, frame):
    """Without effects of units and periods, balanced."""
    wide = frame.assign(v=values).pivot(index="id", columns="t", values="v").to_numpy()
    return wide - wide.mean(1, keepdims=True) - wide.mean(0) + wide.mean()


@pytest.mark.parametrize("estimator", ["callaway_santanna", "imputation", "sun_abraham"])
@pytest.mark.parametrize("null", [0.0, 1.2])
def test_other_linear_estimators_are_applied_to_the_wild_data(estimator, null):
    """Several dates: two-way effects fitted to y - tau D; the estimator itself is applied to each wild sample."""
    frame = drawn({1: 1, 2: 2, NEVER: 3}, 4, seed=6).sort_values(["id", "t"])
    treated = (frame["t"] >= frame["g"]).to_numpy(float)
    wide = (6, 4)
    d = demeaned(treated, frame)
    effect = fitted(estimator, frame)
    cohorts = [1.0, 2.0, np.inf]
    own = frame.groupby("id")["g"].first().to_numpy()
    sizes = np.array([(own == g).sum() for g in cohorts])
    rows = [{"1": 0, "2": 1, "never treated": 2}[name] for name in effect.weights.index]
    loadings = (effect.weights.to_numpy() / sizes[rows][:, None])[np.argsort(rows)]
    mine = loadings[[cohorts.index(g) for g in own]]

    def statistic(y, centre):
        again = frame.assign(y=y.ravel())
        value = fitted(estimator, again).overall.value
        scores = (mine * (demeaned(again["y"], frame) - value * d)).sum(axis=1)
        return (value - centre) / np.sqrt((scores**2).sum())

    y = frame["y"].to_numpy().reshape(wide)
    residual = demeaned(frame["y"] - null * treated, frame)
    wild = [
        statistic(y - residual + np.array(v)[:, None] * residual, null)
        for v in product([-1.0, 1.0], repeat=6)
        if v[0] == 1
    ]
    expected = np.mean(np.abs(wild) >= abs(statistic(y, null)) * (1 - 1e-9))
    assert judged(estimator, frame, weights="rademacher").p_of(null) == pytest.approx(expected, abs=1e-12)


def test_an_effect_at_an_event_time_leaves_the_others_free():
    """The model under the null holds a dummy for each other event time from 0 on."""
    frame = drawn({1: 2, 2: 2, NEVER: 3}, 4, seed=6).sort_values(["id", "t"])
    since = (frame["t"] - frame["g"]).to_numpy()
    dummies = np.column_stack([pd.get_dummies(frame[c]).to_numpy(float) for c in ("id", "t")])
    x = np.column_stack([dummies, since == 0, since == 2]).astype(float)
    project = np.eye(len(frame)) - x @ np.linalg.pinv(x)
    own = (since == 1).astype(float)
    design = design_of(frame)
    again = refit("callaway_santanna")
    effect = again(design._panel, design)
    at = effect.path.event_times.index(1)
    mine = np.repeat(effect.path.weights[at], [2, 2, 3], axis=0) / np.repeat([2, 2, 3], [2, 2, 3])[:, None]
    order = np.argsort(frame.groupby("id")["g"].first().to_numpy(), kind="stable")
    loadings = np.empty((7, 4))
    loadings[order] = mine

    def statistic(y, centre):
        value = (loadings.ravel() * y).sum()
        scores = (loadings * (project @ (y - value * own)).reshape(7, 4)).sum(axis=1)
        return (value - centre) / np.sqrt((scores**2).sum())

    y = frame["y"].to_numpy()
    for null in (0.0, 0.9):
        residual = project @ (y - null * own)
        wild = [
            statistic(y - residual + np.repeat(v, 4) * residual, null)
            for v in product([-1.0, 1.0], repeat=7)
            if v[0] == 1
        ]
        expected = np.mean(np.abs(wild) >= abs(statistic(y, null)) * (1 - 1e-9))
        targets = targets_of(effect, design._panel, design, again)
        found = wild_bootstrap.judge(design._panel, design, again, effect, targets, weights="rademacher")
        k = next(k for k, t in enumerate(targets) if t.place == "path" and t.k == at)
        assert found[k].p_of(null) == pytest.approx(expected, abs=1e-12)


# ---- multipliers and options ---------------------------------------------------------------------------


def test_random_draws_come_close_to_all_patterns():
    frame = drawn({3: 6, NEVER: 7}, 6, seed=3)
    every = judged("twfe", frame, weights="rademacher").p_value
    # 4,000 draws: a standard error of at most 0.008
    assert judged("twfe", frame, weights="rademacher", draws=4_000).p_value == pytest.approx(every, abs=0.03)
    assert judged("twfe", frame, weights="mammen").p_value == pytest.approx(every, abs=0.1)
    assert judged("twfe", frame, weights="webb").p_value == pytest.approx(every, abs=0.05)


@pytest.mark.parametrize(("kind", "third"), [("rademacher", 0.0), ("mammen", 1.0), ("webb", 0.0)])
def test_multipliers_have_mean_0_variance_1_and_their_third_moment(kind, third):
    from scale_impact.core.wild import VALUES, multipliers

    v = VALUES[kind][multipliers(kind, 50, 20_000, 7, every=False)]
    # a million draws: standard errors of about 0.001, of 0.003 for the third moment of mammen
    assert (v.mean(), v.var(), (v**3).mean()) == pytest.approx((0, 1, third), abs=0.01)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    frame = drawn({3: 8, NEVER: 8}, 5, seed=3)
    a, b, c = (judged("callaway_santanna", frame, draws=499, seed=s).interval(0.95) for s in (1, 1, 2))
    assert a == b != c


def test_multipliers_have_six_values_below_ten_clusters():
    assert "Webb multipliers of 9 clusters" in judged("twfe", drawn({3: 4, NEVER: 5}, 5, seed=3)).words
    few = judged("twfe", drawn({3: 5, NEVER: 5}, 5, seed=3)).words
    assert "Rademacher multipliers of 10 clusters, all 1,024 sign patterns" in few


def test_five_clusters_have_too_few_sign_patterns_for_an_interval():
    found = judged("twfe", drawn({3: 2, NEVER: 3}, 5, seed=3), weights="rademacher")
    assert found.interval(0.95) == (-np.inf, np.inf)
    assert min(found.p_of(t) for t in (-1e6, 1e6)) >= 2 / 2**5


def test_equal_tails_are_twice_the_smaller_one():
    frame = drawn({3: 5, NEVER: 6}, 6, seed=5)
    found = judged("twfe", frame, weights="rademacher", tails="equal")
    error, squares = found.draws.at(-found.value)
    t = found.value / found.form.error
    wild = np.r_[error, -error] / np.sqrt(np.r_[squares, squares])
    slack = 1e-9 * abs(t)
    assert found.p_value == pytest.approx(2 * min(np.mean(wild >= t - slack), np.mean(wild <= t + slack)), abs=1e-12)
    low, high = found.interval(0.9)
    assert low < found.value < high


def test_the_data_are_counted_among_the_draws():
    frame = drawn({3: 8, NEVER: 8}, 5, seed=3).assign(y=lambda f: f["y"] + 50 * (f["t"] >= f["g"]))
    assert judged("twfe", frame, draws=499).p_value >= 1 / 500
    frame = drawn({3: 4, NEVER: 5}, 5, seed=3)
    for imposed in (True, False):
        both = [
            judged("twfe", frame, weights="rademacher", null_imposed=imposed, count_observed=c).p_value
            for c in (True, False)
        ]
        assert both[0] > both[1]


# ---- invariance ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["twfe", "callaway_santanna"])
def test_units_levels_common_shocks_and_scale_change_nothing(estimator):
    frame = drawn({2: 3, 4: 3, NEVER: 5}, 6, seed=8)
    shifted = frame.assign(y=1e3 * (frame["y"] + 1e5 * frame["id"] + frame["t"] ** 2))
    one, other = judged(estimator, frame), judged(estimator, shifted)
    assert one.p_value == other.p_value
    assert np.array(other.interval(0.9)) == pytest.approx(1e3 * np.array(one.interval(0.9)), rel=1e-5)


def test_a_null_that_is_the_truth_moves_with_the_effect():
    frame = staggered()
    moved = frame.assign(y=frame["y"] + 2.5 * (frame["t"] >= frame["g"]))
    for estimator in ("twfe", "callaway_santanna"):
        assert judged(estimator, moved).p_of(2.5) == judged(estimator, frame).p_of(0.0)


def test_cross_sections_with_clusters_are_bootstrapped_cluster_by_cluster():
    rng = np.random.default_rng(5)
    n = 240
    frame = pd.DataFrame({"region": rng.integers(0, 8, n), "t": rng.integers(0, 2, n), "y": rng.normal(size=n)})
    frame["group"] = (frame["region"] < 4).astype(int)
    frame["y"] += frame["region"]
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, group="group", starts=1, cluster="region")
    again = refit("did_2x2")
    found = overall(wild_bootstrap, panel, design, again, again(panel, design), weights="rademacher")
    x = np.column_stack([frame["group"] * frame["t"], frame["group"], 1 - frame["group"], frame["t"]]).astype(float)
    plain = Plain.__new__(Plain)
    plain.x, plain.y, plain.p = x, frame["y"].to_numpy(), 1
    plain.c = pd.get_dummies(frame["region"]).to_numpy(float)
    plain.bread = np.linalg.inv(x.T @ x)
    for null in (0.0, 0.3):
        assert found.p_of(null) == pytest.approx(plain.p_value([1.0], null), abs=1e-12)


# ---- what it cannot do -------------------------------------------------------------------------------------


def test_an_estimator_that_is_not_linear_is_bootstrapped_by_its_influence():
    frame = drawn({3: 6, NEVER: 7}, 5, seed=3)
    frame["x"] = frame["id"] % 5 + 0.1 * (frame["id"] ** 2 % 7)
    panel = panel_of(frame, covariates=["x"])
    design = si.Design.from_panel(panel, first_treated="g")
    again = refit("callaway_santanna", covariates=["x"])
    effect = again(panel, design)
    found = overall(wild_bootstrap, panel, design, again, effect, weights="rademacher")
    assert "the estimator is not linear, so no null is imposed" in found.words
    scores = effect.influence.by_cluster[:, 0]
    scores = scores - scores.mean()
    signs = np.array(list(product([-1.0, 1.0], repeat=13)))
    wild = signs @ scores / np.sqrt(((signs * scores - (signs @ scores / 13)[:, None]) ** 2).sum(axis=1))
    extreme = np.mean(np.abs(wild) >= abs(effect.overall.value) / np.sqrt(scores @ scores))
    assert found.p_value == pytest.approx(extreme, abs=1e-3)


def test_observations_that_stand_for_themselves_have_no_clusters(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    with pytest.raises(DesignError, match="name the cluster that observations share"):
        si.estimate("did_2x2", panel, design, inference="wild_bootstrap")


def test_an_estimate_without_weights_and_influence_is_sent_to_the_jackknife():
    design = design_of(drawn({3: 5, NEVER: 6}, 5, seed=3))

    def bare(p, d):
        return replace(si.estimate("twfe", p, d), weights=None, influence=None)

    with pytest.raises(EstimationError, match="Use `inference: jackknife`"):
        overall(wild_bootstrap, design._panel, design, bare, bare(design._panel, design))


def test_one_pilot_with_a_counterfactual_is_sent_to_placebos():
    design = design_of(drawn({4: 1, NEVER: 8}, 8, seed=3))
    with pytest.raises(EstimationError, match="Use `inference: placebo`"):
        si.estimate("synthetic_did", design._panel, design, inference="wild_bootstrap")


def test_too_many_multipliers_are_refused():
    with pytest.raises(EstimationError, match="So many clusters need no bootstrap: use `inference: analytic`"):
        judged("twfe", drawn({3: 50, NEVER: 60}, 5, seed=3), draws=10**8)


def test_a_level_shift_of_one_unit_by_a_billion_changes_no_digit_that_matters():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(10, 6))
    first = np.repeat([3.0, np.inf], 5)
    far = y + np.r_[1e9, np.zeros(9)][:, None]
    one, other = (judged("twfe", framed(v, first), weights="rademacher") for v in (y, far))
    assert one.p_value == other.p_value
    assert one.interval(0.9) == pytest.approx(other.interval(0.9), abs=1e-5)


def test_one_treated_and_one_other_unit_have_no_interval_and_no_p_value_whatever_is_asked():
    frame = long({"a": [130.1, 84.9], "b": [134.9, 146.6]}, {"a": 2002})
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g")
    by_itself = si.estimate("did_2x2", panel, design, inference="auto")
    assert by_itself.overall.value == pytest.approx(-56.9)
    assert by_itself.overall.p_value is None
    assert by_itself.overall.interval(0.95) is None
    with pytest.raises(EstimationError, match="no variation"):
        si.estimate("did_2x2", panel, design, inference="wild_bootstrap")
