"""A study that is a scale-up: from another study's published row to the rule that decides, its rows, and the chain that it ends."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from scale_impact.cli.run import _stale
from scale_impact.core.manifest import Manifest
from scale_impact.core.study import Study
from scale_impact.errors import StudyError, UsageError
from scale_impact.evidence.reading import in_words
from scale_impact.session import open_session
from scale_impact.workflow.batch import depths, waves
from scale_impact.workflow.bundle import pack, unpack
from scale_impact.workflow.crate.export import export
from scale_impact.workflow.fingerprint import NO_DATA, inputs_of, run_id
from scale_impact.workflow.freeze import freeze
from scale_impact.workflow.preflight import waits_for_data
from scale_impact.workflow.runs import expand
from scale_impact.workflow.staleness import look
from tests.projects import Place, command
from tests.scaleups import block, flow
from tests.transfers import (
    MEASURE,
    TRANSFER,
    again,
    evaluated,
    made,
    papers,
    published,
    refused,
    rows_of,
    scaling,
    write_rows,
)

OF = {"study": "lanes"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A project with a study of the measure that has published its rows."""
    place = made(tmp_path_factory.mktemp("towns"))
    place.rows = {}
    return place


@pytest.fixture
def place(whole, monkeypatch):
    monkeypatch.chdir(whole.root)
    again(whole)
    whole.study("lanes", **MEASURE)
    if not ROWS:
        ROWS.extend(evaluated(whole))
    write_rows(whole, "lanes", ROWS)
    return whole


ROWS = []


def said(place, effect=None, **changes):
    """What `check` says of a scale-up."""
    place.study("worth", **scaling(effect or OF, **changes))
    return refused("worth")


def unreadable(place, effect=None, **changes):
    """What is wrong with its study.yaml."""
    place.study("worth", **scaling(effect or OF, **changes))
    with pytest.raises(StudyError) as error:
        Study.load("worth")
    return list(error.value.problems)


def decided(place, effect=None, **changes):
    """Rows that it publishes."""
    place.study("worth", **scaling(effect or OF, **changes))
    return published(place, "worth")


# ---- what is published ---------------------------------------------------------------------------------------


def test_the_first_row_is_the_net_present_value_of_all_partners(place):
    rows = decided(place)
    first = rows[0]
    assert (first["estimand"], first["kind"], first["role"], first["label"]) == (
        "NPV",
        "overall",
        "primary",
        "all partners",
    )
    assert (first["estimator"], first["outcome"], first["indicator"], first["outcome_unit"]) == (
        "scaleup",
        "buses",
        None,
        "EUR of 2024",
    )
    assert [r["role"] for r in rows].count("primary") == 1
    # 100 pupils, 3 EUR a point each, 500 EUR once: 300 times the effect less 500
    effect = ROWS[0]
    assert first["estimate"] == pytest.approx(
        300 * effect["estimate"] - 500, abs=4 * 300 * effect["std_error"] / np.sqrt(1000)
    )
    assert first["std_error"] == pytest.approx(300 * effect["std_error"], rel=0.15)


def test_numbers_in_the_outcomes_unit_stay_with_its_indicator_and_others_do_not(place):
    units = {r["estimand"]: (r["outcome_unit"], r["indicator"], r["direction"]) for r in decided(place)}
    assert units["PILOT_EFFECT"] == units["EFFECT_AT_SCALE"] == ("%", "buses", "+")
    assert units["COSTS"][2] == "-"
    assert units["P_POSITIVE"] == ("probability", None, "+")
    assert {
        r["label"] for r in rows_of(place.root / "studies/worth/results/estimates.jsonl") if r["estimand"] == "NPV"
    } == {"all partners", "city", "pupils"}


def test_checks_say_the_decision_with_its_rule(place):
    decided(place)
    checks = {r["check"]: r for r in rows_of(place.root / "studies/worth/results/checks.jsonl")}
    assert set(checks) == {"decision", "voltage", "losers", "readiness"}
    assert checks["decision"]["verdict"] in ("pass", "fail", "inconclusive")
    assert checks["decision"]["details"]["rule"]
    assert {c["estimator"] for c in checks.values()} == {"scaleup"}


