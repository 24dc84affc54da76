"""A study that is a transfer: from study.yaml to effects of single towns, what the next one may expect, and published rows."""

import functools

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.study import Study
from scale_impact.errors import DesignError, StudyError, UsageError
from scale_impact.evidence.reading import in_words
from scale_impact.session import open_session
from scale_impact.workflow.freeze import freeze
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.projects import Place
from tests.transfers import (
    COLUMNS,
    MEASURE,
    TRANSFER,
    again,
    evaluated,
    lanes,
    made,
    papers,
    published,
    refused,
    rows_of,
    write_rows,
)

CHOICES = TRANSFER["transfer"]
FROM_ROWS = {"treatment": ..., "design": ...}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return made(tmp_path_factory.mktemp("towns"))


@pytest.fixture
def place(whole, monkeypatch):
    monkeypatch.chdir(whole.root)
    return again(whole)


def chosen(place, *, frame=None, keys=None, **choices):
    """The study with changed choices (... leaves one out), keys or data."""
    if frame is not None:
        place.data(frame, columns=COLUMNS)
    kept = {k: v for k, v in {**CHOICES, **choices}.items() if v is not ...}
    place.study(**{**TRANSFER, **(keys or {}), "transfer": kept})


def said(place, **changed):
    """What `check` says of the changed study."""
    chosen(place, **changed)
    return refused()


def unreadable(place, **changed):
    """What is wrong with the changed study.yaml."""
    chosen(place, **changed)
    with pytest.raises(StudyError) as error:
        Study.load("towns")
    return list(error.value.problems)


# ---- what is published ---------------------------------------------------------------------------------------


def test_the_first_row_is_what_the_town_may_expect(place):
    rows = published(place, "towns")
    first, pooled = rows[0], open_session("towns").transfer().pooled
    assert (first["estimand"], first["kind"], first["role"], first["label"]) == (
        "PREDICTED",
        "overall",
        "primary",
        "Town 20",
    )
    assert (first["estimate"], first["ci_low"], first["ci_high"]) == (
        pooled.mean,
        pooled.predicted_low,
        pooled.predicted_high,
    )
    assert (first["std_error"], first["n_units"], first["estimator"]) == (pooled.prediction_error, 8, "synthesis")
    assert (first["outcome"], first["indicator"], first["outcome_unit"], first["direction"]) == (
        "buses",
        "buses",
        "%",
        "+",
    )
    assert set(first["context"]) == {"people", "hills"}
    assert [r["role"] for r in rows].count("primary") == 1


def test_every_number_of_a_transfer_is_published_with_its_own_unit(place):
    by_kind = {}
    for row in published(place, "towns"):
        by_kind.setdefault((row["estimand"], row["kind"]), []).append(row)
    assert {k: len(v) for k, v in by_kind.items()} == {
        ("PREDICTED", "overall"): 1, ("PREDICTED", "subgroup"): 1, ("P_HARM", "overall"): 1, ("P_TARGET", "overall"): 1,
        ("POOLED", "overall"): 1, ("TAU", "overall"): 1, ("I2", "overall"): 1, ("ATT", "unit"): 8, ("HELD_OUT", "unit"): 8, ("WEIGHT", "unit"): 8,
    }  # fmt: skip
    units = {k[0]: (v[0]["outcome_unit"], v[0]["indicator"]) for k, v in by_kind.items()}
    assert units["POOLED"] == units["ATT"] == units["HELD_OUT"] == ("%", "buses")
    assert (units["P_HARM"], units["I2"], units["TAU"]) == (("probability", None), ("share", None), ("%", None))


def test_checks_tell_track_record_support_selection_and_whether_errors_may_be_borrowed(place):
    published(place, "towns")
    rows = rows_of(place.results / "checks.jsonl")
    assert [r["check"] for r in rows] == ["held_out", "support", "selection", "like_controls"]
    assert {(r["estimator"], r["measure"], r["outcome"]) for r in rows} == {("synthesis", "enterprise_zone", "buses")}
    assert all(r["reason"] for r in rows)


