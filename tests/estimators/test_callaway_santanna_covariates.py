"""Callaway and Sant'Anna with covariates, weights and incomplete panels: R's numbers, the definition, refusals."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DataError, DesignError, EstimationError, UsageError
from tests.estimators.test_callaway_santanna import ERROR, VALUE, equal_to_definition, equal_to_r
from tests.panels import NEVER, averages, drawn, fitted, framed, jackknifed, panel_of, reference

NAMES = {"never": "nevertreated", "not_yet": "notyettreated"}

# ---- the numbers of R's did and DRDID ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_did_with_a_covariate(mpdta, control, method):
    effect = fitted("callaway_santanna", mpdta, control=control, options={"covariates": ["lpop"], "method": method})
    equal_to_r(effect, f"lpop_{NAMES[control]}_{method}_varying")


@pytest.mark.parametrize("entry", ["universal", "varying_ant1"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_did_with_a_covariate_and_other_base_periods(mpdta, control, entry):
    design = {"universal": {"base_period": "universal"}, "varying_ant1": {"anticipation": 1}}[entry]
    effect = fitted("callaway_santanna", mpdta, control=control, options={"covariates": "lpop"}, **design)
    equal_to_r(effect, f"lpop_{NAMES[control]}_dr_{entry}")


def test_did_with_a_covariate_and_clusters_above_the_unit(mpdta):
    effect = fitted("callaway_santanna", mpdta, cluster="st", options={"covariates": ["lpop"]})
    equal_to_r(effect, "lpop_nevertreated_dr_clusterstate")
    assert effect.inference == "analytic, clustered by st; doubly robust on lpop"


@pytest.mark.parametrize("covariates", [[], ["lpop"]])
def test_did_with_unit_weights(mpdta, covariates):
    frame = mpdta.assign(w=np.exp(mpdta["lpop"]))
    effect = fitted("callaway_santanna", frame, options={"covariates": covariates, "weights": "w"})
    equal_to_r(effect, f"{'lpop' if covariates else 'nocov'}_nevertreated_dr_varying_weighted_explpop")
    assert effect.weights is None
    assert effect.inference.endswith("weighted by w")


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
def test_did_on_repeated_cross_sections_with_a_covariate(mpdta, method):
    panel = panel_of(mpdta, unit=None)
    design = si.Design.from_panel(panel, first_treated="g")
    effect = si.estimate("callaway_santanna", panel, design, covariates=["lpop"], method=method)
    equal_to_r(effect, f"lpop_nevertreated_{method}_rcs")


def test_did_on_an_unbalanced_panel_with_a_covariate(mpdta, mpdta_unbalanced):
    frame = mpdta_unbalanced.merge(mpdta[["id", "lpop"]].drop_duplicates(), on="id")
    effect = fitted("callaway_santanna", frame, balance="repeated_cross_sections", options={"covariates": ["lpop"]})
    equal_to_r(effect, "unbalanced_lpop_nevertreated_dr")


@pytest.mark.parametrize(
    ("method", "entry"), [("dr", "drdid_panel"), ("ipw", "std_ipw_did_panel"), ("reg", "reg_did_panel")]
)
def test_drdid_on_two_years_of_the_minimum_wage(mpdta, method, entry):
    frame = mpdta[mpdta["g"].isin([0, 2004]) & mpdta["t"].isin([2003, 2004])]
    overall = fitted("callaway_santanna", frame, options={"covariates": ["lpop"], "method": method}).overall
    expected = reference("mpdta", f"DRDID_{entry}")
    assert overall.value == pytest.approx(expected["att"], **VALUE)
    assert overall.std_error == pytest.approx(expected["se"], **ERROR)


@pytest.mark.parametrize(("method", "entry"), [("dr", "drdid_rc"), ("ipw", "std_ipw_did_rc"), ("reg", "reg_did_rc")])
def test_drdid_on_house_prices_with_covariates(kielmc, method, entry):
    overall = house_prices(kielmc, method=method).overall
    expected = reference("kielmc", entry)
    assert overall.value == pytest.approx(expected["att"], **VALUE)
    assert overall.std_error == pytest.approx(expected["se"], **ERROR)


def house_prices(kielmc, **options):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    return si.estimate("callaway_santanna", panel, design, covariates=["age", "agesq"], **options)


def test_the_scores_of_drdid_in_cross_sections_have_a_sign_wrong_and_a_note_says_what_it_does(kielmc):
    """csdid 0.4.3, which has the sign right: -0.131209316005 (0.095719234923); its logit stops at other digits."""
    theirs, ours = house_prices(kielmc), house_prices(kielmc, section_scores="corrected")
    assert ours.overall.value == theirs.overall.value
    assert ours.overall.std_error == pytest.approx(0.095719234923, rel=1e-7)
    assert any("is 0.09572 instead of 0.08469" in note for note in theirs.notes)
    assert not any("section_scores" in note for note in ours.notes)


# ---- the definition ---------------------------------------------------------------------------------------


def logit(x, treated, weight):
    """Maximum likelihood to the last digit."""
    b = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-x @ b))
        step = np.linalg.solve((x.T * (weight * p * (1 - p))) @ x, x.T @ (weight * (treated - p)))
        b = b + step
        if np.abs(step).max() < 1e-13:
            return 1 / (1 + np.exp(-x @ b))
    raise AssertionError("the logit of the test does not settle")


def line(x, y, weight):
    root = np.sqrt(weight)
    return np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]


def of_two_periods(change, treated, x, weight, method):
    """Effect on the treated: Sant'Anna and Zhao (2020), equation 3.1 with normalised weights."""
    if method != "reg":
        p = logit(x, treated, weight)
        like = weight * p * (1 - treated) / (1 - p)
    if method != "ipw":
        change = change - x @ line(x[treated == 0], change[treated == 0], weight[treated == 0])
    mean = np.average(change[treated == 1], weights=weight[treated == 1])
    return mean - (0 if method == "reg" else np.average(change, weights=like))