def test_no_units_are_published_and_the_same_study_gives_the_same_bytes(place):
    decided(place)
    path = place.root / "studies/worth/results/estimates.jsonl"
    first = path.read_bytes()
    decided(place)
    assert path.read_bytes() == first
    assert not path.with_name("units.jsonl").exists()


def test_an_effect_from_elsewhere_is_taken_as_given(place):
    given = block()["effect"] | {"unit": "%"}
    rows = {r["estimand"]: r for r in decided(place, given, horizon=1)}
    assert rows["PILOT_EFFECT"]["estimate"] == 2.0
    assert rows["NPV"]["outcome_unit"] == "EUR of 2024"


def test_the_pilots_own_effect_stands_beside_a_prediction(place):
    published(place, "towns")
    rows = decided(place, {"study": "towns"}, pilot=OF)
    assert next(r for r in rows if r["estimand"] == "PILOT_EFFECT")["estimate"] == ROWS[0]["estimate"]
    assert open_session("worth").scale_up().effect.kind == "prediction"


def test_a_prediction_is_taken_before_everything_else_of_a_transfer(place):
    row = published(place, "towns")[0]
    place.study("worth", **scaling({"study": "towns"}))
    found = open_session("worth").scale_up().effect
    assert (found.estimate, found.std_error, found.df) == (row["estimate"], row["std_error"], row["df"])
    assert found.source == "study towns, PREDICTED by synthesis (Town 20)"


def test_a_prediction_for_another_city_is_refused_unless_its_label_is_named(place):
    published(place, "towns")
    told = said(place, {"study": "towns"}, city="Testford")
    assert told.startswith("scaleup.effect: study towns predicts for Town 20, and the city that decides is Testford.")
    assert said(place, {"study": "towns", "label": "Town 20"}, city="Testford") == ""


def test_another_row_is_chosen_by_estimator_estimand_or_label(place):
    place.study("worth", **scaling({**OF, "estimator": "twfe"}))
    twfe = next(r for r in ROWS if r["estimator"] == "twfe" and r["kind"] == "overall")
    assert open_session("worth").scale_up().effect.estimate == twfe["estimate"]
    published(place, "towns")
    place.study("worth", **scaling({"study": "towns", "label": "mean of all"}))
    assert "POOLED" in open_session("worth").scale_up().source
    place.study("worth", **scaling({"study": "towns", "estimand": "POOLED"}))
    assert "POOLED" in open_session("worth").scale_up().source


def test_an_effect_on_logarithms_needs_a_level_and_gets_one(place):
    write_rows(place, "lanes", [{**ROWS[0], "outcome_unit": "log(%)", "estimate": 0.1, "std_error": 0.02}])
    assert "baseline" in said(place)
    level = {"value": 60, "unit": "%", "year": 2024, "source": "a test"}
    assert said(place, baseline=level) == ""
    rows = {r["estimand"]: r for r in decided(place, baseline=level)}
    assert rows["EFFECT_AT_SCALE"]["outcome_unit"] in ("%", "log(%)")


def test_every_cell_of_the_shipped_template_has_something_to_show(place):
    place.study("worth", **scaling(OF))
    session = open_session("worth")
    found = session.scale_up()
    assert (
        session.source_note().data
        == "The study looks at no data of its own: it reads what other studies have published."
    )
    tables = (
        found.voltage_table(),
        found.ledger_table(),
        found.information_table(),
        found.rules_table(),
        found.verdicts(),
        found.readiness_table(),
    )
    assert [len(t) for t in tables[:2]] == [len(found.voltage_table()), 3]
    assert all(len(t) for t in tables)
    assert found.effect_in_words().data
    assert found.drives_in_words().data
    assert found.unit == "EUR of 2024"
    assert "Bus lanes everywhere?" in found.page().data
    assert found.source == "study lanes, ATT by callaway_santanna (overall)"