def test_the_effect_of_a_town_is_its_change_less_that_of_towns_without_the_measure(place):
    found, frame = open_session("towns").transfer().effects, lanes()
    wide = frame.pivot(index="code", columns="year", values="buses")
    others = wide.iloc[8:].mean()
    one = (wide.loc["01"] - others)[[2003, 2004, 2005, 2006]].mean() - (wide.loc["01"] - others)[2002]
    assert found.effects[found.labels.index("Town 01")] == pytest.approx(one, rel=1e-12)
    assert (found.unit, found.direction, found.independent) == ("%", "+", False)


def test_context_is_that_of_the_last_year_before_anybody_has_the_measure(place):
    frame = lanes()
    frame.loc[frame["year"] != 2002, ["people", "hills"]] = 1.0
    chosen(place, frame=frame)
    found = open_session("towns").transfer()
    assert found.table.at == 2002
    assert found.effects.context["hills"].std() > 0
    assert (
        found.table.city
        == frame[(frame["code"] == "20") & (frame["year"] == 2002)].iloc[0][["people", "hills"]].to_dict()
    )


def test_an_announced_measure_moves_the_year_before_it(place):
    chosen(place, keys={"design": {"control": "never", "anticipation": 1}})
    assert open_session("towns").transfer().table.at == 2001


def test_who_was_studied_stands_in_units(place):
    published(place, "towns")
    rows = rows_of(place.results / "units.jsonl")
    assert sum(r["first_treated"] is not None for r in rows) == 8


def test_the_same_study_gives_the_same_bytes_whatever_the_order_of_rows(place):
    first = published(place, "towns")
    text = (place.results / "estimates.jsonl").read_bytes()
    chosen(place, frame=lanes().sample(frac=1, random_state=1))
    again = published(place, "towns")
    assert [(r["estimand"], r["label"]) for r in again] == [(r["estimand"], r["label"]) for r in first]
    assert np.allclose([r["estimate"] for r in again], [r["estimate"] for r in first], rtol=1e-9, atol=1e-12)
    published(place, "towns")
    chosen(place, frame=lanes())
    published(place, "towns")
    assert (place.results / "estimates.jsonl").read_bytes() == text


def test_a_city_can_be_chosen_from_outside_by_code_or_name(place):
    assert open_session("towns", overrides={"city": "11"}).transfer().label == "Town 11"
    assert open_session("towns", given={"city": "Town 12"}).transfer().label == "Town 12"
    assert open_session("towns", overrides={"transfer.city": "13"}).transfer().label == "Town 13"


def test_variants_and_grids_change_single_choices(place):
    place.study(
        **TRANSFER,
        variants={"log": {"transfer": {"city": "22"}}},
        grid={"transfer.pooling.tau2": ["reml", "paule_mandel"], "city": ["10"]},
    )
    names = Study.load("towns").variants
    assert len(names) == 2
    study = Study.load("towns", variant=names[1])
    assert study.settings.transfer.pooling == {"tau2": "paule_mandel"}
    assert (study.settings.transfer.city, study.settings.transfer.target) == ("10", 1.0)


def test_units_without_names_are_told_from_numbers(place):
    chosen(place, names=...)
    found = open_session("towns").transfer()
    assert found.label == "code 20"
    assert found.effects.labels[0] == "code 00"


def test_towns_that_are_called_alike_show_their_code(place):
    frame = lanes()
    frame.loc[frame["code"].isin(["01", "02"]), "name"] = "Twin"
    chosen(place, frame=frame)
    assert {"Twin (01)", "Twin (02)"} <= set(open_session("towns").transfer().effects.labels)


# ---- the notebook -------------------------------------------------------------------------------------------------


def test_every_cell_of_the_shipped_template_has_something_to_show(place):
    session = open_session("towns")
    found = session.transfer()
    for told in (
        found.answer(),
        found.support_in_words(),
        found.held_out_in_words(),
        found.selection_in_words(),
        found.transport_in_words(),
    ):
        assert told.data.startswith("- ")
    tables = (found.effects_table(), found.pooled_table(), found.contributions(), found.held_out_table(), found.selection_table(),
              found.selection_tests(), found.verdicts())  # fmt: skip
    assert all(len(t) for t in tables)
    assert "the next city (Town 20)" in found.pooled_table().index
    assert "buses" in session.question().data.lower()
    assert found.unit == "Effect on buses, percentage points"


