"""Comparing two results folders: every number of every row, whatever the order of rows, and files by their bytes."""

import json

import pytest

from scale_impact.core.keys import names
from scale_impact.errors import RunError
from scale_impact.workflow.verify.compare import compare, compare_files
from scale_impact.workflow.verify.quantities import is_optimised, significant

ESTIMATE = {
    "schema": 1, "study": "towns", "variant": None, "run_id": "aaaa", "measure": "zone", "outcome": "jobs",
    "indicator": "jobs", "dimension": "economy", "direction": "+", "outcome_unit": "jobs", "estimator": "twfe",
    "role": "primary", "estimand": "ATT", "kind": "overall", "label": "overall", "cohort": None, "period": None,
    "event_time": None, "estimate": -0.18, "std_error": 0.08, "df": None, "level": 0.95, "ci_low": -0.34,
    "ci_high": -0.02, "p_value": 0.03, "n_units": 22, "n_treated": 10, "n_periods": 9, "n_obs": 198, "n_clusters": 22,
    "inference": "analytic, clustered by town",
}  # fmt: skip

CHECK = {
    "schema": 1, "study": "towns", "variant": None, "run_id": "aaaa", "measure": "zone", "outcome": "jobs",
    "estimator": "twfe", "check": "pre_trends", "verdict": "pass", "reason": "Nothing is seen (p = 0.373).",
    "statistic": 4.25, "p_value": 0.373,
    "details": {"q": 4, "rows": [{"event_time": "-2", "estimate": 0.1, "p_value": 0.2}], "empty": []},
}  # fmt: skip


@pytest.fixture
def folders(tmp_path):
    """`folders(before=[rows], after=[rows], ...)`: the comparison of the two."""

    def compared(estimates=([ESTIMATE], [ESTIMATE]), checks=([CHECK], [CHECK])):
        for k, side in enumerate(("published", "now")):
            (tmp_path / side).mkdir(exist_ok=True)
            for name, rows in (("estimates", estimates[k]), ("checks", checks[k])):
                text = "".join(json.dumps(row) + "\n" for row in rows)
                (tmp_path / side / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return compare(tmp_path / "published", tmp_path / "now")

    return compared


def fields(compared):
    return {f.field: f.verdict for f in compared.findings}


def test_equal_rows_are_identical_and_every_number_is_counted(folders):
    found = folders()
    assert found.verdict == "identical"
    # estimate, std_error, level, 2 ends, p_value and 5 counts; of the check statistic, p_value, q and 2 of its row
    assert dict(found.counts) == {"identical": 11 + 5}
    assert found.findings == ()
    assert found.largest == 0.0


def test_another_run_id_is_no_difference_of_numbers(folders):
    assert folders(estimates=([ESTIMATE], [{**ESTIMATE, "run_id": "bbbb"}])).verdict == "identical"


def test_one_number_that_moved_is_named_with_both_values(folders):
    found = folders(estimates=([ESTIMATE], [{**ESTIMATE, "estimate": -0.17}]))
    (finding,) = found.findings
    assert (finding.about, finding.field) == ("jobs, twfe, overall", "estimate")
    assert (finding.published, finding.now, finding.verdict) == (-0.18, -0.17, "same sign and significance")
    assert finding.difference == pytest.approx(0.01 / 0.18)
    assert found.verdict == "same sign and significance"


def test_an_interval_that_now_holds_zero_makes_the_row_the_same_sign_only(folders):
    found = folders(estimates=([ESTIMATE], [{**ESTIMATE, "ci_high": 0.02}]))
    assert fields(found) == {"ci_high": "same sign"}


def test_estimators_are_found_in_whatever_order(folders):
    path = {**ESTIMATE, "kind": "event_time", "label": "event time 1", "event_time": 1, "estimate": 0.5}
    other = {**ESTIMATE, "estimator": "did_2x2", "role": "secondary", "estimate": 0.7}
    assert folders(estimates=([ESTIMATE, path, other], [other, ESTIMATE, path])).verdict == "identical"


def test_rows_of_one_estimator_are_not_taken_for_those_of_its_namesake(folders):
    path = {**ESTIMATE, "kind": "event_time", "label": "event time 1", "event_time": 1, "estimate": 0.5}
    found = folders(estimates=([ESTIMATE, path, ESTIMATE, path], [ESTIMATE, ESTIMATE, path]))
    assert {f.about for f in found.findings} == {"jobs, twfe, event time 1"}
    assert found.counts["missing"] == 11


def test_the_same_estimator_with_other_options_is_another_one(folders):
    rows = [ESTIMATE, {**ESTIMATE, "role": "secondary", "std_error": 0.07}]
    assert folders(estimates=(rows, rows)).verdict == "identical"
    found = folders(estimates=(rows, [rows[0], {**rows[1], "std_error": 0.06}]))
    assert [f.about for f in found.findings] == ["jobs, twfe (2), overall"]


def test_a_row_that_is_gone_misses_each_of_its_numbers_and_an_added_one_is_new(folders):
    second = {**ESTIMATE, "estimator": "did_2x2", "role": "secondary"}
    gone, added = (
        folders(estimates=([ESTIMATE, second], [ESTIMATE])),
        folders(estimates=([ESTIMATE], [ESTIMATE, second])),
    )
    assert (gone.verdict, gone.counts["missing"]) == ("missing", 11)
    assert (added.verdict, added.counts["new"]) == ("new", 11)


def test_a_standard_error_that_vanished_is_missing_and_null_against_null_is_nothing(folders):
    found = folders(estimates=([ESTIMATE], [{**ESTIMATE, "std_error": None}]))
    assert fields(found) == {"std_error": "missing"}


def test_counts_texts_and_level_are_exact(folders):
    changed = {**ESTIMATE, "n_units": 21, "level": 0.9500000000001, "inference": "HC1"}
    assert set(fields(folders(estimates=([ESTIMATE], [changed]))).values()) == {"different"}


def test_numbers_within_details_are_compared_by_their_path(folders):
    rows = [{"event_time": "-2", "estimate": 0.1 + 1e-12, "p_value": 0.2 + 1e-7}, {"event_time": "-1", "estimate": 1.0}]
    now = {**CHECK, "details": {"q": 5, "rows": rows, "empty": []}}
    assert fields(folders(checks=([CHECK], [now]))) == {
        "details.q": "different",
        "details.rows[0].estimate": "within tolerance",
        "details.rows[0].p_value": "same sign and significance",
        "details.rows[1].event_time": "new",
        "details.rows[1].estimate": "new",
    }


def test_a_check_s_verdict_is_compared_and_grades_its_numbers(folders):
    found = folders(checks=([CHECK], [{**CHECK, "verdict": "fail", "statistic": 9.0}]))
    assert fields(found) == {"verdict": "different", "statistic": "same sign"}
    assert found.texts["different"] == 1


def test_a_column_that_a_later_version_adds_is_no_difference_and_one_that_it_drops_is(folders):
    later = {**ESTIMATE, "deviation": "no plan"}
    assert folders(estimates=([ESTIMATE], [later])).verdict == "identical"
    assert folders(estimates=([later], [ESTIMATE])).verdict == "missing"


def test_the_primary_estimate_comes_first_then_the_worst(folders):
    second = {**ESTIMATE, "estimator": "did_2x2", "role": "secondary"}
    now = [{**ESTIMATE, "estimate": -0.17, "std_error": 0.09}, {**second, "n_units": 3, "estimate": 0.5}]
    found = folders(estimates=([ESTIMATE, second], now))
    assert [(f.about.split(", ")[1], f.field) for f in found.findings] == [
        ("twfe", "estimate"), ("did_2x2", "estimate"), ("did_2x2", "n_units"), ("twfe", "std_error"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [None, "{", "[1, 2]\n", b"\xff\xfe"])
def test_published_rows_that_cannot_be_read_leave_every_number_new(folders, tmp_path, text):
    folders()
    path = tmp_path / "published" / "estimates.jsonl"
    path.unlink() if text is None else path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = compare(tmp_path / "published", tmp_path / "now")
    assert (found.verdict, found.counts["new"]) == ("new", 11)


# ---- significance ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (-0.3, -0.1, 0.2, True), (0.1, 0.3, None, True), (-0.3, 0.1, 0.001, False), (None, -0.1, None, True),
        (None, 0.1, None, False), (0.1, None, None, True), (None, None, 0.04, True), (None, None, 0.06, False),
        (None, None, None, None), (0.0, 0.3, 0.01, False),
    ],
)  # fmt: skip
def test_significance_is_by_the_interval_and_by_p_where_there_is_none(low, high, p, expected):
    assert significant({"ci_low": low, "ci_high": high, "p_value": p, "level": 0.95}) is expected


