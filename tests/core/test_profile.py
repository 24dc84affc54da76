"""Profiles: known truths on one scale, indices as outcomes of their own, what cannot be answered in its place."""

import json

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.profile.common_scale import spread_of
from scale_impact.core.profile.words import sentences
from scale_impact.errors import UsageError
from scale_impact.session import open_session
from tests.profiles import INDICATORS, profile_project, towns

DROP = {"control": "never", "missing": "drop", "balance": "drop"}


def session_of(root, frame=None, **options):
    made = profile_project(root, frame, **options)
    return open_session(str(made.root / "studies" / "towns"))


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return session_of(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def profile(session):
    return session.profile(draws=1999)


def by_hand(frame, outcome, estimator="callaway_santanna", **design):
    """Effect and spread of one column, without a study."""
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome=outcome, missing="drop")
    made = si.Design.from_panel(panel, treated="zone", **design)
    return si.estimate(estimator, panel, made), spread_of(panel, made)


# ---- outcomes ------------------------------------------------------------------------------------------


def test_gains_and_harms_are_told_from_what_has_no_effect(profile):
    sides = {line.outcome: line.side(profile.alpha) for line in profile.lines}
    assert sides == {
        "fibre": "gain", "noise": "gain", "air": "harm", "jobs2": "open", "rent": "open", "mix": "harm", "trips": "changed",
        "pool": "gain",
    }  # fmt: skip


def test_sizes_are_effects_in_standard_deviations_with_better_as_positive(profile):
    for name, sign in (("fibre", 1), ("noise", -1), ("air", -1), ("trips", 1)):
        effect, spread = by_hand(towns(), name)
        line = profile.line(name)
        assert line.estimate.value == pytest.approx(effect.overall.value, rel=1e-12)
        assert line.size.value == pytest.approx(sign * effect.overall.value / spread.sd, rel=1e-12)
        assert line.size.std_error == pytest.approx(effect.overall.std_error / spread.sd, rel=1e-12)
        assert line.size.p_value == pytest.approx(effect.overall.p_value, rel=1e-9)


def test_a_target_is_judged_by_the_distance_to_it(profile):
    frame = towns().assign(away=lambda f: (f["mix"] - 50).abs())
    effect, spread = by_hand(frame, "away")
    line = profile.line("mix")
    assert line.size.value == pytest.approx(-effect.overall.value / spread.sd, rel=1e-12)
    assert line.estimate.value == pytest.approx(by_hand(frame, "mix")[0].overall.value, rel=1e-12)
    assert line.judged.value == pytest.approx(effect.overall.value, rel=1e-12)


def test_moving_towards_a_target_is_a_gain_from_either_side(tmp_path):
    frame = towns(effects={"low": 4.0, "high": -4.0})
    frame["low"], frame["high"] = frame["low"] - 20, frame["high"] + 20
    lines = {"low": ("economy", "target 50"), "high": ("economy", "target 50")}
    found = session_of(tmp_path, frame, indicators=lines).profile(draws=199)
    assert [line.side(0.05) for line in found.lines] == ["gain", "gain"]
    assert [np.sign(line.estimate.value) for line in found.lines] == [1, -1]


def test_per_cent_stands_beside_a_size(profile):
    line = profile.line("fibre")
    assert line.per_cent.value == pytest.approx(100 * line.estimate.value / line.per_cent.base)
    assert 50 < line.per_cent.base < 53


def test_each_outcome_rests_on_its_own_units_and_periods(tmp_path):
    frame = towns()
    frame.loc[frame["town"].isin(["00001", "00050"]) & (frame["year"] == 2002), "noise"] = np.nan
    frame.loc[frame["year"] == 2006, "air"] = np.nan
    found = session_of(tmp_path, frame, design=DROP).profile(draws=199)
    samples = {name: found.line(name).sample for name in ("fibre", "noise", "air")}
    assert [(s.n_units, s.n_treated, s.n_periods) for s in samples.values()] == [(60, 30, 6), (58, 29, 6), (60, 30, 5)]
    alone, spread = by_hand(frame, "noise", balance="drop")
    assert found.line("noise").size.value == pytest.approx(-alone.overall.value / spread.sd, rel=1e-12)


# ---- indices -------------------------------------------------------------------------------------------