def test_steps_can_be_left_out(place):
    chosen(place, held_out=None, selection=None)
    rows = published(place, "towns")
    assert {r["estimand"] for r in rows} == {"PREDICTED", "P_HARM", "P_TARGET", "POOLED", "TAU", "I2", "ATT", "WEIGHT"}
    verdicts = {r["check"]: (r["verdict"], r["reason"]) for r in rows_of(place.results / "checks.jsonl")}
    assert verdicts["held_out"] == verdicts["selection"] == ("inapplicable", "The study leaves it out.")
    found = open_session("towns").transfer()
    assert found.held_out_table().data == found.selection_table().data == "- The study leaves it out."


def test_without_context_there_is_a_mean_and_no_likeness(place):
    chosen(place, context=[])
    rows = published(place, "towns")
    assert rows[0]["estimate"] is not None
    near = next(r for r in rows if r["kind"] == "subgroup")
    assert near["estimate"] is None
    assert near["inference"]


def test_without_a_target_none_is_judged(place):
    chosen(place, target=...)
    assert "P_TARGET" not in {r["estimand"] for r in published(place, "towns")}


# ---- few cities, and cities that are alike --------------------------------------------------------------------------


def test_one_town_with_the_measure_predicts_nothing_and_says_why(place):
    chosen(place, frame=lanes(treated=1))
    assert refused() == ""
    rows = published(place, "towns")
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == (None, None)
    assert "one" in rows[0]["inference"].lower() or "two" in rows[0]["inference"].lower()
    assert [r["verdict"] for r in rows_of(place.results / "checks.jsonl") if r["check"] == "held_out"] == [
        "inapplicable"
    ]


def test_identical_effects_of_papers_have_no_spread(place):
    papers(place, [("a", 2.0, 1.0), ("b", 2.0, 1.0), ("c", 2.0, 1.0)])
    rows = from_papers(place)
    tau = next(r for r in rows if r["estimand"] == "TAU")
    assert rows[0]["estimate"] == pytest.approx(2.0, rel=1e-12)
    assert tau["estimate"] == 0
    assert rows[0]["ci_low"] is not None


def test_standard_errors_of_zero_are_pooled_or_refused_with_their_names(place):
    papers(place, [("a", 2.0, 0.0), ("b", 3.0, 0.0), ("c", 1.0, 0.0)])
    chosen(place, keys=FROM_ROWS, papers=["found"])
    said = refused()
    if said:
        assert "a" in said
    else:
        assert published(place, "towns")[0]["estimate"] == pytest.approx(2.0)


# ---- published effects ------------------------------------------------------------------------------------------------


def from_papers(place, **choices):
    chosen(place, keys=FROM_ROWS, papers=["found"], **choices)
    return published(place, "towns")


PILOTS = (("north", 2.0, 0.5), ("south", 1.0, 0.4), ("west", 3.0, 0.6))


@functools.cache
def _a_row(root):
    return evaluated(Place(root), "model")[0]


def a_row(place):
    """The primary row of a study of the measure, evaluated once."""
    return dict(_a_row(place.root))


def pilots(place, of=PILOTS, **changes):
    """Studies of the measure that have published one effect each, with frozen plans."""
    model = a_row(place)
    for slug, value, error in of:
        row = {
            **model,
            "study": slug,
            "estimate": value,
            "std_error": error,
            "ci_low": value - error,
            "ci_high": value + error,
            "plan": "abc",
        }
        write_rows(place, slug, [{**row, **changes.get(slug, {})}])


def test_effects_of_other_studies_are_put_together(place):
    pilots(place)
    chosen(place, keys=FROM_ROWS, studies=["north", "south", "west"], context=[])
    assert refused() == ""
    rows = published(place, "towns")
    assert rows[0]["n_units"] == 3
    assert {r["label"]: r["estimate"] for r in rows if r["estimand"] == "ATT"} == {
        "north": 2.0,
        "south": 1.0,
        "west": 3.0,
    }
    verdicts = {r["check"]: r["verdict"] for r in rows_of(place.results / "checks.jsonl")}
    assert verdicts["like_controls"] == "inapplicable"
    assert not (place.results / "units.jsonl").exists()