def test_numbers_of_the_card_are_those_that_are_published(place):
    rows = decided(place)
    found = open_session("worth").scale_up()
    assert [n.value for n in found.numbers()] == [r["estimate"] for r in rows]


# ---- which rows can be scaled ------------------------------------------------------------------------------------


def test_a_study_that_has_not_run_is_named_with_what_to_do(place):
    place.study("next", **MEASURE)
    assert (
        said(place, {"study": "next"})
        == "scaleup.effect.study: study next has published nothing. Run it first: scale-impact run next."
    )


def test_of_several_runs_one_has_to_be_named(place):
    place.study("two", **MEASURE, variants={"late": {}, "early": {}})
    for variant in ("late", "early"):
        write_rows(place, "two", [{**r, "study": "two", "variant": variant} for r in ROWS], variant)
    assert (
        said(place, {"study": "two"}) == "scaleup.effect.variant: study two has the runs early, late. Name one of them."
    )
    assert said(place, {"study": "two", "variant": "late"}) == ""
    assert open_session("worth").scale_up().source.startswith("study two/late,")


def test_the_only_run_of_a_study_needs_no_name(place):
    place.study("one", **MEASURE, variants={"late": {}})
    write_rows(place, "one", [{**r, "study": "one", "variant": "late"} for r in ROWS], "late")
    assert said(place, {"study": "one"}) == ""


@pytest.mark.parametrize(
    "row, told",
    [
        ({"estimate": None, "inference": "too few"}, "has no number: too few."),
        ({"std_error": None}, "has no standard error, so nobody knows how sure it is."),
        ({"indicator": "weeds"}, "is about weeds, and this study is about buses."),
        ({"direction": "0"}, "neither more nor less of it is better (direction '0'), so nothing can be decided by it."),
        ({"direction": "target"}, "neither more nor less of it is better (direction 'target')"),
    ],
)
def test_a_row_that_cannot_be_scaled_says_why(place, row, told):
    write_rows(place, "lanes", [{**ROWS[0], **row}])
    found = said(place)
    assert found.startswith("scaleup.effect: the ATT of study lanes (overall, outcome buses)")
    assert told in found


def test_all_that_is_wrong_with_a_row_is_said_at_once(place):
    write_rows(place, "lanes", [{**ROWS[0], "std_error": None, "indicator": "weeds", "direction": "0"}])
    assert len(said(place).splitlines()) == 3


@pytest.mark.parametrize(
    "choice, told",
    [
        (
            {"outcome": "busses"},
            "scaleup.effect.outcome: study lanes has published no row with outcome 'busses'. Did you mean 'buses'?",
        ),
        (
            {"estimator": "twffe"},
            "scaleup.effect.estimator: study lanes has published no row with estimator 'twffe'. Did you mean 'twfe'?",
        ),
        ({"label": "Town 77"}, "scaleup.effect.label: study lanes has published no row with label 'Town 77'."),
        (
            {"estimand": "PREDICTED"},
            "scaleup.effect.estimand: study lanes has published no row with estimand 'PREDICTED'.",
        ),
    ],
)
def test_a_row_that_is_not_there_names_the_nearest(place, choice, told):
    assert told in said(place, {**OF, **choice})


def test_what_is_no_effect_is_not_scaled(place):
    write_rows(place, "lanes", [{**ROWS[0], "estimand": "MDE"}])
    assert "scaleup.effect: study lanes has published no effect as a whole." in said(place)


def test_results_that_were_cut_off_say_so(place):
    path = place.root / "studies/lanes/results/estimates.jsonl"
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    assert "Run it again: scale-impact run lanes." in said(place)


def test_what_is_wrong_with_the_pilot_is_said_of_it(place):
    assert said(place, pilot={**OF, "estimator": "no"}).startswith("scaleup.pilot.estimator: study lanes")