def test_an_index_is_the_weighted_mean_of_its_outcomes_effects(profile):
    for index in profile.indices:
        sizes = [profile.line(name).size.value for name in index.weights]
        assert index.estimate.value == pytest.approx(float(np.dot(list(index.weights.values()), sizes)), rel=1e-9)
        assert sum(index.weights.values()) == pytest.approx(1)


def test_the_equal_index_counts_all_outcomes_alike(profile):
    assert list(profile.index("economy", "kling_liebman_katz").weights.values()) == pytest.approx([1 / 3] * 3)


def test_an_index_of_one_outcome_is_that_outcome(profile):
    line = profile.line("fibre")
    for kind in ("anderson", "kling_liebman_katz"):
        index = profile.index("technology", kind)
        assert index.estimate.value == pytest.approx(line.size.value, rel=1e-9)
        assert index.estimate.std_error == pytest.approx(line.size.std_error, rel=1e-9)


def test_two_outcomes_have_the_same_weight_in_both_indices(profile):
    one, other = profile.index("environment"), profile.index("environment", "kling_liebman_katz")
    assert list(one.weights.values()) == pytest.approx([0.5, 0.5])
    assert one.estimate.value == pytest.approx(other.estimate.value, rel=1e-9)


def test_an_index_is_estimated_as_a_column_of_the_data_would_be(profile):
    frame, index = towns(), profile.index("environment")
    spreads = {name: by_hand(frame, name)[1] for name in index.weights}
    frame["index"] = sum(-w * (frame[n] - spreads[n].mean) / spreads[n].sd for n, w in index.weights.items())
    effect = by_hand(frame, "index")[0].overall
    assert (index.estimate.value, index.estimate.std_error) == pytest.approx((effect.value, effect.std_error), rel=1e-9)


def test_what_has_no_direction_is_in_no_index(profile):
    assert profile.index("mobility") is None
    assert profile.line("trips").side(0.05) == "changed"


def test_an_outcome_missing_in_a_period_takes_the_period_out_of_its_dimensions_index(tmp_path):
    frame = towns()
    ever = frame["zone"].groupby(frame["town"]).transform("max")
    frame["noise"] += 30 * ever  # the treated are noisier from the start
    frame.loc[frame["year"] == 2006, "noise"] = np.nan
    found = session_of(tmp_path, frame, design=DROP).profile(draws=199)
    index = found.index("environment")
    assert index.notes == ("Periods in which one of its outcomes is not observed at all are left out (2006).",)
    assert index.effect.sample.n_periods == 5
    # with noise dropping out of one period only, the treated would seem to gain 30 points
    assert abs(index.estimate.value) < 1


def test_rows_that_rest_on_some_outcomes_are_counted(tmp_path):
    frame = towns()
    frame.loc[(frame["town"] == "00007") & (frame["year"] >= 2005), "air"] = np.nan
    found = session_of(tmp_path, frame, design=DROP).profile(draws=199)
    index, equal = found.index("environment"), found.index("environment", "kling_liebman_katz")
    assert "6 rows have some of its outcomes only and are left out." in index.notes
    assert "6 rows rest on some of its outcomes only." in equal.notes
    assert (index.effect.sample.n_units, equal.effect.sample.n_units) == (59, 60)
    assert index.every_row is not None
    assert found.line("air").sample.n_units == 59


def test_an_outcome_that_comes_or_goes_does_not_move_a_units_index(tmp_path):
    frame = towns()
    # a treated town far above the others, whose noise is missing at the end
    frame.loc[frame["town"] == "00007", "noise"] += 1e4
    frame.loc[(frame["town"] == "00007") & (frame["year"] >= 2005), "noise"] = np.nan
    for kind in ("anderson", "kling_liebman_katz"):
        found = session_of(tmp_path / kind, frame, design=DROP).profile(draws=199).index("environment", kind)
        assert abs(found.estimate.value) < 1
        assert found.effect.sample.n_units == (59 if kind == "anderson" else 60)
        assert found.every_row is None or abs(found.every_row.value) < 1