def test_studies_of_one_data_set_are_one_piece_of_evidence(place):
    pilots(place)
    for slug, *_ in PILOTS:
        place.study(slug, **MEASURE)
    told = said_of_rows(place, studies=["north", "south", "west"], context=[])
    assert told.startswith("transfer.studies: the 3 effects (north, south, west) share a city or a data set")


def test_papers_and_studies_are_put_together(place):
    pilots(place)
    papers(place, [("a", 2.5, 0.5), ("b", 0.5, 0.5)])
    chosen(place, keys=FROM_ROWS, studies=["north", "west"], papers=["found"], context=[])
    assert refused() == ""
    rows = [r for r in published(place, "towns") if r["estimand"] == "ATT"]
    assert [r["estimate"] for r in rows] == [2.0, 3.0, 2.5, 0.5]


def test_evidence_that_is_no_plans_is_left_out_unless_it_is_named(place):
    pilots(place, south={"plan": None})
    names = ["north", "south", "west"]
    chosen(place, keys=FROM_ROWS, studies=names, context=[])
    transfer = open_session("towns").transfer()
    assert transfer.effects.labels == ("north", "west")
    assert any("Left out: south" in note for note in transfer.notes)
    chosen(place, keys=FROM_ROWS, studies=names, include=["unfrozen"], context=[])
    assert len(open_session("towns").transfer().effects) == 3


def test_nothing_that_counts_is_refused_with_the_reason(place):
    pilots(place, north={"plan": None})
    said = said_of_rows(place, studies=["north"])
    assert "no analysis plan was frozen" in said


def said_of_rows(place, **choices):
    return said(place, keys=FROM_ROWS, **choices)


def test_units_or_directions_that_contradict_each_other_are_refused_with_both_rows(place):
    pilots(place, south={"outcome_unit": "share"})
    told = said_of_rows(place, studies=["north", "south", "west"])
    assert "north" in told
    assert "south" in told
    assert "'share'" in told
    assert "cannot be put together" in told
    pilots(place, west={"direction": "-"})
    told = said_of_rows(place, studies=["north", "south", "west"])
    assert "west" in told
    assert "direction '-'" in told


def test_effects_in_another_unit_than_the_outcome_are_refused(place):
    pilots(place, **{slug: {"outcome_unit": "log(%)"} for slug, *_ in PILOTS})
    told = said_of_rows(place, studies=["north", "south", "west"])
    assert told.startswith("outcomes.0: the effects that were published are in log(%), and the outcome is in %.")


def test_the_town_that_asks_is_none_whose_effect_was_measured(place):
    pilots(place)
    row = rows_of(place.root / "studies/north/results/estimates.jsonl")[0]
    towns = [
        {**row, "kind": "unit", "role": "secondary", "label": code, "estimate": 1.0 + k}
        for k, code in enumerate(("19", "20", "21"))
    ]
    write_rows(place, "north", [row, *towns])
    told = said_of_rows(place, studies=["north"])
    assert told.startswith(
        "transfer.city: the effect of Town 20 is among those that are put together, so it was measured."
    )
    chosen(place, keys=FROM_ROWS, studies=["north"], city="18")
    assert open_session("towns").transfer().effects.labels == ("Town 19", "Town 20", "Town 21")
    assert open_session("towns").transfer().effects.context.notna().all(axis=None)