# ---- what study.yaml may not say ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "effect, changes, told",
    [
        ({"study": "lane"}, {}, "scaleup.effect.study: there is no study 'lane'. Did you mean 'lanes'?"),
        ({"study": "lanes/early"}, {}, "scaleup.effect.study: name the run by two keys: {study: lanes, variant: early}."),
        ({"study": "worth"}, {}, "scaleup.effect.study: 'worth' is this study itself."),
        ({"study": "bench"}, {}, "scaleup.effect.study: 'bench' is a benchmark. Name studies of measures or transfers"),
        ({"study": "other"}, {}, "scaleup.effect.study: 'other' is a scale-up. Name studies of measures or transfers"),
        ({"study": "lanes", "varant": "a"}, {}, "scaleup.effect.varant: there is no such key. Did you mean 'variant'?"),
        (OF, {"pilot": {"study": "lane"}}, "scaleup.pilot.study: there is no study 'lane'."),
        (OF, {"measure": ...}, "measure: this key is missing."),
        (OF, {"source": "towns"}, "source: a scale-up reads published rows and looks at no data of its own. Leave the key out"),
        (OF, {"unit": "code"}, "unit: a scale-up reads published rows"),
        (OF, {"period": "year"}, "period: a scale-up reads published rows"),
        (OF, {"treatment": {"treated": "lane"}}, "treatment: a scale-up reads published rows"),
        (OF, {"estimators": ["twfe"]}, "estimators: a scale-up reads published rows"),
        (OF, {"sample": {"last_period": 2005}}, "sample: a scale-up reads published rows"),
        (OF, {"template": "quick"}, "template: quick decides about no scale-up, and the study has the key `scaleup`. Use the template scale_up"),
        (OF, {"template": "send"}, "template: send decides about no scale-up"),
        (OF, {"outcomes": [{"column": "buses", "indicator": "buses"}, {"column": "weeds", "indicator": "weeds"}]}, "outcomes.1: a scaleup is about one"),
        (OF, {"flows": [{k: v for k, v in flow("works", "cost", 1, paid_by="city").items() if k != "currency"}]}, "scaleup.flows.0.currency"),
        (OF, {"flows": [{k: v for k, v in flow("works", "cost", 1, paid_by="city").items() if k != "year"}]}, "scaleup.flows.0.year"),
        (OF, {"flows": [flow("works", "cost", 1, paid_by={"city": 0.8, "pupils": 0.8})]}, "scaleup.flows.0.paid_by"),
        (OF, {"partners": [{"name": "city", "kind": "city"}, {"name": "pupils", "kind": "citizens"}, {"name": "idle", "kind": "state"}]}, "scaleup.partners.2"),
        (OF, {"reach": {"share": 1.5}}, "scaleup.reach.share"),
    ],
    ids=lambda v: None if isinstance(v, dict) else str(v)[:60],
)  # fmt: skip
def test_what_study_yaml_may_not_say_is_told_where_it_stands(place, effect, changes, told):
    place.study(
        "bench",
        **{**TRANSFER, **dict.fromkeys(("transfer", "measure", "treatment", "design"), ...)},
        benchmark={"city": "20", "context": ["people"]},
    )
    place.study("other", **scaling(OF))
    place.study("lanes", **MEASURE, variants={"early": {}})
    found = unreadable(place, effect, **changes)
    assert any(p.startswith(told) for p in found), found


def test_two_kinds_at_once_are_refused(place):
    place.study("worth", **{**scaling(OF), "transfer": TRANSFER["transfer"]})
    with pytest.raises(
        StudyError, match=r"scaleup: a study has one of benchmark, transfer, scaleup \(given: transfer, scaleup\)"
    ):
        Study.load("worth")


def test_a_template_of_scale_ups_is_for_no_other_study(place):
    for keys in (MEASURE, TRANSFER):
        place.study("odd", **{**keys, "template": "weigh"})
        with pytest.raises(StudyError, match="template: weigh "):
            Study.load("odd")