def test_a_common_trend_in_one_outcome_moves_no_index_where_the_other_is_missing_for_the_treated(tmp_path):
    """No effect at all; noise falls everywhere by much, and half of the treated have no air: the paper's rule sees a gain."""
    frame = towns(effects={"noise": 0.0, "air": 0.0})
    frame["noise"] -= 20.0 * (frame["year"] >= 2003)
    frame.loc[frame["town"].isin([f"{u:05d}" for u in range(15)]), "air"] = np.nan
    lines = dict.fromkeys(("noise", "air"), ("environment", "-"))
    found = session_of(tmp_path, frame, indicators=lines, design=DROP).profile(draws=199)
    index = found.index("environment")
    assert abs(index.estimate.value) < 0.3
    assert index.every_row.value > 1
    assert index.side(0.05) == "open"
    assert index.cautions[0].startswith("Which rows count matters: ")
    assert index.cautions[1].startswith("By Anderson's rule (+")
    assert "outside of its outcomes' effects" in index.cautions[1]
    assert f"Index of environment: {index.cautions[0]}" in sentences(found)
    row = found.indices_frame().loc["index(environment)"]
    assert row["size_every_row"] == index.every_row.value
    assert index.cautions[0] in row["notes"]


def test_on_its_own_rows_an_index_is_the_weighted_mean_of_its_outcomes_effects(tmp_path):
    frame = towns()
    frame.loc[frame["town"].isin(["00003", "00004", "00050"]), "air"] = np.nan
    frame.loc[frame["year"] == 2006, "noise"] = np.nan
    found = session_of(tmp_path, frame, design=DROP).profile(draws=199).index("environment")
    assert list(found.weights.values()) == pytest.approx([0.5, 0.5])
    whole = frame[(frame["year"] < 2006) & ~frame["town"].isin(["00003", "00004", "00050"])]
    each = [by_hand(whole, name) for name in found.weights]
    sizes = [-effect.overall.value / spread.sd for effect, spread in each]
    assert found.estimate.value == pytest.approx(np.mean(sizes), rel=1e-9)


def test_rows_that_are_nowhere_complete_leave_the_papers_rule_and_say_so(tmp_path):
    frame = towns()
    half = frame["town"].astype(int) % 2 == 0
    frame["noise"], frame["air"] = frame["noise"].where(half), frame["air"].where(~half)
    found = session_of(tmp_path, frame, design=DROP).profile(draws=199).index("environment")
    assert "never observed together" in found.estimate.reason
    assert "Rows that have all its outcomes give no answer" in found.cautions[0]


def test_an_outcome_of_small_counts_is_named_in_the_words(tmp_path):
    made = profile_project(tmp_path)
    catalogue = tmp_path / "data/indicators/catalogue.csv"
    text = catalogue.read_text(encoding="utf-8")
    before = text.splitlines()[0].split(",").index("small_count")
    (line,) = [found for found in text.splitlines() if found.startswith("p_pool,")]
    marked = line + "," * (before - line.count(",")) + "yes"
    catalogue.write_text(text.replace(line, marked), encoding="utf-8")
    session = open_session(str(made.root / "studies" / "towns"))
    said = [s for s in sentences(session.profile(draws=99)) if "counts of single years are small" in s]
    assert len(said) == 1
    assert said[0].startswith("The pool: ")
    assert "counts of single years are small" in session.design_note("pool").data
    assert "counts of single years" not in session.design_note("air").data


def test_outcomes_that_repeat_each_other_have_the_equal_index_only(tmp_path):
    frame = towns(effects={"a": 1.0, "b": 0.5}).assign(c=lambda f: f["a"] + f["b"])
    lines = dict.fromkeys("abc", ("health", "+"))
    found = session_of(tmp_path, frame, indicators=lines).profile(draws=199)
    assert "repeat each other" in found.index("health").estimate.reason
    assert found.index("health", "kling_liebman_katz").estimate.value > 0
    assert any("No index of health" in said for said in sentences(found))


# ---- all together ------------------------------------------------------------------------------------------


def test_adjusted_p_values_are_never_below_their_own(profile):
    for line in (*profile.lines, *profile.indices):
        assert line.adjusted.stepdown >= line.adjusted.p_value