# ---- what study.yaml may not say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys, choices, told",
    [
        ({}, {"cty": "20"}, "transfer.cty: there is no such key. Did you mean 'city'?"),
        ({}, {"city": ...}, "transfer.city: this key is missing."),
        ({}, {"target": "much"}, "transfer.target: should be a valid number (it is 'much')."),
        ({}, {"target": float("inf")}, "transfer.target"),
        ({}, {"include": ["simulatd"]}, "transfer.include.0"),
        ({}, {"context": ["peeple"]}, "transfer.context.0: the card of source towns describes no column 'peeple'. Did you mean 'people'?"),
        ({}, {"names": "nam"}, "transfer.names: the card of source towns describes no column 'nam'. Did you mean 'name'?"),
        ({}, {"context": ["people", "people"]}, "transfer.context.1: people stands here twice. Leave one out."),
        ({}, {"here": {"hils": 3}}, "transfer.here: hils is no context of the transfer. Did you mean 'hills'?"),
        ({}, {"pooling": {"tau": "reml"}}, "transfer.pooling takes no option 'tau'. Did you mean 'tau2'?"),
        ({}, {"pooling": {"tau2": "remml"}}, "transfer.pooling: tau2 is 'remml'"),
        ({}, {"effects": {"windw": [0, 2]}}, "transfer.effects: takes no option 'windw'. Did you mean 'window'?"),
        ({}, {"held_out": {"draw": 5}}, "transfer.held_out takes no option 'draw'"),
        ({}, {"pooling": None}, "transfer.pooling"),
        ({}, {"transport": {"study": "towns", "shares": {"a": 1.0}}}, "transfer.transport.study: 'towns' is this study itself."),
        ({}, {"transport": {"study": "lanes"}}, "transfer.transport: say who lives there in one way"),
        ({"benchmark": {"city": "20", "context": ["people"]}}, {}, "transfer: a study has one of benchmark, transfer, scaleup (given: benchmark, transfer)."),
        ({"treatment": ...}, {}, "treatment: say who has the measure since when, or name `transfer.studies` or `transfer.papers`"),
        ({}, {"studies": ["lanes"]}, "transfer.studies: effects come from the study's own `treatment` or from what was published, not from both."),
        ({"treatment": ...}, {"studies": ["lanes"]}, "design: nobody is compared where effects are those that were published."),
        (FROM_ROWS, {"studies": ["lane"]}, "transfer.studies.0: there is no study 'lane'. Did you mean 'lanes'?"),
        (FROM_ROWS, {"studies": ["lanes/erly"]}, "transfer.studies.0: study lanes has no variant 'erly'. Did you mean 'early'?"),
        (FROM_ROWS, {"studies": ["../studies/lanes"]}, "transfer.studies.0: there is no study '../studies/lanes'."),
        (FROM_ROWS, {"studies": ["lanes/../../lanes"]}, "transfer.studies.0: study lanes has no variant '../../lanes'."),
        (FROM_ROWS, {"studies": ["towns"]}, "transfer.studies.0: 'towns' is this study itself."),
        (FROM_ROWS, {"studies": ["lanes", "lanes"]}, "transfer.studies.1: lanes stands here twice."),
        (FROM_ROWS, {"papers": ["foundd"]}, "transfer.papers.0: there is no data/evidence/foundd.csv."),
        (FROM_ROWS, {"studies": ["lanes"], "effects": {"base": "mean"}}, "transfer.effects: options of effects that were published elsewhere"),
        ({"measure": ...}, {}, "measure: this key is missing."),
        ({"source": ...}, {}, "source: this key is missing."),
        ({"estimators": ["twfe"]}, {}, "estimators: a transfer puts effects of single cities together and fits no model of its own."),
        ({"checks": ["pre_trends"]}, {}, "checks: a transfer puts effects of single cities together"),
        ({"covariates": ["people"]}, {}, "covariates: a transfer puts effects of single cities together"),
        ({"inference": "analytic"}, {}, "inference: a transfer puts effects of single cities together"),
        ({"unit": None}, {}, "unit: a transfer looks at cities that have a name"),
        ({"treatment": {"group": "lane", "starts": 2003}}, {}, "treatment: effects of single cities need the first treated period of each."),
        ({"treatment": {"exposure": "lane"}}, {}, "treatment: effects of single cities need the first treated period of each."),
        ({"treatment": {"planned": 2005}}, {}, "treatment: effects of single cities need the first treated period of each."),
        ({"outcomes": [*TRANSFER["outcomes"], {"column": "weeds", "indicator": "weeds"}]}, {}, "outcomes.1: a transfer is about one outcome, and 2 are given."),
        ({"template": "quick"}, {}, "template: quick tells no city what to expect, and the study has the key `transfer`. Use the template transfer"),
        ({"template": "benchmark"}, {}, "template: benchmark tells no city what to expect"),
    ],
    ids=lambda v: None if isinstance(v, dict) else str(v)[:60],
)  # fmt: skip
def test_what_study_yaml_may_not_say_is_told_where_it_stands(place, keys, choices, told):
    place.study("lanes", **MEASURE, variants={"early": {}})
    found = unreadable(place, keys=keys, **choices)
    assert any(p.startswith(told) for p in found), found


