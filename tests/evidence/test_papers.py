"""Published numbers: how a line becomes a row, and all that can be wrong with it."""

import math

import pytest

from scale_impact.core.evidence import ESTIMATE_FIELDS
from scale_impact.core.project import Project
from scale_impact.errors import SourceError, UsageError
from scale_impact.evidence.papers import PAPER_FIELDS, paper_rows
from tests.panels import ROOT


def row(place, /, **line):
    place.papers(line)
    (found,) = paper_rows(place.project)
    return found


def wrong(place, /, **line):
    place.papers(line)
    with pytest.raises(SourceError) as caught:
        paper_rows(place.project)
    return "\n".join(caught.value.problems)


def test_a_line_has_the_fields_of_an_estimate_and_says_where_it_is_from(place):
    found = row(
        place, country="DE", first_year="2001", last_year="2009", url="https://x.org", n_units="40", data_set="Towns"
    )
    assert tuple(found) == PAPER_FIELDS
    assert PAPER_FIELDS[: len(ESTIMATE_FIELDS)] == ESTIMATE_FIELDS
    named = {
        k: found[k]
        for k in ("study", "measure", "indicator", "dimension", "direction", "outcome_unit", "kind", "label", "role")
    }
    assert named == {
        "study": "miller-2020", "measure": "zone", "indicator": "jobs", "dimension": "economy", "direction": "+", "outcome_unit": "jobs",
        "kind": "overall", "label": "overall", "role": "primary",
    }  # fmt: skip
    assert (found["estimate"], found["std_error"], found["n_units"], found["first_year"]) == (12.0, 4.0, 40, 2001)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((12 - 1.959964 * 4, 12 + 1.959964 * 4), rel=1e-6)
    assert (found["source"], found["page"], found["file"], found["line"], found["printed"]) == (
        "Miller (2020)",
        "table 2",
        "found",
        2,
        "12 (4)",
    )
    assert (found["credibility"], found["rule"]) == (
        3,
        "by its design, difference_in_differences: before and after with a comparison group",
    )


def test_a_number_of_one_city_is_a_unit(place):
    found = row(place, kind="unit", place="Southtown")
    assert (found["kind"], found["label"]) == ("unit", "Southtown")


def test_per_cent_become_log_points(place):
    found = row(
        place, conversion="per_cent", estimate="-41.9", std_error=None, ci_low="-47.8", ci_high="-36.0", level="0.95"
    )
    assert found["estimate"] == pytest.approx(math.log(1 - 0.419))
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((math.log(1 - 0.478), math.log(1 - 0.36)))
    assert found["std_error"] == pytest.approx(
        (47.8 - 36.0) / 2 / 1.959964 / 100 / (1 - 0.419), rel=1e-6
    )  # even in per cent: delta method
    assert found["outcome_unit"] == "log(jobs)"


def test_per_cent_made_of_logs_are_taken_back_to_them(place):
    # exp(0.5 +- 1.96 x 0.25) - 1: uneven in per cent, even as logarithms
    ends = [100 * math.expm1(0.5 + sign * 1.959964 * 0.25) for sign in (-1, 1)]
    line = {"ci_low": f"{ends[0]:.2f}", "ci_high": f"{ends[1]:.2f}", "level": "0.95"}
    found = row(place, conversion="per_cent", estimate=f"{100 * math.expm1(0.5):.2f}", std_error=None, **line)
    assert (found["estimate"], found["std_error"]) == pytest.approx((0.5, 0.25), rel=1e-3)


def test_no_change_in_per_cent_keeps_its_standard_error(place):
    found = row(place, conversion="per_cent", estimate="0", std_error="5")
    assert (found["estimate"], found["std_error"]) == (0.0, 0.05)


def test_an_odds_ratio_is_log_odds_or_with_a_base_rate_percentage_points(place):
    line = {
        "indicator": "rents",
        "conversion": "odds_ratio",
        "estimate": "1.714286",
        "std_error": None,
        "ci_low": "1.1",
        "ci_high": "2.67159",
        "level": "0.95",
    }
    plain = row(place, **line)
    assert (plain["outcome_unit"], plain["estimate"]) == ("log odds(%)", pytest.approx(math.log(12 / 7), rel=1e-6))
    assert plain["std_error"] == pytest.approx(math.log(2.67159 / 1.1) / 2 / 1.959964, rel=1e-6)
    based = row(place, **line, base_rate="0.2")
    assert (based["outcome_unit"], based["estimate"]) == ("%", pytest.approx(10.0, rel=1e-5))
    assert based["std_error"] == pytest.approx(100 * plain["std_error"] * 0.3 * 0.7, rel=1e-5)
    assert "adjusted" in based["inference"]
    assert based["ci_low"] < based["estimate"] < based["ci_high"]


def test_an_odds_ratio_of_a_quantity_cut_in_two_needs_its_spread(place):
    found = row(
        place, conversion="odds_ratio", estimate="2", std_error="0.3", std_error_of="log", standard_deviation="10"
    )
    assert found["estimate"] == pytest.approx(math.log(2) * math.sqrt(3) / math.pi * 10)
    assert found["std_error"] == pytest.approx(0.3 * math.sqrt(3) / math.pi * 10)
    assert found["outcome_unit"] == "jobs"