@pytest.mark.parametrize("line", [("context", "context"), ("context", "+"), ("economy", "context")])
def test_context_leaves_the_other_outcomes_as_if_it_were_not_there(tmp_path, line):
    names = ("fibre", "jobs2", "air")
    plain = {name: INDICATORS[name] for name in names}
    without = session_of(tmp_path / "without", indicators=plain).profile(draws=499)
    found = session_of(tmp_path / "with", indicators={**plain, "rent": line}).profile(draws=499)
    assert [x.adjusted for x in found.lines[:3]] == [x.adjusted for x in without.lines]
    assert found.words == without.words
    size = found.line("rent")
    assert (size.adjusted, size.side(0.05)) == (None, "context")
    row = found.to_frame().loc["rent"]
    assert row["p_value"] == size.judged.p_value > 0
    assert row[["stepdown", "q_value", "sharpened"]].isna().all()
    assert not [i for i in found.indices if "rent" in i.weights]
    said = sentences(found)
    assert any(s.startswith("**Context, which is not counted:** The rent") and "by itself" in s for s in said)
    assert said[-1].startswith("Of 3 p-values")


def test_a_study_of_context_alone_counts_nothing(tmp_path):
    found = session_of(tmp_path, indicators={"rent": ("context", "context")}).profile(draws=499)
    assert found.words == "no p-value to adjust"
    assert sentences(found)[-1] == "No outcome that is counted has a p-value."


def test_indices_are_a_family_of_their_own_kind(profile):
    assert set(profile.index_words) == {"anderson", "kling_liebman_katz"}
    assert "60 clusters" in profile.words


def test_the_same_seed_gives_the_same_profile(session, profile):
    again = open_session(str(session.study.folder)).profile(draws=1999)
    pd.testing.assert_frame_equal(again.to_frame(), profile.to_frame())
    pd.testing.assert_frame_equal(again.indices_frame(), profile.indices_frame())


def test_few_cities_are_judged_by_what_is_valid_there(tmp_path):
    frame = towns(12)
    found = session_of(tmp_path, frame).profile(draws=9999)
    line = found.lines[0]
    assert line.size.judged.words == line.estimate.judged.words
    assert found.words == "Romano and Wolf's stepdown, all 2,048 sign patterns of 12 clusters"
    assert all(x.adjusted.stepdown >= x.judged.p_value for x in found.lines)


@pytest.mark.parametrize(("ways", "said"), [({"draws": 0}, "draws is 0"), ({"alpha": 1.5}, "alpha is 1.5")])
def test_ways_that_cannot_be_are_refused(session, ways, said):
    with pytest.raises(UsageError, match=said):
        session.profile(**ways)


# ---- what cannot be answered ---------------------------------------------------------------------------------


def lacking(name="air"):
    """One outcome is observed before anybody is treated only."""
    frame = towns()
    frame.loc[frame["year"] >= 2003, name] = np.nan
    return frame


def test_an_outcome_that_cannot_be_estimated_keeps_its_place_and_the_others_go_on(tmp_path, profile):
    found = session_of(tmp_path, lacking(), design=DROP).profile(draws=1999)
    line = found.line("air")
    assert line.side(0.05) == "unknown"
    assert line.estimate.value is None
    assert line.why_not
    assert line.adjusted is None
    assert found.line("fibre").size.value == pytest.approx(profile.line("fibre").size.value)
    assert list(found.index("environment").weights) == ["noise"]
    assert found.index("environment").notes[0].startswith("air is not part of it: ")
    assert f"The air (environment): {line.why_not.rstrip('.')}" in "".join(sentences(found))


def test_an_outcome_without_an_estimate_is_saved_with_its_reason(tmp_path):
    session = session_of(tmp_path, lacking(), design=DROP)
    session.out = tmp_path / "out"
    profile = session.profile(draws=199)
    session.save()
    rows = [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]
    (row,) = [r for r in rows if r["outcome"] == "air"]
    assert (row["estimate"], row["role"], row["inference"]) == (None, "secondary", profile.line("air").why_not)
    checks = [json.loads(line) for line in (tmp_path / "out/checks.jsonl").read_text().splitlines()]
    (check,) = [c for c in checks if c["outcome"] == "air"]
    assert (check["check"], check["verdict"]) == ("multiple_testing", "inapplicable")


def test_untreated_units_without_variation_give_no_size_and_no_place_in_the_index(tmp_path):
    frame = towns()
    ever = frame["zone"].groupby(frame["town"]).transform("max")
    frame["air"] = frame["air"].where(ever == 1, 40.0)
    found = session_of(tmp_path, frame).profile(draws=199)
    line = found.line("air")
    assert line.size.value is None
    assert line.estimate.value is not None
    assert line.side(0.05) in ("harm", "open")
    assert "all have the same value" in found.index("environment").notes[0]