def of_sections(y, after, treated, x, weight, method):
    """Effect on the treated in cross-sections: Sant'Anna and Zhao (2020), equation 3.4 (dr)."""
    sides = {(d, q): (treated == d) & (after == q) for d in (0, 1) for q in (0, 1)}
    fit = {
        s: x @ line(x[m], y[m], weight[m])
        for s, m in sides.items()
        if method == "dr" or (method == "reg" and s[0] == 0)
    }
    mean = lambda v, m, w=weight: np.average(v[m], weights=w[m])  # noqa: E731
    everyone, total = treated == 1, 0.0
    for q, sign in ((1, 1), (0, -1)):
        if method == "reg":
            total += sign * (mean(y, sides[1, q]) - mean(fit[0, q], everyone))
            continue
        p = logit(x, treated, weight)
        residual = y - fit[0, q] if method == "dr" else y
        total += sign * (mean(residual, sides[1, q]) - mean(residual, sides[0, q], weight * p / (1 - p)))
        if method == "dr":
            more = fit[1, q] - fit[0, q]
            total += sign * (mean(more, everyone) - mean(more, sides[1, q]))
    return total


def conditional(
    y, start, x, weight, *, method="dr", control="never", base_period="varying", anticipation=0, sections=False
):
    """Effects {(g, t): value}; y and weight (0: not observed) are [N, T], x [N, T, k] without a constant."""
    n_periods, effects = y.shape[1], {}
    for g in np.unique(start[(start > anticipation) & (start < n_periods)]):
        for t in range(n_periods):
            base = g - 1 - anticipation if base_period == "universal" or t >= g - anticipation else t - 1
            others = start == n_periods
            if control == "not_yet":
                others |= (start > max(t, base) + anticipation) & (start != g)
            if base < 0 or not others.any():
                continue
            if base == t:
                effects[int(g), t] = 0.0
                continue
            used = others | (start == g)
            effects[int(g), t] = one(y, x, weight, used, start == g, t, base, method, sections)
    return effects