def test_the_standard_error_of_a_ratio_may_be_the_ratios_own(place):
    own = row(place, conversion="risk_ratio", estimate="0.8", std_error="0.08", std_error_of="ratio")
    assert (own["estimate"], own["std_error"], own["outcome_unit"]) == (
        pytest.approx(math.log(0.8)),
        pytest.approx(0.1),
        "log(jobs)",
    )


def test_standardised_differences_need_the_outcomes_spread(place):
    found = row(
        place,
        conversion="cohens_d",
        estimate="0.5",
        std_error=None,
        standard_deviation="20",
        n_treated="50",
        n_control="50",
    )
    assert (found["estimate"], found["outcome_unit"]) == (10.0, "jobs")
    assert found["std_error"] == pytest.approx(20 * math.sqrt(100 / 2500 + 0.25 / 200))
    hedges = row(place, conversion="hedges_g", estimate="0.5", std_error="0.2", standard_deviation="20", df="98")
    assert hedges["estimate"] == pytest.approx(10 / (1 - 3 / 391))


def test_shares_and_percentage_points_are_told_apart(place):
    assert row(place, indicator="online", conversion="percentage_points", estimate="-3", std_error="1")[
        "estimate"
    ] == pytest.approx(-0.03)
    assert row(place, indicator="rents", conversion="percentage_points", estimate="-3", std_error="1")[
        "estimate"
    ] == pytest.approx(-3)
    assert "percentage_points or per_cent" in wrong(place, indicator="rents", conversion="none")


def test_another_unit_needs_a_factor(place):
    found = row(
        place,
        indicator="income",
        conversion="factor",
        factor="1000",
        unit="thousand EUR",
        estimate="-1.5",
        std_error="0.5",
    )
    assert (found["estimate"], found["std_error"], found["outcome_unit"]) == (-1500.0, 500.0, "EUR")
    assert "unit is 'thousand jobs', and jobs is in 'jobs'" in wrong(place, unit="thousand jobs")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"t_value": "3"}, 4.0), ({"p_value": "0.0027"}, 4.0), ({"ci_low": "4.16", "ci_high": "19.84", "level": "0.95"}, 4.0),
        ({"ci_low": "5.42", "ci_high": "18.58", "level": "0.9"}, 4.0), ({"t_value": "3", "df": "20"}, 4.0),
    ],
)  # fmt: skip
def test_the_standard_error_may_be_said_in_other_words(place, given, error):
    assert row(place, std_error=None, **given)["std_error"] == pytest.approx(error, rel=2e-3)


def test_without_any_of_them_there_is_none_and_that_is_said(place):
    found = row(place, std_error=None)
    assert (found["std_error"], found["ci_low"]) == (None, None)
    assert "does not tell how sure" in found["inference"]


def test_an_uneven_interval_is_refused_unless_it_is_meant(place):
    line = {"std_error": None, "ci_low": "8", "ci_high": "30", "level": "0.95"}
    assert "does not lie evenly" in wrong(place, **line)
    found = row(place, **line, interval="uneven")
    assert found["std_error"] == pytest.approx(22 / 2 / 1.959964, rel=1e-6)
    assert "roughly" in found["inference"]