def test_keys_of_another_kind_and_missing_ones_are_told_at_once(place):
    found = unreadable(place, keys={"measure": ..., "estimators": ["twfe"], "checks": ["pre_trends"]})
    assert [p.split(":")[0] for p in found][:3] == ["measure", "estimators", "checks"]


def test_a_transfer_of_a_benchmark_or_a_transfer_is_refused(place):
    place.study("other", **TRANSFER)
    found = unreadable(place, keys=FROM_ROWS, studies=["other"])
    assert found == ["transfer.studies.0: 'other' is a transfer. Name studies of measures: what they found is read."]


def test_a_template_of_transfers_is_for_no_study_of_a_measure(place):
    place.study(**{**MEASURE, "template": "send"})
    with pytest.raises(
        StudyError, match=r"template: send tells a city what to expect, and the study has no key `transfer`"
    ):
        Study.load("towns")


def test_a_session_of_a_measure_has_no_transfer_and_a_transfer_no_estimate(place):
    with pytest.raises(UsageError, match="transfer"):
        open_session("towns").estimate()
    place.study(**MEASURE)
    with pytest.raises(UsageError, match="no key `transfer`"):
        open_session("towns").transfer()


# ---- what the data do not allow -------------------------------------------------------------------------------------------


def test_an_unknown_town_names_the_nearest(place):
    told = said(place, city="Towm 20")
    assert "transfer.city: 'Towm 20' is no code of the data. Did you mean 'Town 20'?" in told
    assert "transfer.here: {people: ..., hills: ...}" in told


def test_a_town_that_has_the_measure_is_not_the_next(place):
    assert "transfer.city: Town 03 has the measure itself (lane), so its own effect was measured." in said(
        place, city="03"
    )


def test_a_period_that_is_none_or_too_late_is_refused(place):
    assert "transfer.at: '1999' is no period of the data." in said(place, at=1999)
    told = said(place, at=2005)
    assert (
        "transfer.at: in 2005 some cities have the measure (first 2003), and context must be known before it." in told
    )
    assert said(place, at=2001) == ""


def test_towns_that_have_the_measure_from_the_beginning_leave_no_period_before(place):
    frame = lanes()
    frame.loc[frame["code"] == "00", "lane"] = 1
    told = said(place, frame=frame)
    assert "from the first period (2001) on" in told


def test_context_that_is_text_is_refused_unless_it_is_a_group(place):
    told = said(place, context=["region"])
    assert "transfer.context: region holds what is no number" in told
    assert "{column: region, kind: group}" in told
    assert said(place, context=["hills", {"column": "region", "kind": "group"}]) == ""


def test_logarithms_need_numbers_above_zero(place):
    frame = lanes()
    frame.loc[frame["code"] == "03", "people"] = 0.0
    assert "transfer.context, log: people is not positive in 1 city (Town 03 has 0)." in said(place, frame=frame)


def test_nobody_with_the_measure_is_refused(place):
    frame = lanes()
    frame["lane"] = 0
    assert said(place, frame=frame)


def test_a_town_with_two_rows_of_the_period_is_refused(place):
    frame = lanes()
    told = said(place, frame=pd.concat([frame, frame[(frame["code"] == "20") & (frame["year"] == 2002)]]))
    assert "20" in told


def test_a_town_from_elsewhere_is_described(place):
    assert said(place, city="Elsewhere", here={"people": 9000, "hills": 50}) == ""
    found = open_session("towns").transfer()
    assert (found.label, found.table.city) == ("Elsewhere", {"people": 9000, "hills": 50})
    assert published(place, "towns")[0]["label"] == "Elsewhere"