def one(y, x, weight, used, own, t, base, method, sections):
    if sections:
        i, when = np.nonzero(used[:, None] & (weight > 0) & np.isin(np.arange(y.shape[1]), (t, base)))
        z = np.column_stack([np.ones(len(i)), x[i, when]])
        return of_sections(y[i, when], (when == t) * 1, own[i] * 1, z, weight[i, when], method)
    i = np.flatnonzero(used & (weight[:, t] > 0) & (weight[:, base] > 0))
    z = np.column_stack([np.ones(len(i)), x[i, min(t, base)]])
    return of_two_periods(y[i, t] - y[i, base], own[i] * 1, z, weight[i, min(t, base)], method)


def by_definition(y, start, x, weight, *, blocks=None, by="unit", **options):
    """Cells and overall averages with standard errors by a jackknife of weights."""
    blocks = np.arange(len(y))[:, None] if blocks is None else blocks
    cells = sorted(conditional(y, start, x, weight, **options))

    def statistics(w):
        effects = conditional(y, start, x, w, **options)
        return np.array([*(effects[c] for c in cells), *averages(effects, start, w, by).values()])

    errors = np.sqrt(np.diag(jackknifed(statistics, weight, blocks)))
    names = [*cells, *averages(conditional(y, start, x, weight, **options), start, weight, by)]
    return dict(zip(names, zip(statistics(weight), errors, strict=True), strict=True))


def conditioned(sizes, n_periods, seed, *, varying):
    """A panel in which trends depend on two covariates (constant, or varying over time), with its arrays."""
    rng = np.random.default_rng(seed)
    frame = drawn(sizes, n_periods, seed).sort_values(["id", "t"], ignore_index=True)
    n = frame["id"].nunique()
    x = rng.normal(size=(n, 1, 2)) + varying * 0.5 * rng.normal(size=(n, n_periods, 2))
    x = np.broadcast_to(x, (n, n_periods, 2)).copy()
    y = frame["y"].to_numpy().reshape(n, n_periods) + x[:, :, 0] * np.arange(n_periods) * 0.3
    frame = frame.assign(y=y.ravel(), a=x[:, :, 0].ravel(), b=1000 + 50 * x[:, :, 1].ravel())
    first = frame["g"].to_numpy().reshape(n, n_periods)[:, 0]
    return frame, y, np.minimum(first, n_periods).astype(int), x


SIZES = {2: 14, 4: 16, NEVER: 24}

# the jackknife's steps of 1e-4 leave 1e-8; models that stop where R's do leave 1e-6 of a standard error


def close_to_definition(effect, expected):
    found = {
        (int(g), int(t)): effect.cells[k]
        for k, (g, t) in enumerate(zip(effect.cells.cohorts, effect.cells.periods, strict=True))
    }
    assert set(found) == {name for name in expected if not isinstance(name, str)}
    for name, estimate in (found | effect.summaries).items():
        value, error = expected[name]
        if estimate.reason is None:
            assert estimate.value == pytest.approx(value, abs=1e-6 * error), name
            assert estimate.std_error == pytest.approx(error, rel=3e-6), name


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("varying", [0, 1])
@pytest.mark.parametrize(
    "options",
    [{}, {"control": "not_yet", "base_period": "universal"}, {"control": "not_yet", "anticipation": 1}],
    ids=str,
)
def test_the_definition_with_covariates(options, varying, method):
    frame, y, start, x = conditioned(SIZES, 5, 3, varying=varying)
    effect = fitted("callaway_santanna", frame, options={"covariates": ["a", "b"], "method": method}, **options)
    close_to_definition(effect, by_definition(y, start, x, np.ones_like(y), method=method, **options))