def test_a_minus_sign_of_print_is_a_minus(place):
    assert row(place, estimate="\N{MINUS SIGN}12")["estimate"] == -12.0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"measure": "zonne"}, "there is no measure 'zonne' (data/measures/). Did you mean 'zone'?"),
        ({"indicator": "job"}, "there is no indicator 'job'. Did you mean 'jobs'?"),
        ({"design": "difference_in_diferences"}, "Did you mean 'difference_in_differences'?"),
        ({"conversion": "odds"}, "there is no conversion 'odds'. Did you mean 'odds_ratio'?"),
        ({"conversion": "odds_ratio", "indicator": "rents", "estimate": "-0.5"}, "estimate is -0.5, and conversion odds_ratio: a ratio is above 0"),
        ({"conversion": "risk_ratio", "estimate": "0"}, "a ratio is above 0"),
        ({"conversion": "per_cent", "estimate": "-120"}, "nothing can fall by 100 %"),
        ({"conversion": "odds_ratio", "estimate": "2"}, "jobs is in jobs, which is no share"),
        ({"conversion": "risk_ratio", "estimate": "2"}, "std_error_of does not say of what"),
        ({"conversion": "risk_ratio", "indicator": "rents", "estimate": "6", "std_error": None, "base_rate": "0.2"}, "a share of 1 or more"),
        ({"conversion": "cohens_d", "estimate": "0.4"}, "standard_deviation is empty"),
        ({"conversion": "factor"}, "factor is empty"),
        ({"factor": "100"}, "conversion none does not use it (used by: factor)"),
        ({"std_error": None, "ci_low": "13", "ci_high": "20", "level": "0.95"}, "without holding it"),
        ({"std_error": None, "ci_low": "20", "ci_high": "4", "level": "0.95"}, "the interval is empty"),
        ({"std_error": None, "ci_low": "4", "ci_high": "20"}, "level is empty"),
        ({"std_error": None, "ci_low": "4", "level": "0.95"}, "ci_high is empty, and the other end is given"),
        ({"ci_low": "10", "ci_high": "14", "level": "0.95"}, "gives a standard error of 1.02, the standard error one of 4"),
        ({"t_value": "-3"}, "the effect goes the other way"),
        ({"std_error": None, "p_value": "<0.05"}, "A bound is no number"),
        ({"p_value": "1.2"}, "p_value is 1.2; it lies between 0 and 1"),
        ({"std_error": "-4"}, "std_error is -4; it has to be above 0"),
        ({"std_error": "(4)"}, "without stars and brackets"),
        ({"estimate": "12,5"}, "a plain number with a point"),
        ({"estimate": "12 %"}, "the column conversion says that it is in per cent"),
        ({"estimate": "inf"}, "which is no number"),
        ({"first_year": "2009", "last_year": "2001"}, "first_year is 2009, after last_year (2001)"),
        ({"n_units": "4.5"}, "Write a whole number"),
        ({"credibility": "6", "credibility_reason": "x"}, "the Maryland scale goes from 1 to 5"),
        ({"credibility": "4"}, "credibility and credibility_reason go together"),
        ({"kind": "city"}, "kind is 'city'; it has to be overall or unit"),
        ({"source": None}, "source is empty"),
        ({"conversion": "factor", "factor": "1e308"}, "is no finite number"),
        ({"estimate": "0", "std_error": None, "p_value": "1"}, "neither a t value nor a p value"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_line_is_said_with_its_number(place, line, said):
    found = wrong(place, **line)
    assert "data/evidence/found.csv: line 2, miller-2020: " in found
    assert said in found


def test_all_problems_of_all_files_are_said_at_once(place):
    place.papers({"measure": "zonne"}, {"paper": "lee", "std_error": "-1", "estimate": "x"}, name="a")
    place.papers({"indicator": "jbos"}, name="b")
    with pytest.raises(SourceError) as caught:
        paper_rows(place.project)
    heads = [p.partition(",")[0] for p in caught.value.problems]
    assert heads == ["data/evidence/a.csv: line 2", "data/evidence/a.csv: line 3", "data/evidence/b.csv: line 2"]


def test_a_slip_in_the_head_is_said(place):
    place.papers({}, head=None)
    path = place.root / "data/evidence/found.csv"
    path.write_text(path.read_text().replace("std_error", "std_eror"))
    with pytest.raises(SourceError, match="Did you mean 'std_error'"):
        paper_rows(place.project)
    path.write_text("paper,measure\nx,zone\n")
    with pytest.raises(SourceError, match="lacks the column indicator, place, design"):
        paper_rows(place.project)


@pytest.mark.parametrize("sign, called", [(";", "semicolons"), ("\t", "tabs")])
def test_a_file_of_another_separator_is_said_to_be_one(place, sign, called):
    place.papers({}, head=None)
    path = place.root / "data/evidence/found.csv"
    path.write_text(path.read_text().replace(",", sign).replace("0.5", "0,5"))
    with pytest.raises(SourceError, match=f"Its fields are separated by {called} ") as error:
        paper_rows(place.project)
    assert len(error.value.problems) == 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x00\x00"])
def test_a_file_that_is_none_is_refused_by_name(place, content):
    place.papers({})
    (place.root / "data/evidence/found.csv").write_bytes(content)
    with pytest.raises(SourceError, match=r"data/evidence/found\.csv"):
        paper_rows(place.project)


def test_one_number_of_a_paper_is_primary(place):
    place.papers({}, {"estimate": "13"})
    with pytest.raises(SourceError, match="Which of the two counts"):
        paper_rows(place.project)
    place.papers({}, {"estimate": "13", "role": "secondary"}, {"place": "Southtown"})
    assert [r["role"] for r in paper_rows(place.project)] == ["primary", "secondary", "primary"]


def test_without_a_folder_there_are_no_rows(place):
    assert paper_rows(place.project) == []
    with pytest.raises(UsageError, match=r"There is no data/evidence/fuond\.csv"):
        paper_rows(place.project, ["fuond"])


def test_files_are_read_again_when_they_change(place):
    assert row(place)["estimate"] == 12
    assert row(place, estimate="13")["estimate"] == 13
    first = paper_rows(place.project)
    first[0]["estimate"] = "spoilt"
    assert paper_rows(place.project)[0]["estimate"] == 13


def test_the_author_may_give_a_level_with_a_reason(place):
    found = row(place, credibility="2", credibility_reason="controls moved another way before")
    assert (found["credibility"], found["rule"]) == (2, "given by who entered it: controls moved another way before")


def test_the_shipped_numbers_are_in_order_and_name_their_pages():
    rows = paper_rows(Project(ROOT))
    assert len(rows) >= 10
    assert all(r["source"] and r["page"] for r in rows)
    grundy = next(r for r in rows if r["study"] == "grundy-2009")
    assert (grundy["estimate"], grundy["outcome_unit"]) == (pytest.approx(-0.5430, abs=5e-5), "log(accidents)")
