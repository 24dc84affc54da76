"""The two-by-two equals R's lm with sandwich, the two-way estimate, and a regression by hand."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.cohorts import leave_out
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import BEFORE, NEVER, drawn, dummy_regression, fitted, long, panel_of, reference
from tests.sandwiches import Dense, dense


def houses(kielmc, outcome="rprice", *, cluster=None, **options):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome=outcome)
    return si.estimate(
        "did_2x2", panel, si.Design.from_panel(panel, group="nearinc", starts=1981, cluster=cluster), **options
    )


def equal_to_r(estimate, entry):
    expected = reference("kielmc", entry)
    k = expected["term"].index("y81:nearinc")
    assert estimate.value == pytest.approx(expected["estimate"][k], rel=1e-8)  # the tolerances
    assert estimate.std_error == pytest.approx(expected["se"][k], rel=1e-6)
    assert estimate.p_value == pytest.approx(
        expected["p"][k], rel=1e-5
    )  # moves a few times as fast as the standard error


# ---- the numbers of R ----------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["rprice", "lprice"])
def test_lm_on_house_prices(kielmc, outcome):
    overall = houses(kielmc, outcome, vcov="iid").overall
    equal_to_r(overall, f"did_{outcome}")
    assert overall.df == 317


@pytest.mark.parametrize("vcov", ["HC0", "HC1", "HC2", "HC3"])
def test_sandwich_on_house_prices(kielmc, vcov):
    equal_to_r(houses(kielmc, vcov=vcov).overall, f"did_rprice_{vcov}")


def test_hc1_is_the_default(kielmc):
    effect = houses(kielmc)
    assert effect.overall == houses(kielmc, vcov="HC1").overall
    assert effect.inference == "HC1, observations independent"


@pytest.mark.parametrize(
    ("entry", "covariates"),
    [
        ("did_rprice_age", ["age", "agesq"]),
        ("did_rprice_full", ["age", "agesq", "intst", "land", "area", "rooms", "baths"]),
    ],
)
def test_lm_with_covariates_on_house_prices(kielmc, entry, covariates):
    equal_to_r(houses(kielmc, covariates=covariates, vcov="iid").overall, entry)


def test_the_sample_of_house_prices(kielmc):
    sample = houses(kielmc).sample
    assert (sample.n_obs, sample.n_units, sample.n_clusters, sample.n_periods) == (321, 321, 321, 2)
    assert sample.n_treated == int(kielmc["nearinc"].sum())


# ---- by hand and by regression -------------------------------------------------------------------------------


def sales():
    """Prices near and far, before (2001, 2002) and after (2003)."""
    prices = {
        (1, 2001): [5, 7, 6],
        (1, 2002): [8, 6],
        (1, 2003): [4, 5, 3, 4],
        (0, 2001): [9, 8],
        (0, 2002): [9, 10, 12],
        (0, 2003): [11, 10, 14],
    }
    return pd.DataFrame([{"near": near, "t": t, "y": float(y)} for (near, t), many in prices.items() for y in many])


def sold(frame, *, design=None, **options):
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    return si.estimate(
        "did_2x2", panel, si.Design.from_panel(panel, group="near", starts=2003, **(design or {})), **options
    )


def least_squares(frame, covariates=()):
    """Coefficients, residuals, design matrix and its bread, by numpy."""
    after = (frame["t"] >= 2003).astype(float)
    x = np.column_stack(
        [np.ones(len(frame)), frame["near"], after, frame["near"] * after, *(frame[c] for c in covariates)]
    )
    bread = np.linalg.inv(x.T @ x)
    return bread @ x.T @ frame["y"], frame["y"].to_numpy() - x @ bread @ x.T @ frame["y"].to_numpy(), x, bread


def test_by_hand():
    effect = sold(sales())
    # near: 4 after, 6.4 before; far: 35/3 after, 9.6 before
    assert effect.overall.value == pytest.approx((4 - 6.4) - (35 / 3 - 9.6), rel=1e-13)
    assert effect.overall.df == 17 - 4


@pytest.mark.parametrize("vcov", ["iid", "HC0", "HC1", "HC2", "HC3"])
def test_every_covariance_by_regression_with_several_periods_a_side(vcov):
    frame = sales()
    coefficients, residual, x, bread = least_squares(frame)
    n, k = x.shape
    leverage = np.einsum("ij,jk,ik->i", x, bread, x)
    square = {
        "HC0": residual**2,
        "HC1": residual**2 * n / (n - k),
        "HC2": residual**2 / (1 - leverage),
        "HC3": residual**2 / (1 - leverage) ** 2,
    }
    covariance = bread * (residual @ residual) / (n - k) if vcov == "iid" else bread @ (x.T * square[vcov]) @ x @ bread
    overall = sold(frame, vcov=vcov).overall
    assert overall.value == pytest.approx(coefficients[3], rel=1e-11)  # least squares of 17 rows
    assert overall.std_error == pytest.approx(np.sqrt(covariance[3, 3]), rel=1e-10)


@pytest.mark.parametrize("covariates", [(), ("rooms",)], ids=str)
def test_clusters_by_regression(covariates):
    rng = np.random.default_rng(1)
    frame = sales().assign(street=rng.integers(0, 6, 17), rooms=rng.normal(size=17))
    coefficients, residual, x, bread = least_squares(frame, covariates)
    sums = pd.DataFrame(x * residual[:, None]).groupby(frame["street"].to_numpy()).sum().to_numpy()
    n, k, g = *x.shape, len(sums)
    covariance = bread @ sums.T @ sums @ bread * g / (g - 1) * (n - 1) / (n - k)
    effect = sold(frame, design={"cluster": "street"}, covariates=covariates)
    assert effect.overall.value == pytest.approx(coefficients[3], rel=1e-10)  # least squares of 17 rows
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[3, 3]), rel=1e-9)
    assert (effect.overall.df, effect.sample.n_clusters) == (g - 1, g)


@pytest.mark.parametrize("vcov", ["iid", "HC0", "HC1"])
def test_covariates_by_regression(vcov):
    frame = sales().assign(rooms=lambda f: np.random.default_rng(1).normal(size=len(f)))
    coefficients, residual, x, bread = least_squares(frame, ["rooms"])
    n, k = x.shape
    meat = (x.T * residual**2) @ x * {"iid": np.nan, "HC0": 1, "HC1": n / (n - k)}[vcov]
    covariance = bread * (residual @ residual) / (n - k) if vcov == "iid" else bread @ meat @ bread
    overall = sold(frame, vcov=vcov, covariates=["rooms"]).overall
    assert overall.value == pytest.approx(coefficients[3], rel=1e-10)  # least squares of 17 rows
    assert overall.std_error == pytest.approx(np.sqrt(covariance[3, 3]), rel=1e-9)


def test_the_weights_give_the_effect():
    frame = sales()
    effect = sold(frame)
    means = frame.pivot_table(index="near", columns="t", values="y").loc[[1, 0]].to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-12)  # six numbers


def test_before_and_after_choose_periods():
    frame = sales()
    assert sold(frame, before=[2002]).overall == sold(frame[frame["t"] > 2001]).overall
    assert sold(frame, before=[2001], after=[2003]).overall == sold(frame[frame["t"] != 2002]).overall


def test_anticipation_leaves_out_the_periods_just_before():
    frame = sales()
    assert sold(frame, design={"anticipation": 1}).overall == sold(frame[frame["t"] != 2002]).overall


# ---- panels: two-way fixed effects -----------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("n_periods", [2, 3, 6])
def test_in_a_panel_it_is_the_two_way_estimate(n_periods, cluster):
    frame = drawn({n_periods // 2: 6, NEVER: 9}, n_periods, seed=41).assign(st=lambda f: f["id"] % 6)
    a, b = (fitted(name, frame, cluster=cluster) for name in ("did_2x2", "twfe"))
    assert a.overall.value == pytest.approx(b.overall.value, rel=1e-11)  # two ways of summing
    assert a.overall.std_error == pytest.approx(b.overall.std_error, rel=1e-10)
    assert a.overall.df == b.overall.df
    assert a.sample == b.sample
    assert a.inference == b.inference


def test_in_a_panel_with_chosen_periods_it_is_the_two_way_estimate_of_these():
    frame = drawn({3: 6, NEVER: 9}, 6, seed=41)
    some = frame[frame["t"].isin([1, 2, 5])]
    coefficients, covariance = dummy_regression(some, [some["t"] >= some["g"]])
    overall = fitted("did_2x2", frame, options={"before": [1, 2], "after": [5]}).overall
    assert overall.value == pytest.approx(coefficients[0], rel=1e-10)  # the dummies' least squares has about 1e-13
    assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)


def test_in_a_panel_constants_of_units_do_not_matter():
    frame = drawn({3: 6, NEVER: 9}, 6, seed=41)
    frame["y"] = np.round(frame["y"] * 2**18) / 2**18
    raised = frame.assign(y=frame["y"] + (frame["id"] % 7 - 3) * 2.0**28)
    a, b = fitted("did_2x2", frame).overall, fitted("did_2x2", raised).overall
    # levels of 1e9 leave 1e-7 of the outcome
    assert b.value == pytest.approx(a.value, abs=1e-7)
    assert b.std_error == pytest.approx(a.std_error, rel=1e-6)


# ---- clusters: CR2, CR3 and the jackknife ----------------------------------------------------------------------


@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("vcov", ["CR0", "CR2", "CR3", "jackknife"])
def test_in_a_panel_corrected_covariances_are_those_of_two_way_fixed_effects(vcov, cluster):
    frame = drawn({3: 6, NEVER: 9}, 6, seed=41).assign(st=lambda f: f["id"] % 6)
    a, b = (fitted(name, frame, cluster=cluster, options={"vcov": vcov}) for name in ("did_2x2", "twfe"))
    assert a.overall.std_error == pytest.approx(b.overall.std_error, rel=1e-10)
    assert a.overall.df == pytest.approx(b.overall.df, rel=1e-10)
    assert a.inference == b.inference


@pytest.mark.parametrize(("vcov", "power"), [("CR2", 0.5), ("CR3", 1.0)])
def test_in_a_panel_with_chosen_periods_corrected_covariances_are_of_these(vcov, power):
    frame = drawn({3: 6, NEVER: 9}, 6, seed=41)
    some = frame[frame["t"].isin([1, 2, 5])]
    covariance, df = dense(some, [some["t"] >= some["g"]]).corrected(some["id"], power)
    overall = fitted("did_2x2", frame, options={"before": [1, 2], "after": [5], "vcov": vcov}).overall
    assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert overall.df == pytest.approx(df[0] if vcov == "CR2" else 14, rel=1e-9)


@pytest.mark.parametrize(
    ("vcov", "power", "factor"), [("CR0", 0, 1), ("CR2", 0.5, 1), ("CR3", 1, 1), ("jackknife", 1, 4 / 5)]
)
def test_in_cross_sections_corrected_covariances_from_whole_matrices(vcov, power, factor):
    frame = sales().assign(c=lambda f: np.arange(len(f)) % 5)
    x = np.column_stack([np.ones(len(frame)), frame["near"], frame["t"] == 2003, frame["near"] * (frame["t"] == 2003)])
    rows = np.linalg.pinv(x.astype(float))
    residual = frame["y"].to_numpy() - x @ rows @ frame["y"].to_numpy()
    whole = Dense(rows @ frame["y"].to_numpy(), residual, rows, x @ rows, 4)
    covariance, df = whole.corrected(frame["c"], power, np.eye(4)[3:])
    effect = sold(frame, design={"cluster": "c"}, vcov=vcov)
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[3, 3] * factor), rel=1e-9)
    assert effect.overall.df == pytest.approx(df[0] if vcov == "CR2" else 4, rel=1e-9)
    assert effect.inference.startswith(f"clustered by c, {vcov}")


def test_covariances_by_clusters_need_clusters():
    with pytest.raises(UsageError, match=r"vcov CR2 is by clusters, and these cross-sections have none. Name a column"):
        sold(sales(), vcov="CR2")


def test_covariances_by_clusters_with_covariates_are_refused():
    frame = sales().assign(c=lambda f: np.arange(len(f)) % 5, t2=lambda f: f["y"] ** 2)
    with pytest.raises(UsageError, match="did_2x2 with covariates: vcov is 'CR2'; by clusters there is CR1"):
        sold(frame, design={"cluster": "c"}, vcov="CR2", covariates=("t2",))


# ---- invariances -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vcov", ["iid", "HC1", "HC3"])
def test_what_does_not_matter_in_cross_sections(vcov):
    frame = sales()
    a = sold(frame, vcov=vcov).overall
    for change, factor in (
        (frame.sample(frac=1, random_state=1), 1),
        (frame.assign(y=frame["y"] * 2**20), 2**20),
        (frame.assign(y=frame["y"] + 1e6), 1),
    ):
        b = sold(change, vcov=vcov).overall
        assert b.value == pytest.approx(factor * a.value, rel=1e-9)  # levels of 1e6 leave ten digits
        assert b.std_error == pytest.approx(factor * a.std_error, rel=1e-9)


def test_the_frame_is_left_as_it_was():
    frame = sales()
    before = frame.copy(deep=True)
    sold(frame)
    pd.testing.assert_frame_equal(frame, before)


# ---- what cannot be had ---------------------------------------------------------------------------------------


def test_several_dates_are_refused_with_what_to_use():
    with pytest.raises(
        DesignError,
        match=r"did_2x2 needs one adoption date; this design has 2 adoption dates \(2, 3\). Use callaway_santanna",
    ):
        fitted("did_2x2", drawn({2: 5, 3: 5, NEVER: 5}, 5, seed=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"before": [2003]}, "2003 lies on the wrong side of 2003"),
        ({"after": [2001, 2003]}, "2001 lies on the wrong side of 2003"),
        ({"before": [1999]}, "before names 1999, not among the periods 2001 to 2003"),
        ({"after": []}, "none is after"),
        ({"before": []}, "none is before"),
    ],
)
def test_periods_on_the_wrong_side_are_refused(options, words):
    with pytest.raises(DesignError, match=words):
        sold(sales(), **options)


def test_an_unknown_covariance_is_refused_with_those_there_are():
    for covariates in ((), ("t2",)):
        with pytest.raises(UsageError, match="vcov is 'HC4'; it has to be"):
            sold(sales().assign(t2=lambda f: f["y"] ** 2), vcov="HC4", covariates=covariates)


def test_an_unknown_covariance_is_refused_in_a_panel_too():
    with pytest.raises(UsageError, match="vcov is 'HC4'"):
        fitted("did_2x2", drawn({3: 6, NEVER: 9}, 6, seed=41), options={"vcov": "HC4"})


def test_a_cell_without_an_observation_is_refused():
    frame = sales()
    with pytest.raises(DesignError, match=r"one of the four cells .* has no observation"):
        sold(frame[~((frame["near"] == 0) & (frame["t"] == 2003))])


@pytest.mark.parametrize("vcov", ["iid", "HC0", "HC1", "HC2", "HC3"])
def test_one_observation_in_a_cell_leaves_no_robust_standard_error(vcov):
    frame = sales()
    one = frame[~((frame["near"] == 1) & (frame["t"] == 2003)) | (frame.index == 5)]
    overall = sold(one, vcov=vcov).overall
    assert overall.value is not None
    if vcov == "iid":  # the other cells show the variance that all share
        assert overall.std_error == pytest.approx(np.sqrt(_classical(one)), rel=1e-10)  # least squares of 14 rows
    else:
        assert overall.std_error is None
        assert "one of the four cells has one observation" in overall.reason


def _classical(frame):
    _, residual, _, bread = least_squares(frame)
    return bread[3, 3] * (residual @ residual) / (len(frame) - 4)


@pytest.mark.parametrize("vcov", ["iid", "HC0", "HC1", "HC2", "HC3"])
def test_one_observation_in_each_cell_has_an_effect_and_no_standard_error(vcov):
    frame = sales().drop_duplicates(["near", "t"])
    overall = sold(frame[frame["t"] > 2001], vcov=vcov).overall
    assert overall.value == (4 - 8) - (11 - 9)
    assert overall.std_error is None
    assert overall.reason


def test_one_treated_unit_has_no_standard_error():
    overall = fitted("did_2x2", drawn({2: 1, NEVER: 9}, 5, seed=19)).overall
    assert overall.value is not None
    assert overall.std_error is None
    assert "one treated unit" in overall.reason


def test_covariates_that_say_the_same_are_refused():
    for same in (lambda f: 2 * f["near"] + 1, lambda f: 0 * f["y"], lambda f: 0 * f["y"] + 5):
        with pytest.raises(EstimationError, match="same"):
            sold(sales().assign(same=same), covariates=["same"])


def test_covariates_in_a_panel_are_refused_with_what_to_use():
    with pytest.raises(
        DesignError, match=r"did_2x2 takes covariates in repeated cross-sections only. Use twfe for a panel"
    ):
        fitted(
            "did_2x2",
            drawn({3: 6, NEVER: 9}, 6, seed=41).assign(x=lambda f: f["y"] ** 2),
            options={"covariates": ["x"]},
        )


def test_units_treated_from_the_start_do_not_count():
    frame = long(
        {"Gary": [1, 5], "Hobart": [3, 2], "Muncie": [2, 7], "Peru": [4, 4], "Wabash": [1, 2]},
        {"Gary": 2002, "Muncie": 2002, "Hobart": 2001},
    )
    effect = fitted("did_2x2", frame)
    assert effect.overall.value == pytest.approx(4.5 - 0.5, rel=1e-13)  # eight small numbers
    assert effect.sample.n_units == 4


def test_a_panel_read_as_cross_sections_is_clustered_by_its_units():
    frame = drawn({2: 6, NEVER: 9}, 4, seed=41)
    panel = panel_of(frame)
    effect = si.estimate(
        "did_2x2", panel, si.Design.from_panel(panel, first_treated="g", balance="repeated_cross_sections")
    )
    assert effect.sample.n_clusters == 15
    assert effect.overall.value == pytest.approx(
        fitted("did_2x2", frame).overall.value, rel=1e-11
    )  # balanced: the same means


def test_clusters_of_periods_that_are_not_compared_do_not_count():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"t": np.repeat([1, 2, 3, 4], 60), "z": np.tile([0, 1], 120), "y": rng.normal(size=240)})
    frame["c"] = frame["t"] * 100 + np.arange(240) % 6  # each period has six clusters of its own
    compared = frame[frame["t"].isin([2, 3])]

    def fit(data, **options):
        panel = si.Panel.from_frame(data, unit=None, period="t", outcome="y")
        return si.estimate("did_2x2", panel, si.Design.from_panel(panel, group="z", starts=3, cluster="c"), **options)

    chosen, alone = fit(frame, before=[2], after=[3]), fit(compared)
    assert (chosen.overall.df, chosen.sample.n_clusters) == (alone.overall.df, alone.sample.n_clusters) == (11, 12)
    assert (chosen.sample.n_units, chosen.sample.n_treated) == (120, 60)
    assert chosen.overall.std_error == pytest.approx(alone.overall.std_error, rel=1e-12)  # the same rows


@pytest.mark.parametrize("options", [{}, {"covariates": ["x"]}], ids=["plain", "a covariate"])
def test_one_cluster_is_refused_with_what_to_do(options):
    frame = drawn({BEFORE: 5, 2: 6, NEVER: 9}, 4, seed=41)
    frame["x"] = np.random.default_rng(2).normal(size=len(frame))
    frame["c"] = np.where(frame["g"] == BEFORE, "early", "rest")
    with pytest.raises(
        DesignError, match=r"All units that can be compared lie in one cluster of 'c'.*Leave `cluster` out"
    ):
        fitted("did_2x2", frame, cluster="c", balance="repeated_cross_sections", options=options)


def test_one_cluster_in_the_periods_compared_is_refused():
    frame = drawn({2: 6, NEVER: 9}, 4, seed=41)
    frame["c"] = (frame["t"] == 0).astype(int)
    panel = panel_of(frame, unit=None)
    design = si.Design.from_panel(panel, first_treated="g", cluster="c")
    with pytest.raises(DesignError, match="lie in one cluster of 'c'"):
        si.estimate("did_2x2", panel, design, before=[1], after=[2])


def test_clusters_that_are_groups_leave_no_standard_error_with_covariates():
    frame = drawn({2: 6, NEVER: 9}, 4, seed=41)
    frame["x"] = np.random.default_rng(2).normal(size=len(frame))
    frame["c"] = np.isfinite(frame["g"]).astype(int)
    panel = panel_of(frame, unit=None)
    design = si.Design.from_panel(panel, first_treated="g", cluster="c")
    overall = si.estimate("did_2x2", panel, design, covariates=["x"]).overall
    assert overall.std_error is None
    assert overall.reason


def test_cohorts_that_are_clusters_are_said_to_be_why_there_is_no_standard_error():
    frame = drawn({2: 6, NEVER: 9}, 4, seed=41)
    frame["c"] = np.isfinite(frame["g"]).astype(int)
    overall = fitted("did_2x2", frame, cluster="c").overall
    assert (overall.std_error, overall.reason) == (
        None, "no standard error: each cohort lies in one cluster, whose own variation cannot be seen",
    )  # fmt: skip


def test_without_its_only_treated_unit_the_design_is_refused_in_words():
    panel = panel_of(long({"a": [1, 2], "b": [3, 5]}, {"a": 2002}))
    design = si.Design.from_panel(panel, first_treated="g")
    with pytest.raises(DesignError, match="no unit is treated here"):
        si.estimate("did_2x2", panel, leave_out(panel, design, np.array([0])))