def test_streamed_data_have_sizes_and_say_what_needs_single_units(tmp_path):
    session = session_of(tmp_path)
    root = session.study.project.root
    towns().to_parquet(root / "data/files/towns.parquet")
    card = root / "data/sources/towns.yaml"
    text = card.read_text().replace("kind: csv", "kind: parquet\nstream: true").replace("towns.csv", "towns.parquet")
    from tests.projects import sha256

    old = sha256(root / "data/files/towns.csv")
    card.write_text(text.replace(old, sha256(root / "data/files/towns.parquet")))
    found = open_session(str(session.study.folder)).profile(draws=199)
    whole = session.profile(draws=199)
    assert found.line("fibre").size.value == pytest.approx(whole.line("fibre").size.value, rel=1e-9)
    assert "streamed" in found.line("mix").why_not
    assert "streamed" in found.index("environment").estimate.reason
    assert found.words.startswith("Holm's stepdown, because the data were streamed")


# ---- to read and to keep ---------------------------------------------------------------------------------------


def test_dimensions_that_nobody_looked_at_are_named(profile):
    assert profile.dimensions == ("technology", "environment", "economy", "mobility", "health")
    assert profile.missing == ("organisation", "participation", "safety", "education", "scale-up")
    said = "**Not looked at:** organisation, participation, safety, education and scale-up: no outcome in this study"
    assert any(s.startswith(said) for s in sentences(profile))


def test_the_words_name_gains_harms_and_what_is_open(profile):
    said = {s.split(":**")[0]: s for s in sentences(profile)}
    assert "The fibre (technology) +" in said["**Gains that stay when all outcomes are counted"]
    assert "The air (environment) \N{MINUS SIGN}0." in said["**Harms that stay when all outcomes are counted"]
    assert "The rent (economy)" in said["**Not told apart from no effect"]
    assert "The trips (mobility)" in said["**Changes that nobody judges that stay when all outcomes are counted"]


def test_the_table_has_a_row_an_outcome_with_sizes_tests_and_counts(profile):
    table = profile.to_frame()
    assert sorted(table.index) == sorted(INDICATORS)
    assert table.loc["noise", ["dimension", "direction", "verdict"]].tolist() == ["environment", "-", "gain"]
    assert table.loc["noise", "untreated"] == "30 units never treated, 2001 to 2002"
    assert set(table.columns) >= {"size", "ci_low", "ci_high", "per_cent", "p_value", "stepdown", "q_value", "n_units"}
    assert list(profile.indices_frame()["dimension"].unique()) == ["technology", "environment", "economy", "health"]


def test_results_have_a_row_an_index_after_those_of_the_outcomes(tmp_path, profile):
    session = session_of(tmp_path)
    session.out = tmp_path / "out"
    before = session.check()
    session.profile(draws=1999)
    assert [c.check for c in session.check()] == [*(c.check for c in before), "multiple_testing"]
    assert "indices" in session.check()[-1].details
    session.save()
    rows = [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]
    assert (rows[0]["outcome"], rows[0]["role"]) == ("fibre", "primary")
    indices = [r for r in rows if r["indicator"] is None]
    assert [r["outcome"] for r in indices[2:4]] == ["index(environment)", "equal_index(environment)"]
    row, found = indices[2], profile.index("environment")
    assert (row["estimate"], row["std_error"]) == (found.estimate.value, found.estimate.std_error)
    assert (row["dimension"], row["direction"], row["role"], row["kind"]) == (
        "environment",
        "+",
        "secondary",
        "overall",
    )
    assert (row["outcome_unit"], row["estimand"]) == ("standard deviations of untreated units", "ATT")
    assert list(rows[0]) == list(row)


def test_what_follows_a_profile_is_about_the_same_one(tmp_path):
    session = session_of(tmp_path)
    asked = session.profile(draws=99, alpha=0.2)
    assert session.profile() is asked
    assert "99 Rademacher draws" in session.profile_in_words().data
    assert session.check()[-1].details["alpha"] == 0.2


def test_a_study_that_asks_for_no_profile_has_none_of_it(tmp_path):
    session = session_of(tmp_path)
    session.out = tmp_path / "out"
    session.save()
    rows = [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]
    assert all(r["indicator"] for r in rows)
    assert (tmp_path / "out/checks.jsonl").read_text() == ""