def test_a_session_of_another_kind_has_no_scale_up_and_a_scale_up_no_estimate(place):
    with pytest.raises(UsageError, match="no key `scaleup`"):
        open_session("towns").scale_up()
    place.study("worth", **scaling(OF))
    for ask in ("estimate", "transfer", "benchmark"):
        with pytest.raises(UsageError):
            getattr(open_session("worth"), ask)()


def test_published_results_are_enough_of_another_study_whoever_was_treated(place):
    (place.root / "studies/lanes/study.yaml").unlink()
    assert not (place.root / "studies/lanes/results/units.jsonl").exists()
    assert said(place) == ""


WRONG = [
    (lambda rows: rows[0][:40], "line 1 is cut off or no JSON"),
    (lambda rows: "", "it has no row"),
    (lambda rows: "[1, 2]\n", "line 1 is no row"),
    (lambda rows: '{"schema": 1, "a": 1}\n', "line 1 has no study, variant, run_id"),
    (
        lambda rows: "\n".join(r.replace('"estimate": ', '"estimate": "x", "y": ') for r in rows),
        "has no such estimate as a run writes",
    ),
]
"""How rows may be damaged, and what is said."""


@pytest.mark.parametrize("damage, says", WRONG)
def test_damaged_rows_of_the_other_study_are_told_with_file_and_line(place, damage, says):
    path = place.root / "studies/lanes/results/estimates.jsonl"
    path.write_text(damage(path.read_text(encoding="utf-8").splitlines()), encoding="utf-8")
    told = said(place)
    assert "scaleup.effect.study: studies/lanes/results/estimates.jsonl is not whole: " in told
    assert says in told
    assert told.count("Run it again: scale-impact run lanes.") == 1


def test_bytes_that_are_no_rows_are_told(place):
    (place.root / "studies/lanes/results/estimates.jsonl").write_bytes(b"\x00\xff{")
    assert "estimates.jsonl is not whole: it is no text" in said(place)


def test_checks_that_the_card_needs_are_looked_at_before_the_run(place):
    path = place.root / "studies/lanes/results/checks.jsonl"
    path.write_text("{bad\n", encoding="utf-8")
    assert (
        "studies/lanes/results/checks.jsonl is not whole: line 1 is cut off or no JSON. Run it again: scale-impact run lanes."
        in said(place)
    )
    path.unlink()
    assert "checks.jsonl is not whole: No such file" in said(place)


# ---- variants, grids, values from outside ---------------------------------------------------------------------------------


def test_variants_and_grids_change_single_keys_of_the_block(place):
    place.study(
        "worth",
        **scaling(
            OF, variants={"long": {"scaleup": {"horizon": 3}}}, grid={"scaleup.horizon": [1, 2], "city": ["A", "B"]}
        ),
    )
    names = Study.load("worth").variants
    assert len(names) == 4
    study = Study.load("worth", variant=names[-1])
    assert (study.settings.scaleup.horizon, study.settings.scaleup.city) == (2, "B")
    place.study("worth", **scaling(OF))
    assert Study.load("worth", overrides={"city": "C"}).settings.scaleup.city == "C"
    assert Study.load("worth", overrides={"scaleup.horizon": 7}).settings.scaleup.horizon == 7
    place.study("worth", **scaling(OF, grid={"scaleup.horizonn": [1, 2]}))
    with pytest.raises(StudyError, match="horizonn"):
        Study.load("worth")


# ---- without data of its own ----------------------------------------------------------------------------------------------


def test_a_scale_up_waits_for_no_data_and_its_inputs_say_so(place):
    place.study("worth", **scaling(OF))
    (run,), _ = expand(["worth"], {})
    assert not waits_for_data(run)
    assert inputs_of(run)["data"] == NO_DATA
    with pytest.raises(UsageError, match="worth is a scale-up"):
        freeze("worth")


