"""What a session tells of a causal model: what is assumed, and whether those compared are alike."""

import pytest

from scale_impact.session import open_session
from tests.panels import ROOT


@pytest.fixture(scope="module")
def inspections():
    return open_session(str(ROOT / "studies/restaurant-inspections"))


@pytest.fixture(scope="module")
def snow():
    return open_session(str(ROOT / "studies/snow-london-water"))


def test_means_of_covariates_stand_beside_each_other_before_and_after(inspections):
    table = inspections.covariate_balance()
    row = table.loc["log_inspections"]
    exposed = inspections.data().query("weekend == 1")["log_inspections"].mean()
    assert row["before", "exposed"] == pytest.approx(exposed)
    assert abs(row["before", "difference, sd"]) > 0.7
    assert abs(row["after", "difference, sd"]) < 0.05


def test_the_graph_s_claims_are_told_with_what_is_held_constant(inspections):
    said = inspections.assumptions().data
    assert "**Not measured**: `kind of place`" in said
    assert "by holding `log_inspections` and `year` constant" in said
    assert inspections.identification().verdict == "pass"
    assert inspections.graph().chosen == ("log_inspections", "year")


def test_over_changes_it_is_told_what_the_picture_leaves_out(snow):
    said = snow.assumptions().data
    assert "`district`, which drops out over changes" in said
    assert "Imai and Kim 2019" in said


def test_without_a_graph_or_covariates_a_sentence_says_so(inspections):
    without = open_session(str(ROOT / "studies/north-andover-incinerator"))
    assert "draws no graph" in without.assumptions().data
    assert without.identification().verdict == "inapplicable"


def test_means_by_exposure_are_what_a_naive_comparison_would_report(inspections):
    means = inspections.means()
    assert list(means["rows"]) == [26968, 210]
    assert means["score"].diff().iloc[1] == pytest.approx(2.1, abs=0.01)