def test_a_town_from_elsewhere_of_which_less_is_known_says_so(place):
    assert said(place, city="Elsewhere", here={"people": 9000}) == ""
    published(place, "towns")
    support = next(r for r in rows_of(place.results / "checks.jsonl") if r["check"] == "support")
    assert support["reason"].endswith("Not compared: hills.")


def test_what_is_said_of_a_town_of_the_data_goes_before_them(place):
    chosen(place, here={"hills": 55.0})
    assert open_session("towns").transfer().table.city["hills"] == 55.0


def test_a_described_context_that_is_no_number_is_refused_with_its_place(place):
    told = said(place, city="Elsewhere", here={"people": "many", "hills": 50})
    assert "people" in told


def test_a_town_far_from_the_pilots_is_outside_with_the_column(place):
    chosen(place, city="Elsewhere", here={"people": 9000, "hills": 5000})
    published(place, "towns")
    support = next(r for r in rows_of(place.results / "checks.jsonl") if r["check"] == "support")
    assert support["verdict"] == "fail"
    assert "hills" in support["reason"]


@pytest.mark.parametrize("value", [[1, 2], True, {"a": 1}, float("inf")])
def test_what_is_known_of_the_city_is_a_number_a_text_or_nothing(place, value):
    chosen(place, city="Elsewhere", here={"people": value, "hills": None})
    with pytest.raises(StudyError) as error:
        Study.load("towns")
    (told,) = error.value.problems
    assert told.startswith("transfer.here.people: write a")
    assert "null where it is not known" in told


# ---- an effect carried over by who lives there ---------------------------------------------------------------------------


def groups(place, slug="lanes", **changes):
    row = {**a_row(place), "study": slug}
    place.study(slug, **MEASURE)
    told = [("old", 1.0), ("young", 3.0)]
    rows = [{**row, "kind": "subgroup", "role": "secondary", "label": f"age: {name}", "estimate": value, "std_error": 0.5,
             "context": {"age": name}, **changes} for name, value in told]  # fmt: skip
    write_rows(place, slug, [row, *rows])


def test_an_effect_is_carried_over_by_the_shares_of_groups(place):
    groups(place)
    chosen(place, transport={"study": "lanes", "shares": {"age: old": 0.25, "age: young": 0.75}})
    assert refused() == ""
    rows = published(place, "towns")
    carried = rows[-1]
    assert (carried["estimand"], carried["label"]) == ("TRANSPORTED", "Town 20")
    assert carried["estimate"] == pytest.approx(2.5)
    assert carried["std_error"] == pytest.approx(np.hypot(0.25 * 0.5, 0.75 * 0.5))