def test_a_parcel_holds_the_rows_that_it_reads_and_no_data(place, tmp_path):
    place.study("worth", **scaling(OF))
    (run,), _ = expand(["worth"], {})
    unpack(pack([run]), tmp_path / "there")
    names = {p.relative_to(tmp_path / "there").as_posix() for p in (tmp_path / "there").rglob("*") if p.is_file()}
    assert {"studies/lanes/results/estimates.jsonl", "studies/worth/study.yaml", "notebooks/weigh.ipynb"} <= names
    assert "data/files/towns.csv" not in names


# ---- the chain ------------------------------------------------------------------------------------------------------------


def test_how_deep_each_study_lies_in_a_chain():
    assert depths({"c": ["b"], "b": ["a"], "a": []}) == {"c": 2, "b": 1, "a": 0}
    assert depths({"c": ["b", "a"], "b": ["a"], "a": ["elsewhere"]}) == {"c": 2, "b": 1, "a": 0}
    assert depths({"a": ["a"]}) == {"a": 0}
    assert depths({}) == {}


def test_a_circle_is_waited_for_by_nobody_and_breaks_no_chain_beside_it():
    assert depths({"a": ["b"], "b": ["a"], "e": ["d"], "d": ["c"], "c": []}) == {"a": 0, "b": 0, "e": 2, "d": 1, "c": 0}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A study of a measure, a transfer of it and of papers, and a scale-up of the transfer, run by one command in no order. Tests only read it."""
    place = made(tmp_path_factory.mktemp("chain") / "project")
    place.study("zones", **MEASURE)
    papers(place, [("a", 2.5, 0.5), ("b", 1.0, 0.5), ("c", 1.8, 0.3)])
    chosen = {**TRANSFER["transfer"], "studies": ["zones"], "papers": ["found"], "include": ["unfrozen"]}
    place.study("next", **{**TRANSFER, "treatment": ..., "design": ..., "transfer": chosen})
    place.study("a-decision", **scaling({"study": "next"}))
    place.said = command("run", "a-decision", "next", "zones", "--jobs", "2", cwd=place.root)
    assert place.said.code == 0, place.said.err
    return place


@pytest.fixture
def own(ran, tmp_path):
    shutil.copytree(ran.root, tmp_path / "own")
    return Place(tmp_path / "own")


def runs_of(place, *slugs):
    runs, errors = expand([str(place.root / "studies" / slug) for slug in slugs], {})
    assert not errors, errors
    return runs


CHAIN = ("a-decision", "next", "zones")


def identity(place, slug):
    return run_id(inputs_of(*runs_of(place, slug)))


def test_runs_of_a_chain_are_executed_one_after_the_other(ran):
    assert waves(runs_of(ran, *CHAIN)) == [[2], [1], [0]]
    assert waves(runs_of(ran, "a-decision", "zones")) == [[0, 1]]  # what lies between is not run
    assert [look(r).state for r in runs_of(ran, *CHAIN)] == ["up to date"] * 3
    read = Manifest.read(ran.root / "studies/next/results/manifest.json").details["study"]["others"]
    assert {"studies/zones/results/estimates.jsonl", "data/evidence/found.csv"} <= set(read)


def test_the_command_tells_what_the_town_may_expect_and_what_all_gain_or_lose(ran):
    assert "Town 20 may expect: buses up by" in ran.said.out
    assert "4 pilots" in ran.said.out
    assert "Net present value, all partners: " in ran.said.out
    assert " EUR of 2024; in 95 of 100 worlds drawn it is between " in ran.said.out


def test_all_later_runs_are_out_of_date_as_soon_as_the_first_one_is(own):
    assert _stale(runs_of(own, *CHAIN)) == []
    own.study("zones", **MEASURE, level=0.9)
    assert [r.name for r in _stale(runs_of(own, *CHAIN))] == list(CHAIN)
    assert [r.name for r in _stale(runs_of(own, "a-decision", "next"))] == []


@pytest.mark.parametrize(
    "path, slugs",
    [
        ("studies/zones/results/estimates.jsonl", ("next",)),
        ("studies/next/results/estimates.jsonl", ("a-decision",)),
        ("data/evidence/found.csv", ("next",)),
        ("data/measures/enterprise_zone.yaml", ()),
        ("data/files/towns.csv", ("next", "zones")),
    ],
)
def test_what_is_read_is_an_input(own, path, slugs):
    before = {slug: identity(own, slug) for slug in CHAIN}
    with (own.root / path).open("a", encoding="utf-8") as file:
        file.write("# a comment\n" if path.endswith("yaml") else "\n")
    assert {slug for slug in CHAIN if identity(own, slug) != before[slug]} == set(slugs)


def test_the_crate_of_a_scale_up_verifies_itself_without_data(ran, tmp_path):
    crate = export(runs_of(ran, "a-decision"), tmp_path / "decision.crate.zip")
    with zipfile.ZipFile(crate.path) as archive:
        archive.extractall(tmp_path / "there")
        names = set(archive.namelist())
    assert "data/files/towns.csv" not in names
    assert "studies/next/results/estimates.jsonl" in names
    told = command("verify", cwd=tmp_path / "there")
    assert told.code == 0, told.out + told.err
    assert "a-decision: identical" in told.out
    told = command("verify", "--crate", str(crate.path), "--trust", cwd=tmp_path)  # from a folder that is no project
    assert told.code == 0, told.out + told.err
    assert "a-decision: identical" in told.out


def test_the_crate_of_a_transfer_opens_again_with_the_papers_that_it_reads(ran, tmp_path):
    crate = export(runs_of(ran, "next"), tmp_path / "next.crate.zip")
    with zipfile.ZipFile(crate.path) as archive:
        archive.extractall(tmp_path / "there")
        names = set(archive.namelist())
    assert {"data/evidence/found.csv", "studies/zones/results/estimates.jsonl", "data/files/towns.csv"} <= names
    told = command("verify", cwd=tmp_path / "there")
    assert told.code == 0, told.out + told.err
    assert "next: identical" in told.out


def test_plan_and_status_of_a_scale_up_need_no_source(ran):
    plan = command("plan", "a-decision", cwd=ran.root)
    assert (plan.code, plan.out.startswith("a-decision: up to date")) == (0, True)
    status = command("status", cwd=ran.root)
    assert status.code == 0, status.err
    assert "a-decision" in status.out


# ---- in words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers, told",
    [
        (
            (1234567.0, -1000.0, 2000000.0),
            "1,230,000 EUR of 2024; in 95 of 100 worlds drawn it is between −1,000 and 2,000,000.",
        ),
        ((-1234.0, -2000.0, -5.0), "−1,230 EUR of 2024; in 95 of 100 worlds drawn it is between −2,000 and −5."),
        ((0.0, -1.0, 1.0), "0 EUR of 2024; in 95 of 100 worlds drawn it is between −1 and 1."),
        ((5.0, None, None), "5 EUR of 2024; how sure that is, is not known."),
    ],
)
def test_a_net_present_value_reads_as_money_with_its_worlds(numbers, told):
    value, low, high = numbers
    row = {
        "estimand": "NPV",
        "label": "all partners",
        "outcome_unit": "EUR of 2024",
        "level": 0.95,
        "estimate": value,
        "ci_low": low,
        "ci_high": high,
    }
    assert in_words(row, "Buses") == f"Net present value, all partners: {told}"
    assert in_words({**row, "estimate": None}, "Buses") == "No estimate."


def test_json_of_a_decision_has_no_number_that_is_none(place):
    decided(place)
    text = (place.root / "studies/worth/results/estimates.jsonl").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert all(json.loads(line)["inference"] or json.loads(line)["estimate"] is not None for line in text.splitlines())


def test_an_effect_from_elsewhere_that_contradicts_the_catalogue_is_refused_with_both(place):
    told = said(place, block()["effect"] | {"unit": "km", "direction": "-"})
    assert "scaleup.effect.unit: the effect is given in km, and buses is in %." in told
    assert "scaleup.effect.direction: it is '-', and of buses the catalogue says '+'." in told