# ---- estimators and checks that search ---------------------------------------------------------------


def test_files_that_search_say_so_and_others_do_not():
    assert is_optimised("checks", "honest_did")
    assert not is_optimised("checks", "pre_trends")
    assert not is_optimised("estimators", "a_name_that_is_not_there")
    assert not any(is_optimised("estimators", name) for name in ("callaway_santanna", "twfe", "did_2x2"))


@pytest.mark.parametrize("room", ["estimators", "checks"])
def test_every_file_of_a_room_can_be_asked(room):
    assert {is_optimised(room, name) for name in names(room)} <= {True, False}


def test_a_check_that_searches_is_held_to_its_own_tolerance(folders):
    before = {**CHECK, "check": "honest_did", "statistic": 1.0}
    assert fields(folders(checks=([before], [{**before, "statistic": 1.0 + 5e-7}]))) == {
        "statistic": "within tolerance"
    }
    usual = {**CHECK, "statistic": 1.0}
    moved = fields(folders(checks=([usual], [{**usual, "statistic": 1.0 + 5e-7}])))
    assert moved == {"statistic": "same sign and significance"}


# ---- files ----------------------------------------------------------------------------------------


def test_files_are_counted_by_their_hashes_without_those_of_rows():
    before = {"figures/a.svg": "1", "figures/b.svg": "2", "executed.ipynb": "3", "estimates.jsonl": "4"}
    found = compare_files(before, {**before, "figures/b.svg": "5", "executed.ipynb": "6", "estimates.jsonl": "7"})
    assert found.words == ["1 of 2 figures differ in bytes.", "executed.ipynb differs in bytes."]
    assert compare_files(before, before).words == []


def test_a_figure_that_is_not_drawn_any_more_is_one_that_differs():
    assert compare_files({"figures/a.svg": "1"}, {}).differing == ("figures/a.svg",)


def test_no_rows_against_no_rows_is_no_verdict(tmp_path):
    with pytest.raises(RunError, match="neither the published run nor this one has a row to compare"):
        compare(tmp_path / "a", tmp_path / "b")