@pytest.mark.parametrize(
    "transport, told",
    [
        ({"shares": {"age: old": 0.25, "age: young": 0.25}}, "0.5"),
        ({"shares": {"age: old": 0.25, "age: middle": 0.75}}, "middle"),
        ({"shares": {"age: old": 1.0}, "outcome": "busses"}, "transfer.transport.outcome: lanes has no effects of groups by 'busses'. Did you mean 'buses'?"),
        ({"shares": {"age: old": 1.0}, "estimator": "twfe"}, "transfer.transport.estimator: lanes has no effects of groups by 'twfe'."),
        ({"means": {"people": 3.0}}, "transfer.transport"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_refused(place, transport, told):
    groups(place)
    assert told in said(place, transport={"study": "lanes", **transport})


@pytest.mark.parametrize("content, says", [
    ("", "it has no row"), ('{"schema": 1, "stu', "line 1 is cut off or no JSON"), ("[1]\n", "line 1 is no row"), ('{"a": 1}\n', "line 1 is of schema None"),
])  # fmt: skip
def test_damaged_rows_of_the_study_that_is_carried_over_are_told_with_file_and_line(place, content, says):
    write_rows(place, "lanes", [])
    (place.root / "studies/lanes/results/estimates.jsonl").write_text(content, encoding="utf-8")
    told = said(place, transport={"study": "lanes", "shares": {"age: old": 1.0}})
    assert f"transfer.transport.study: studies/lanes/results/estimates.jsonl is not whole: {says}" in told
    assert "Run it again: scale-impact run lanes." in told


def test_a_study_without_rows_of_groups_carries_nothing(place):
    place.study("lanes", **MEASURE)
    transport = {"study": "lanes", "shares": {"age: old": 1.0}}
    told = said(place, transport=transport)
    assert told.startswith(
        "transfer.transport.study: there is no studies/lanes/results/estimates.jsonl. Run it first: scale-impact run lanes."
    )
    write_rows(place, "lanes", [a_row(place)])
    for asked in (transport, {"study": "lanes", "means": {"people": 9000.0}}):
        assert "has published no effect of groups or units with their context" in said(place, transport=asked)
    groups(place, indicator="weeds")
    assert "transfer.transport.outcome: lanes is about weeds, and this study about buses." in said(
        place, transport=transport
    )


# ---- in words --------------------------------------------------------------------------------------------------------------


def test_a_prediction_reads_as_what_a_single_town_gets(place):
    row = published(place, "towns")[0]
    told = in_words({**row, "estimate": 2.0, "ci_low": -1.0, "ci_high": 5.0}, "Buses")
    assert told.startswith(
        "Town 20 may expect: buses up by 2 percentage points; what a single city gets lies, with a probability of about 95 %, between "
    )
    assert told.endswith(" −1 percentage points and +5 percentage points (prediction interval).")
    assert "unchanged" in in_words({**row, "estimate": 0.0}, "Buses")
    assert "cannot be bounded" in in_words({**row, "ci_low": None, "ci_high": None}, "Buses")
    assert in_words({**row, "estimate": None}, "Buses") == "No estimate."
    assert "down by 9.5 %" in in_words({**row, "estimate": -0.1, "outcome_unit": "log(%)"}, "Buses")


# ---- from outside ------------------------------------------------------------------------------------------------------------


def test_runs_take_the_city_and_options_of_steps_from_outside(place):
    (run,), errors = expand(["towns"], {"city": "21", "transfer.target": 0.5, "control": "not_yet"})
    assert not errors
    settings = run.study.settings
    assert (settings.transfer.city, settings.transfer.target, settings.design.control) == ("21", 0.5, "not_yet")
    assert preflight(run).errors == ()
    (none,), errors = expand(["towns"], {"city": "01"})
    assert "transfer.city: Town 01 has the measure itself" in str(preflight(none).errors[0])


def test_a_transfer_is_not_frozen_because_it_puts_together_what_was_found(place):
    with pytest.raises(UsageError, match="towns is a transfer"):
        freeze("towns")


def test_a_town_that_gets_the_measure_after_the_sample_ends_is_no_town_without_it(place):
    place.study(**{**TRANSFER, "sample": {"last_period": 2003}})
    found = open_session("towns").transfer()
    assert {"Town 00", "Town 02"} <= found.table.had  # from 2004 on
    assert not found.table.had & set(found._others.index)
    place.study(**{**TRANSFER, "sample": {"last_period": 2003}, "transfer": {**TRANSFER["transfer"], "city": "02"}})
    with pytest.raises(DesignError, match="Town 02 has the measure itself"):
        _ = open_session("towns").transfer().label


def test_what_the_frame_says_is_no_option_of_a_step(place):
    choices = {
        **TRANSFER["transfer"],
        "effects": {"unit": "km"},
        "for_city": {"name": "Elsewhere"},
        "held_out": {"target": 2.0},
    }
    place.study(**{**TRANSFER, "transfer": choices})
    with pytest.raises(StudyError) as wrong:
        Study.load("towns")
    told = str(wrong.value)
    assert "transfer.effects.unit: it is that of the outcome." in told
    assert "transfer.for_city.name: the city that asks is transfer.city." in told
    assert "transfer.held_out.target: say transfer.target" in told


def test_effects_that_happen_to_be_alike_do_not_make_the_mean_surer_than_their_errors():
    from scale_impact.core.city_effects import CityEffects
    from scale_impact.synthesis.pooling import pool
    from scale_impact.transferring import CAREFUL

    found = pool(CityEffects.of([1, 1, 1.001], [0.1, 0.1, 0.1]), inference=CAREFUL)
    assert found.std_error == pytest.approx(0.1 / 3**0.5, rel=1e-3)
    assert found.predicted_high - found.predicted_low > 0.4