@pytest.mark.parametrize("method", ["dr", "reg"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_definition_with_weights_and_clusters(control, method):
    frame, y, start, x = conditioned(SIZES, 5, 4, varying=0)
    weight = np.random.default_rng(1).uniform(0.5, 3, len(y))
    frame = frame.assign(w=np.repeat(weight, 5), c=frame["id"] % 11)
    options = {"covariates": ["a", "b"], "method": method, "weights": "w"}
    effect = fitted("callaway_santanna", frame, control=control, cluster="c", options=options)
    wide = np.repeat(weight[:, None], 5, axis=1)
    expected = by_definition(y, start, x, wide, method=method, control=control, blocks=np.arange(len(y))[:, None] % 11)
    close_to_definition(effect, expected)
    assert effect.sample.n_clusters == 11


def with_holes(frame, y, seed):
    """The frame without a tenth of its rows, and what is observed."""
    gone = np.random.default_rng(seed).choice(len(frame), len(frame) // 10, replace=False)
    observed = np.ones(y.size)
    observed[gone] = 0
    return frame.drop(index=gone), observed.reshape(y.shape)


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("varying", [0, 1])
def test_the_definition_pairwise_with_covariates(varying, control, method):
    frame, y, start, x = conditioned(SIZES, 5, 5, varying=varying)
    holes, observed = with_holes(frame, y, 2)
    options = {"covariates": ["a", "b"], "method": method}
    effect = fitted("callaway_santanna", holes, balance="pairwise", control=control, options=options)
    close_to_definition(effect, by_definition(y, start, x, observed, method=method, control=control))
    assert effect.sample.n_obs == observed.sum()


@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_definition_pairwise_without_covariates(control, base_period):
    frame, y, start, x = conditioned({2: 6, 3: 7, NEVER: 9}, 5, 6, varying=0)
    holes, observed = with_holes(frame, y, 3)
    effect = fitted("callaway_santanna", holes, balance="pairwise", control=control, base_period=base_period)
    nothing = x[:, :, :0]
    expected = by_definition(y, start, nothing, observed, method="reg", control=control, base_period=base_period)
    equal_to_definition(effect, expected, range(5))


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("by", ["observation", "unit"])
def test_the_definition_in_cross_sections(by, method):
    frame, y, start, x = conditioned({2: 10, NEVER: 14}, 3, 7, varying=1)
    holes, observed = with_holes(frame, y, 4)
    panel = panel_of(holes, unit=None if by == "observation" else "id")
    balance = "strict" if by == "observation" else "repeated_cross_sections"
    design = si.Design.from_panel(panel, first_treated="g", balance=balance)
    effect = si.estimate(
        "callaway_santanna", panel, design, covariates=["a", "b"], method=method, section_scores="corrected"
    )
    blocks = np.arange(y.size).reshape(y.shape) if by == "observation" else np.arange(len(y))[:, None]
    close_to_definition(
        effect, by_definition(y, start, x, observed, blocks=blocks, by=by, method=method, sections=True)
    )


def test_weights_in_cross_sections_are_those_of_observations_counted_several_times():
    frame, *_ = conditioned(SIZES, 4, 8, varying=1)
    frame = frame.assign(w=1 + frame.index % 3)
    often = frame.loc[frame.index.repeat(frame["w"])]
    panel = {name: panel_of(data, unit=None) for name, data in {"weighted": frame, "often": often}.items()}
    options = {"covariates": ["a", "b"], "method": "ipw"}
    a, b = (
        si.estimate("callaway_santanna", p, si.Design.from_panel(p, first_treated="g"), **options, **more)
        for p, more in ((panel["weighted"], {"weights": "w"}), (panel["often"], {}))
    )
    np.testing.assert_allclose(a.cells.values, b.cells.values, rtol=1e-6)  # the models stop at other digits


# ---- influence, and other ways to the same number ---------------------------------------------------------


@pytest.mark.parametrize("cluster", [None, "c"])
@pytest.mark.parametrize("design", [{}, {"balance": "pairwise"}, {"balance": "repeated_cross_sections"}], ids=str)
def test_influence_adds_up_to_the_covariances(design, cluster):
    frame, y, *_ = conditioned(SIZES, 5, 9, varying=0)
    frame = frame.assign(c=frame["id"] % 9)
    frame = with_holes(frame, y, 5)[0] if design else frame
    effect = fitted("callaway_santanna", frame, cluster=cluster, options={"covariates": ["a", "b"]}, **design)
    rows = effect.influence.by_cluster
    assert (rows.T @ rows)[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-12)
    for family in effect.families():
        sums = family.influence.by_cluster
        np.testing.assert_allclose(sums.T @ sums, family.covariance, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(family.influence.covariance(), family.covariance, rtol=1e-10, atol=1e-15)


def test_many_cells_go_over_the_units_again_and_give_the_same(monkeypatch):
    frame, *_ = conditioned(SIZES, 5, 10, varying=0)
    whole = fitted("callaway_santanna", frame, options={"covariates": ["a"]})
    monkeypatch.setattr("scale_impact.estimators._unit_cells.FULL_COVARIANCE", 0)
    again = fitted("callaway_santanna", frame, options={"covariates": ["a"]})
    assert again.cells.covariance is None
    np.testing.assert_allclose(again.cells.variances, whole.cells.variances, rtol=1e-12)  # the same sums
    np.testing.assert_allclose(again.path.covariance, whole.path.covariance, rtol=1e-12, atol=1e-18)


def test_units_in_many_blocks_give_the_same(monkeypatch):
    frame, *_ = conditioned(SIZES, 5, 10, varying=0)
    whole = fitted("callaway_santanna", frame, options={"covariates": ["a"]})
    for module in ("propensity", "doubly_robust"):
        monkeypatch.setattr(f"scale_impact.core.{module}.BLOCK", 5)
    again = fitted("callaway_santanna", frame, options={"covariates": ["a"]})
    np.testing.assert_allclose(again.path.values, whole.path.values, rtol=1e-10)  # sums in another order
    np.testing.assert_allclose(again.path.variances, whole.path.variances, rtol=1e-10)


def shuffled(frame):
    return frame.sample(frac=1, random_state=5)


def renamed(frame):
    return frame.assign(id=frame["id"].map(lambda i: f"county {(i * 7919) % 1009:04d}"))


def other_units(frame):
    return frame.assign(a=3 - 1e6 * frame["a"], b=frame["b"] / 1e5)


def shifted(frame):
    return frame.assign(y=frame["y"] + 1e6 * (frame["id"] % 5) + 7 * frame["t"] ** 2)


@pytest.mark.parametrize("change", [shuffled, renamed, other_units, shifted])
@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
def test_what_does_not_matter(change, method):
    frame, *_ = conditioned(SIZES, 5, 11, varying=0)
    options = {"covariates": ["a", "b"], "method": method}
    a, b = (fitted("callaway_santanna", f, options=options) for f in (frame, change(frame)))
    # levels of a million leave 1e-10 of a change
    np.testing.assert_allclose(b.path.values, a.path.values, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(b.path.variances, a.path.variances, rtol=1e-7)


def test_a_weight_of_one_is_no_weight():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=12)
    a = fitted("callaway_santanna", frame, cluster=None)
    b = fitted("callaway_santanna", frame.assign(w=7.0), options={"weights": "w"})
    for ours, theirs in zip(a.families(), b.families(), strict=True):
        np.testing.assert_allclose(theirs.values, ours.values, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(theirs.covariance, ours.covariance, rtol=1e-9, atol=1e-14)


def test_a_complete_panel_is_the_same_pairwise():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=12)
    a, b = (fitted("callaway_santanna", frame, balance=balance) for balance in ("strict", "pairwise"))
    assert a.to_frame().equals(b.to_frame())


def test_weights_above_the_unit_are_shares_too():
    """Cohort 2 has twice the weight: its effects count twice as much beside those of cohort 3."""
    frame = drawn({2: 6, 3: 6, NEVER: 9}, 4, seed=13)
    effect = fitted("callaway_santanna", frame.assign(w=np.where(frame["g"] == 2, 2.0, 1.0)), options={"weights": "w"})
    two, three = effect.by_cohort.values
    assert effect.summaries["cohort"].value == pytest.approx((2 * two + three) / 3, rel=1e-12)


# ---- what cannot be had -----------------------------------------------------------------------------------


def test_a_cohort_smaller_than_the_covariates_has_no_effect_and_is_named():
    frame, *_ = conditioned({2: 1, 3: 16, NEVER: 24}, 5, 14, varying=0)
    effect = fitted("callaway_santanna", frame, options={"covariates": ["a", "b"]})
    assert list(effect.by_cohort.cohorts) == [3]
    assert (
        "Cohort 2 (1 unit) has no effect of its own: it is too small for 2 covariates. Use `method: reg`, which needs enough "
        "controls only, or use fewer covariates."
    ) in effect.notes
    assert effect.sample.n_treated == 16
    alone = fitted("callaway_santanna", frame, options={"covariates": ["a", "b"], "method": "reg"}).by_cohort[0]
    assert alone.std_error is None
    assert "rests on one treated" in alone.reason


def test_where_no_cohort_is_left_the_estimate_is_refused_with_all_reasons():
    frame, *_ = conditioned({2: 1, 3: 1, NEVER: 24}, 5, 14, varying=0)
    with pytest.raises(EstimationError) as caught:
        fitted("callaway_santanna", frame, options={"covariates": ["a", "b"]})
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("Cohort 2 (1 unit) has no effect of its own: it is too small")


@pytest.mark.parametrize("method", ["dr", "ipw"])
def test_a_covariate_that_separates_a_cohort_from_its_controls_is_named(method):
    frame, *_ = conditioned(SIZES, 5, 15, varying=0)
    frame["a"] += 100 * (frame["g"] == 2)
    effect = fitted("callaway_santanna", frame, options={"covariates": ["b", "a"], "method": method})
    (note,) = [n for n in effect.notes if n.startswith("Cohort 2")]
    assert "the propensity model tells some of it from all controls, most of all by a: none is like them" in note
    assert "Use `method: reg`" in note
    assert list(effect.by_cohort.cohorts) == [4]
    assert len(fitted("callaway_santanna", frame, options={"covariates": ["b", "a"], "method": "reg"}).by_cohort) == 2


def test_separation_everywhere_is_refused():
    frame, *_ = conditioned(SIZES, 5, 15, varying=0)
    frame["a"] += 100 * np.isfinite(frame["g"])
    with pytest.raises(EstimationError, match="most of all by a"):
        fitted("callaway_santanna", frame, options={"covariates": ["a"]})


def test_controls_without_a_counterpart_just_do_not_count():
    """A trait that no treated unit has: its coefficient runs away, those controls get no weight, the effect exists."""
    frame, *_ = conditioned(SIZES, 5, 16, varying=0)
    frame["north"] = (~np.isfinite(frame["g"]) & (frame["id"] % 4 == 0)).astype(int)
    options = {"covariates": ["a", "north"], "method": "ipw"}
    whole = fitted("callaway_santanna", frame, options=options)
    rest = fitted("callaway_santanna", frame[frame["north"] == 0], options={"covariates": ["a"], "method": "ipw"})
    # the runaway coefficient stops where the deviance no longer moves, as in R
    np.testing.assert_allclose(whole.path.values, rest.path.values, atol=1e-4 * np.sqrt(rest.path.variances).min())
    np.testing.assert_allclose(whole.cells.variances, rest.cells.variances, rtol=1e-3)


def test_collinear_covariates_are_named():
    frame, *_ = conditioned(SIZES, 5, 17, varying=0)
    frame["c"] = 2 * frame["a"] - 3 * frame["b"] + 5
    with pytest.raises(EstimationError, match=r"Covariate c is a combination of the other covariates \(a, b\)"):
        fitted("callaway_santanna", frame, options={"covariates": ["a", "b", "c"]})


def test_a_covariate_that_never_varies_is_named():
    frame, *_ = conditioned(SIZES, 5, 17, varying=0)
    with pytest.raises(EstimationError, match="Covariate 'one' is 1 everywhere"):
        fitted("callaway_santanna", frame.assign(one=1), options={"covariates": ["a", "one"]})


def test_a_covariate_that_does_not_vary_among_the_controls_is_named():
    frame, *_ = conditioned(SIZES, 5, 18, varying=0)
    frame["only"] = np.where(np.isfinite(frame["g"]), frame["id"] % 2, 0)
    with pytest.raises(EstimationError, match="among those compared only does not vary"):
        fitted("callaway_santanna", frame, options={"covariates": ["only"]})


def test_too_few_controls_for_the_covariates_are_said():
    frame, *_ = conditioned({2: 9, 3: 9, NEVER: 2}, 5, 19, varying=0)
    with pytest.raises(EstimationError, match="its controls are fewer than the 3 coefficients of their model"):
        fitted("callaway_santanna", frame, options={"covariates": ["a", "b"]})


def test_columns_that_are_no_covariates_are_all_named():
    frame, *_ = conditioned(SIZES, 5, 20, varying=0)
    frame = frame.assign(name="x", hole=frame["a"].where(frame["t"] > 0))
    with pytest.raises(DesignError) as caught:
        fitted("callaway_santanna", frame, options={"covariates": ["name", "hole", "absent", "a", "a"]})
    text = str(caught.value)
    assert all(
        part in text for part in ("'name' is not numeric", "'hole' is missing", "'absent'", "'a' is named twice")
    )


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (lambda f: f["id"] * 0 + np.where(f["id"] == 3, -1.0, 1.0), DesignError, "not a positive number for 1 unit, first 3"),
        (lambda f: f["t"] + 1.0, DataError, "varies within"),
        (lambda f: "heavy", DesignError, "weights: 'w' holds"),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_used_are_refused(values, error, message):
    frame = drawn({2: 5, NEVER: 9}, 4, seed=21)
    with pytest.raises(error, match=message):
        fitted("callaway_santanna", frame.assign(w=values(frame)), options={"weights": "w"})


def test_unknown_words_are_refused_all_at_once():
    with pytest.raises(UsageError) as caught:
        fitted("callaway_santanna", drawn({2: 5, NEVER: 9}, 4, seed=21), options={"method": "aipw", "bootstrap": 3})
    assert len(caught.value.problems) == 2


def test_cross_sections_that_are_too_small_for_four_regressions_say_so():
    frame, *_ = conditioned({2: 2, 3: 12, NEVER: 20}, 4, 22, varying=1)
    panel = panel_of(frame, unit=None)
    effect = si.estimate(
        "callaway_santanna", panel, si.Design.from_panel(panel, first_treated="g"), covariates=["a", "b"]
    )
    assert any(
        "Cohort 2 (8 observations) has no effect of its own: it is too small in a period" in n for n in effect.notes
    )


def test_pairwise_without_a_common_period_is_refused():
    y = np.arange(24.0).reshape(6, 4)
    frame = framed(y, np.array([2, 2, 2, NEVER, NEVER, NEVER]))
    early, late = frame["t"] < 2, frame["t"] >= 2
    apart = frame[(np.isfinite(frame["g"]) & early) | (~np.isfinite(frame["g"]) & late)]
    with pytest.raises(DesignError, match="no control is observed in the same periods"):
        fitted("callaway_santanna", apart, balance="pairwise")
