"""Front door: against two regressions, DoWhy, the jackknife and a known effect."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import scale_impact as si
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DesignError, EstimationError
from tests.panels import jackknifed, panel_of

GRAPH = Graph.parse(["d -> m -> y", "d <-> y"])
TRUE = 2.0 * 1.5


def frame(seed=0, n=300):
    rng = np.random.default_rng(seed)
    u, m, y = rng.normal(size=(3, n))
    d = (u + rng.normal(size=n) > 0) * 1.0
    m = 2 * d + m
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "d": d,
            "m": m,
            "m2": rng.normal(size=n) + d,
            "y": 1.5 * m + 3 * u + y,
            "x": x,
            "t": 1,
            "city": np.arange(n) // 4,
        }
    )


def fitted(data, *, graph=None, cluster=None, **options):
    panel = panel_of(data, unit=None)
    design = si.Design.from_panel(panel, exposure="d", graph=graph, cluster=cluster)
    return si.estimate("front_door", panel, design, **options)


def test_it_is_the_product_of_two_regressions():
    data = frame()
    first = sm.OLS(data["m"], sm.add_constant(data[["d", "x"]])).fit().params["d"]
    second = sm.OLS(data["y"], sm.add_constant(data[["m", "d", "x"]])).fit().params["m"]
    found = fitted(data, through=["m"], covariates=["x"])
    assert found.overall.value == pytest.approx(first * second, rel=1e-10)
    assert found.estimand == "ATE"


def test_the_estimate_is_dowhys():
    from dowhy import CausalModel

    data = frame()
    model = CausalModel(
        data[["d", "m", "y"]], "d", "y", graph="digraph {d -> m; m -> y; u -> d; u -> y; u[observed=no]}"
    )
    theirs = model.estimate_effect(model.identify_effect(), method_name="frontdoor.two_stage_regression")
    assert fitted(data, graph=GRAPH).overall.value == pytest.approx(theirs.value, rel=1e-8)


@pytest.mark.parametrize("cluster", [None, "city"])
def test_the_standard_error_is_the_jackknifes(cluster):
    data = frame(n=80)

    def product(weight):
        w = np.asarray(weight)
        first = sm.WLS(data["m"], sm.add_constant(data[["d"]]), w).fit().params["d"]
        return np.array([first * sm.WLS(data["y"], sm.add_constant(data[["m", "d"]]), w).fit().params["m"]])

    blocks = np.arange(80) if cluster is None else data["city"].to_numpy()
    g = len(np.unique(blocks))
    factor = g / (g - 1) * 79 / (80 - 3)
    expected = np.sqrt(jackknifed(product, np.ones(80), blocks)[0, 0] * factor)
    found = fitted(data, through=["m"], cluster=cluster)
    assert found.overall.std_error == pytest.approx(expected, rel=1e-6)
    assert found.overall.df == g - 1


def test_it_finds_the_effect_that_adjustment_misses():
    draws = [fitted(frame(seed), graph=GRAPH).overall for seed in range(100)]
    assert np.mean([e.value for e in draws]) == pytest.approx(TRUE, abs=3 * np.std([e.value for e in draws]) / 10)
    inside = [e.interval()[0] < TRUE < e.interval()[1] for e in draws]
    assert sum(inside) >= 88  # 95 of 100, less three standard errors
    data = frame()
    difference = data["y"][data["d"] == 1].mean() - data["y"][data["d"] == 0].mean()
    assert difference > TRUE + 2


def test_several_mediators_carry_their_parts():
    data = frame()
    data["y"] += data["m2"]
    found = fitted(data, through=["m", "m2"])
    both = sm.OLS(data["y"], sm.add_constant(data[["m", "m2", "d"]])).fit().params
    first = [sm.OLS(data[m], sm.add_constant(data["d"])).fit().params["d"] for m in ("m", "m2")]
    assert found.overall.value == pytest.approx(first[0] * both["m"] + first[1] * both["m2"], rel=1e-10)
    assert any("m2: " in n for n in found.notes)


def test_versions_of_the_data_are_estimated_as_data():
    data = frame(n=60)
    again = fitted(data, through=["m"]).adjusted.again
    rng = np.random.default_rng(0)
    counts = rng.multinomial(60, np.full(60, 1 / 60), size=2).astype(float)
    twice = data.loc[np.repeat(np.arange(60), counts[0].astype(int))]
    assert again(Retrials(counts=counts))[0] == pytest.approx(
        fitted(twice.reset_index(drop=True), through=["m"]).overall.value
    )
    extra = again(Retrials(extra=data[["x"]].to_numpy().T))[0]
    assert extra == pytest.approx(fitted(data, through=["m"], covariates=["x"]).overall.value)
    placebo = again(Retrials(exposure=np.ones((1, 60))))
    assert np.isnan(placebo[0])


def test_changes_are_used_where_units_are_followed():
    rng = np.random.default_rng(1)
    units, t = np.repeat(np.arange(60), 2), np.tile([0, 1], 60)
    d = (units < 30) & (t == 1)
    level = 5 * rng.normal(size=60)[units]
    m = level + 2 * d + rng.normal(size=120)
    data = pd.DataFrame(
        {"id": units, "t": t, "g": np.where(units < 30, 1.0, np.inf), "m": m, "y": 1.5 * m + rng.normal(size=120)}
    )
    panel = panel_of(data)
    graph = Graph.parse(["treatment -> m -> outcome", "treatment <-> outcome"])
    found = si.estimate("front_door", panel, si.Design.from_panel(panel, first_treated="g", graph=graph))
    change = (
        data.set_index(["id", "t"])[["m", "y"]].unstack().T.groupby(level=0).apply(lambda f: f.iloc[1] - f.iloc[0]).T
    )
    treated = sm.add_constant((change.index < 30).astype(float))
    first = sm.OLS(change["m"], treated).fit().params.iloc[1]
    second = sm.OLS(change["y"], np.column_stack([treated, change["m"]])).fit().params.iloc[2]
    assert found.overall.value == pytest.approx(first * second, rel=1e-9)
    assert found.estimand == "ATT"


def test_without_mediators_or_a_front_door_there_is_no_answer():
    with pytest.raises(DesignError, match="name columns as `through`"):
        fitted(frame())
    with pytest.raises(DesignError, match="there is no front door"):
        fitted(frame(), graph=Graph.parse(["d -> y", "d <-> y"]))


def test_mediators_that_are_no_front_door_by_the_graph_are_said():
    found = fitted(frame(), graph=Graph.parse(["d -> m -> y", "d -> y", "d <-> y"]), through=["m"])
    assert any("no front door" in n for n in found.notes)
    assert not any("no front door" in n for n in fitted(frame(), graph=GRAPH, through=["m"]).notes)


def test_a_mediator_that_follows_from_the_exposure_is_refused():
    with pytest.raises(EstimationError, match="must not follow from the exposure alone"):
        fitted(frame().assign(m=lambda f: 2 * f["d"]), through=["m"])


@pytest.mark.parametrize("column", ["y", "m", "d", "x"])
@pytest.mark.parametrize("unit", [lambda v: v * 1e9, lambda v: v * 1e-9, lambda v: v + 1e7])
def test_the_unit_of_measurement_changes_nothing_else(column, unit):
    data = frame()
    changed = data.assign(**{column: unit(data[column])})
    found, other = (fitted(f, through=["m"], covariates=["x"]).overall for f in (data, changed))
    assert other.p_value == pytest.approx(found.p_value, rel=1e-5)
    ratio = np.ptp(changed[column]) / np.ptp(data[column])
    factor = {"y": ratio, "d": 1 / ratio}.get(column, 1.0)
    assert other.value == pytest.approx(found.value * factor, rel=1e-6)
    assert other.std_error == pytest.approx(found.std_error * factor, rel=1e-6)


@pytest.mark.parametrize("outcome", [lambda f: 5.0, lambda f: f["d"], lambda f: 2 * f["x"] + 0.3])
def test_an_outcome_that_mediators_do_not_move_at_all_has_no_error(outcome):
    found = fitted(frame().assign(y=outcome), through=["m"], covariates=["x"])
    assert (found.overall.value, found.overall.std_error, found.influence) == (0.0, None, None)
    assert "the outcome has no variation" in found.overall.reason


def test_an_outcome_that_is_the_mediator_keeps_the_error_of_the_first_step():
    found = fitted(frame().assign(y=lambda f: f["m"]), through=["m"]).overall
    first = sm.OLS(frame()["m"], sm.add_constant(frame()[["d"]])).fit(cov_type="HC1")
    assert found.value == pytest.approx(first.params["d"], rel=1e-9)
    assert found.std_error == pytest.approx(first.bse["d"], rel=0.01)


@pytest.mark.parametrize("cluster", [None, "city"])
@pytest.mark.parametrize("alone", [0, 1])
def test_one_cluster_on_a_side_leaves_no_standard_error(cluster, alone):
    who = (lambda f: f["city"] == 5) if cluster else (lambda f: f.index == 20)
    data = frame().assign(d=lambda f: np.where(who(f), 1.0 - alone, alone))
    found = fitted(data, through=["m"], cluster=cluster).overall
    assert found.std_error is None
    assert "a slope rests on one cluster (row 20), whose own variation cannot be seen" in found.reason


def test_a_mediator_of_one_row_leaves_no_standard_error():
    data = frame().assign(m=lambda f: (f.index == 20) * 1.0)
    assert "rests on one cluster (row 20)" in fitted(data, through=["m"]).overall.reason


@pytest.mark.parametrize("cluster", [None, "city"])
def test_other_estimators_can_be_compared_with_it(cluster):
    panel = panel_of(frame(), unit=None)
    design = si.Design.from_panel(panel, exposure="d", cluster=cluster)
    fits = {
        "front_door": lambda p, d: si.estimate("front_door", p, d, through=["m"], covariates=["x"]),
        "backdoor_regression": lambda p, d: si.estimate("backdoor_regression", p, d, covariates=["x"]),
    }
    own = fits["front_door"](panel, design)
    assert np.sqrt(own.influence.covariance()[0, 0]) == pytest.approx(own.overall.std_error, rel=1e-9)
    found = si.check("agreement", panel, design, fits["front_door"], refits=fits)
    assert found.verdict == "fail"
    assert found.details["rows"][0]["difference_std_error"] > 0


@pytest.mark.parametrize(("through", "words"), [("y", "is the outcome itself"), (["m", "d"], "is the exposure itself")])
def test_outcome_and_exposure_are_no_mediators(through, words):
    with pytest.raises(DesignError, match=words):
        fitted(frame(), through=through)


def test_the_outcome_is_not_held_fixed():
    with pytest.raises(DesignError, match="Covariate 'y' is the outcome itself"):
        fitted(frame(), through=["m"], covariates=["y"])


def test_few_clusters_are_said():
    assert any("13 clusters" in n for n in fitted(frame(n=52), through=["m"], cluster="city").notes)
