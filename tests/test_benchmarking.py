"""A study that is a benchmark: from study.yaml to cities, steps, published rows and one page."""

import json

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.study import Study
from scale_impact.errors import StudyError, UsageError
from scale_impact.session import open_session
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.projects import command, project, towns

LINES = """\
lit,Lit streets,technology,Streets that are lit,%,+
noise,Noise,environment,Mean noise at night,dB,-
staff,Staff,organisation,Staff per resident,staff,0
"""

COLUMNS = {
    "code": {"unit": "none", "meaning": "Code of the city", "type": "text"},
    "name": {"unit": "none", "meaning": "Name of the city, as its people write it", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "lit": {"unit": "%", "meaning": "Streets that are lit"},
    "noise": {"unit": "dB", "meaning": "Mean noise at night"},
    "noise_se": {"unit": "dB", "meaning": "Its standard error"},
    "staff": {"unit": "staff", "meaning": "Staff per resident"},
    "people": {"unit": "persons", "meaning": "Residents, at the end of the year"},
    "density": {"unit": "inhabitants/km2", "meaning": "Residents per square kilometre"},
    "region": {"unit": "none", "meaning": "Region", "type": "text"},
}

CHOICES = {
    "city": "07", "names": "name", "before": 2019,
    "context": [{"column": "people", "log": True}, "density", {"column": "region", "kind": "group"}],
    "robustness": {"draws": 200}, "scores": {"draws": 100},
}  # fmt: skip

BENCHMARK = {
    "title": "Which city is lit and quiet?", "question": "Which city is lit and quiet for its situation?", "template": "quick",
    "source": "towns", "unit": "code", "period": "year",
    "outcomes": [
        {"column": "lit", "indicator": "lit", "goalposts": [0, 100]},
        {"column": "noise", "indicator": "noise", "goalposts": [90, 30], "std_error": "noise_se"},
    ],
    "benchmark": CHOICES, "measure": ..., "treatment": ..., "design": ..., "estimators": ..., "checks": ...,
}  # fmt: skip

CODE = [
    'study = "towns"\nvariant = None\nout = None\noverrides = {}',
    "from scale_impact.session import open_session\n"
    "session = open_session(study, variant=variant, out=out, overrides=overrides, given=globals())",
    "session.why_here()",
    "session.save()",
]


def cities(n=40, seed=5):
    rng = np.random.default_rng(seed)
    people, density = np.exp(rng.normal(10, 1, n)), np.exp(rng.normal(5, 1, n))
    rows = []
    for year in (2019, 2021):
        lit = 50 + 5 * np.log(people / people.mean()) + rng.normal(0, 5, n)
        noise = 55 + 3 * np.log(density / density.mean()) + rng.normal(0, 3, n)
        for k in range(n):
            rows.append(
                (
                    f"{k:02d}",
                    f"City {k:02d}",
                    year,
                    lit[k],
                    noise[k],
                    1.0,
                    3.0 + k % 5,
                    people[k],
                    density[k],
                    "NESW"[k % 4],
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def with_lines(place):
    with (place.root / "data/indicators/catalogue.csv").open("a", encoding="utf-8") as file:
        file.write(LINES)
    return place


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = with_lines(project(tmp_path))
    made.data(cities(), columns=COLUMNS)
    made.study(**BENCHMARK)
    made.template(*CODE)
    return made


def refused(place, *, frame=None, outcomes=None, **choices):
    """What `check` says of the benchmark with changed data, outcomes or choices."""
    if frame is not None:
        place.data(frame, columns=COLUMNS)
    changed = BENCHMARK | {"benchmark": CHOICES | choices} | ({"outcomes": outcomes} if outcomes else {})
    place.study(**changed)
    (run,), errors = expand(["towns"], {})
    assert not errors, errors
    return "\n".join(p for e in preflight(run).errors for p in e.problems)


def latest(frame):
    return frame[frame["year"] == 2021].index


# ---- the cities --------------------------------------------------------------------------------------------


def test_cities_are_those_of_the_last_period_by_the_names_shown(place):
    found = open_session("towns").benchmark()
    assert found.table.at == 2021
    assert found.cities.labels[:2] == ("City 00", "City 01")
    assert found.label == "City 07"
    assert found.cities.std_errors[:, 0].max() == 0
    assert found.cities.std_errors[:, 1].min() == 1


def test_a_city_can_be_chosen_by_code_or_name_from_outside(place):
    assert open_session("towns", overrides={"city": "09"}).benchmark().label == "City 09"
    assert open_session("towns", given={"city": "City 11"}).benchmark().label == "City 11"


def test_a_variable_called_city_is_no_key_of_a_study_that_is_no_benchmark(place):
    place.data(towns())
    place.study()
    assert open_session("towns", given={"city": "Gary"}).study.settings.benchmark is None


def test_cities_that_are_called_alike_show_their_code(place):
    frame = cities()
    frame.loc[frame["code"].isin(["01", "02"]), "name"] = "Twin"
    place.data(frame, columns=COLUMNS)
    assert {"Twin (01)", "Twin (02)"} <= set(open_session("towns").benchmark().cities.labels)


def test_context_is_described_by_its_card_in_short(place):
    people, density, region = open_session("towns").benchmark().table.context
    assert (people.meaning, people.unit, density.kind, region.kind) == ("Residents", "persons", "number", "group")


def test_ratios_count_where_the_context_says_log(place):
    found = open_session("towns").benchmark()
    assert found.peers.recipe.log == ("people",)


# ---- what is published ---------------------------------------------------------------------------------------


def published(place, tmp_path):
    open_session("towns", out=str(tmp_path / "out")).save()
    return [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]


def test_the_first_row_is_the_citys_rank_with_its_band(place, tmp_path):
    rows = published(place, tmp_path)
    bands = open_session("towns").benchmark().bands
    first, k = rows[0], bands.labels.index("City 07")
    assert (first["estimand"], first["kind"], first["role"], first["label"]) == (
        "RANK",
        "overall",
        "primary",
        "City 07",
    )
    assert (first["estimate"], first["ci_low"], first["ci_high"]) == (bands.rank[k], bands.low[k], bands.high[k])
    assert (first["n_units"], first["measure"], first["estimator"]) == (40, None, "benchmark")


def test_each_city_has_a_score_with_context_a_rank_and_what_is_expected(place, tmp_path):
    rows = [r for r in published(place, tmp_path) if r["kind"] == "unit" and r["outcome"] == "index"]
    by_kind = {e: [r for r in rows if r["estimand"] == e] for e in ("SCORE", "RANK", "EXPECTED", "ADJUSTED")}
    assert {e: len(r) for e, r in by_kind.items()} == dict.fromkeys(by_kind, 40)
    assert set(by_kind["SCORE"][0]["context"]) == {"people", "density", "region"}
    scores = open_session("towns").benchmark().scores
    assert by_kind["SCORE"][3]["estimate"] == pytest.approx(scores.index[3], rel=1e-12)
    assert by_kind["SCORE"][3]["ci_high"] - by_kind["SCORE"][3]["estimate"] == pytest.approx(
        1.959964 * scores.std_errors[3], rel=1e-6
    )


def test_a_city_without_a_score_keeps_its_rows_with_the_reason(place, tmp_path):
    frame = cities()
    frame.loc[(frame["code"] == "03") & (frame["year"] == 2021), "lit"] = np.nan
    place.data(frame, columns=COLUMNS)
    rows = [r for r in published(place, tmp_path) if r["label"] == "City 03"]
    assert {r["estimate"] for r in rows} == {None}
    assert all("known" in r["inference"] for r in rows), rows[0]["inference"]


def test_checks_say_what_choices_decide(place, tmp_path):
    published(place, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out/checks.jsonl").read_text().splitlines()]
    assert {r["check"] for r in rows} >= {"weight_robustness", "rank_reversal"}
    assert {(r["outcome"], r["estimator"], r["measure"]) for r in rows} == {("index", "benchmark", None)}


def test_the_same_study_gives_the_same_bytes(place, tmp_path):
    for name in ("one", "two"):
        open_session("towns", out=str(tmp_path / name)).save()
    assert (tmp_path / "one/estimates.jsonl").read_bytes() == (tmp_path / "two/estimates.jsonl").read_bytes()


def test_the_command_runs_it_and_says_the_rank_with_its_confidence_set(place):
    said = command("run", "towns", cwd=place.root)
    assert said.code == 0, said.err
    assert "City 07: rank " in said.out
    assert "95 % confidence set: ranks " in said.out
    assert "40 compared" in said.out
    table = command("evidence", cwd=place.root)
    assert "RANK" in table.out
    assert command("plan", "towns", cwd=place.root).out.startswith("towns: up to date")


def test_it_is_not_frozen_because_no_measure_is_evaluated(place):
    said = command("freeze", "towns", cwd=place.root)
    assert (said.code, "is a benchmark" in said.err) == (2, True)


# ---- what is wrong --------------------------------------------------------------------------------------------


def test_keys_of_a_measure_have_no_place_in_a_benchmark_and_all_is_said_at_once(place):
    place.study(**BENCHMARK | {"measure": "enterprise_zone", "estimators": ["twfe"]})
    with pytest.raises(StudyError) as error:
        Study.load("towns")
    assert [p.split(":")[0] for p in error.value.problems][:2] == ["measure", "estimators"]


def test_keys_of_a_benchmark_have_no_place_in_the_study_of_a_measure(place):
    place.data(towns())
    place.study(outcomes=[{"column": "jobs", "indicator": "jobs", "goalposts": [0, 1]}])
    with pytest.raises(StudyError, match=r"outcomes.0.goalposts: a benchmark alone takes it"):
        Study.load("towns")


def test_a_study_without_either_lacks_the_keys_of_a_measure(place):
    place.study(**{**BENCHMARK, "benchmark": ...})
    with pytest.raises(StudyError) as error:
        Study.load("towns")
    assert {
        "measure: this key is missing.",
        "treatment: this key is missing.",
        "estimators: this key is missing.",
    } <= set(error.value.problems)


@pytest.mark.parametrize(
    "choices, said",
    [
        ({"peers": {"methd": "gower"}}, "benchmark.peers takes no option 'methd'. Did you mean 'method'?"),
        ({"peers": {"number": "ten"}}, "benchmark.peers: number is 'ten': it should be a valid integer."),
        ({"context": ["peeple"]}, "benchmark.context.0: the card of source towns describes no column 'peeple'. Did you mean 'people'?"),
        ({"context": ["lit"]}, "benchmark.context.0: lit is an outcome too."),
        ({"measures": ["citys"]}, "benchmark.measures.0: there is no study 'citys'."),
        ({"citty": "07"}, "benchmark.citty: there is no such key. Did you mean 'city'?"),
    ],
)  # fmt: skip
def test_wrong_choices_are_said_where_they_stand(place, choices, said):
    place.study(**BENCHMARK | {"benchmark": CHOICES | choices})
    with pytest.raises(StudyError) as error:
        Study.load("towns")
    assert any(p.startswith(said) for p in error.value.problems), error.value.problems


def test_an_unknown_city_and_period_name_the_nearest(place):
    assert "benchmark.city: 'City 99'" in refused(place, city="City 99")
    assert "benchmark.before: '2017' is no period of the data" in refused(place, before=2017)


def test_an_indicator_without_direction_is_refused(place):
    said = refused(
        place, outcomes=[*BENCHMARK["outcomes"], {"column": "staff", "indicator": "staff", "goalposts": [0, 9]}]
    )
    assert "outcomes.2: staff: indicator staff has the direction '0', so no city can be better by it" in said


def test_a_city_without_any_value_is_refused(place):
    frame = cities()
    frame.loc[(frame["code"] == "03") & (frame["year"] == 2021), ["lit", "noise"]] = np.nan
    assert "City 03: no indicator has a value" in refused(place, frame=frame)


def test_a_constant_indicator_is_refused(place):
    frame = cities()
    frame.loc[latest(frame), "lit"] = 40.0
    assert "lit: all cities have 40. It tells no city from another" in refused(place, frame=frame)


def test_scores_of_zero_under_a_geometric_mean_are_refused_with_the_city(place):
    frame = cities()
    frame.loc[(frame["code"] == "03") & (frame["year"] == 2021), "lit"] = 0.0
    said = refused(place, frame=frame, scores={"aggregation": "geometric", "draws": 50})
    assert "City 03" in said
    assert "geometric" in said


def test_weights_that_do_not_sum_are_refused_with_their_sum(place):
    said = refused(place, scores={"dimension_weights": {"technology": 0.7, "environment": 0.7}})
    assert "1.4" in said


def test_context_that_holds_what_is_judged_is_refused_with_the_correlation(place):
    frame = cities()
    frame["density"] = np.exp(frame["noise"] / 10)
    assert "context: density has the correlation 1.000 with the indicator noise" in refused(place, frame=frame)


def test_one_city_is_refused(place):
    frame = cities()
    said = refused(place, frame=frame[frame["code"] == "07"])
    assert "the table has 1 city. A benchmark needs at least two" in said


def test_a_city_that_stands_twice_is_refused(place):
    frame = cities()
    said = refused(place, frame=pd.concat([frame, frame[frame["code"] == "03"]]))
    assert "code: City 03 in 2019, City 03 in 2021 stand in more than one row" in said


def test_a_goalpost_inside_the_data_is_refused_with_who_is_beyond(place):
    outcomes = [{**BENCHMARK["outcomes"][0], "goalposts": [0, 45]}, BENCHMARK["outcomes"][1]]
    said = refused(place, outcomes=outcomes)
    assert "lit" in said
    assert "45" in said
    assert "beyond: clip" in said


def test_a_session_of_a_measure_has_no_benchmark(place):
    place.data(towns())
    place.study()
    with pytest.raises(UsageError, match="no key `benchmark`"):
        open_session("towns").benchmark()


def test_without_context_nobody_is_comparable_and_that_is_said(place):
    place.study(**BENCHMARK | {"benchmark": CHOICES | {"context": []}})
    with pytest.raises(StudyError, match=r"benchmark.context: should have at least one entry"):
        Study.load("towns")


def test_amounts_become_rates_by_what_they_are_divided_by(place):
    outcomes = [
        BENCHMARK["outcomes"][0],
        {"column": "staff", "indicator": "noise", "goalposts": [1, 0], "per": "people", "times": 1000},
    ]
    place.study(**BENCHMARK | {"outcomes": outcomes})
    found = open_session("towns").benchmark().cities
    last = cities()[cities()["year"] == 2021]
    assert found.values[:, 1] == pytest.approx((1000 * last["staff"] / last["people"]).to_numpy(), rel=1e-12)


def test_small_counts_are_pooled_over_periods_and_bring_their_standard_errors(place):
    outcomes = [
        BENCHMARK["outcomes"][0],
        {"column": "staff", "indicator": "noise", "goalposts": [1, 0], "per": "people", "times": 1000, "pooled": 2},
    ]
    place.study(**BENCHMARK | {"outcomes": outcomes})
    found = open_session("towns").benchmark().cities
    assert (found.std_errors[:, 1] > 0).all()
    assert any("pooled" in note or "years" in note or "periods" in note for note in found.notes), found.notes


def test_a_rank_without_known_errors_is_published_without_an_interval(place, tmp_path):
    outcomes = [{k: v for k, v in o.items() if k != "std_error"} for o in BENCHMARK["outcomes"]]
    place.study(**BENCHMARK | {"outcomes": outcomes})
    first = published(place, tmp_path)[0]
    assert (first["ci_low"], first["ci_high"]) == (None, None)
    assert "without errors" in first["inference"]


def test_a_city_without_a_score_still_has_its_page_figures_and_rows(place, tmp_path):
    frame = cities()
    frame.loc[(frame["code"] == "07") & (frame["year"] == 2021), "lit"] = np.nan
    place.data(frame, columns=COLUMNS)
    session = open_session("towns", out=str(tmp_path / "out"))
    found = session.benchmark()
    assert "City 07" in session.why_here().data
    for name, value in (("league_table", found.bands), ("weight_robustness", found.robustness), ("raw_versus_adjusted", found.adjustment),
                        ("peer_map", found.peers)):  # fmt: skip
        session.figure(name, value, city=found.label)
    session.figure("dimension_profile", found.profile)
    assert "City 07 has no rank" in found.robustness_in_words().data
    assert found.league_table().index[-1] == found.scores_table().index[-1] == "City 07"
    assert session.save().startswith("1")


def test_tables_of_a_notebook_show_the_city_among_its_neighbours(place):
    frame = open_session("towns").benchmark()
    for table in (frame.scores_table(), frame.league_table(), frame.context_table(), frame.frontier_table()):
        assert "City 07" in table.index
        assert len(table) <= 23


def test_a_new_benchmark_says_what_is_to_be_changed_in_it(place):
    place.template('study = "towns"\nvariant = None\nout = None\noverrides = {}', name="bench")
    assert command("new", "spring", "--template", "bench", cwd=place.root).code == 0
    text = (place.root / "studies/spring/study.yaml").read_text()
    assert "benchmark.context: what a city cannot choose" in text
    assert "treatment" not in text


# ---- steps that can be left out, and what is tried before a run -------------------------------------------------


def test_steps_can_be_left_out_and_the_notebook_says_so(place, tmp_path):
    left_out = dict.fromkeys(("adjustment", "frontier", "robustness", "change"))
    place.study(**BENCHMARK | {"benchmark": {k: v for k, v in CHOICES.items() if k != "robustness"} | left_out})
    session = open_session("towns", out=str(tmp_path / "out"))
    found = session.benchmark()
    assert (found.adjustment, found.frontier, found.robustness, found.changes) == (None,) * 4
    said = [found.context_in_words(), found.frontier_in_words(), found.robustness_in_words(), found.change_in_words()]
    assert {s.data for s in said} == {"- The study leaves it out."}
    assert session.why_here().data.startswith("# Why is City 07 here?")
    session.save()
    rows = [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]
    assert {r["estimand"] for r in rows} == {"RANK", "SCORE"}


def test_a_step_that_the_table_cannot_answer_says_why_and_stops_nothing(place):
    place.study(**BENCHMARK | {"outcomes": BENCHMARK["outcomes"][1:], "benchmark": CHOICES | {"robustness": {}}})
    found = open_session("towns").benchmark()
    assert found.robustness is None
    assert "one dimension" in found.robustness_in_words().data
    assert found.checks()[0].verdict == "inapplicable"


def test_what_the_study_asks_of_a_step_has_to_be_answered(place):
    said = refused(place, outcomes=BENCHMARK["outcomes"][1:], robustness={"draws": 200})
    assert "one dimension" in said


@pytest.mark.parametrize(
    "choices, key",
    [
        ({"rank_bands": {"best": 0}}, "benchmark.rank_bands"),
        ({"frontier": {"given": ["nope"], "method": "conditional_order_m"}}, "benchmark.frontier"),
        ({"robustness": {"draws": 1}}, "benchmark.robustness"),
        ({"scores": {"draws": 100}, "peers": {"number": 500}}, "benchmark.peers"),
    ],
)
def test_options_that_a_step_refuses_are_found_before_a_run(place, choices, key):
    assert key in refused(place, **choices)


def test_which_value_is_better_is_no_option_of_the_bands(place):
    place.study(**BENCHMARK | {"benchmark": CHOICES | {"rank_bands": {"better": "low"}}})
    with pytest.raises(StudyError, match="takes no option 'better'"):
        Study.load("towns")


def test_a_level_asks_for_as_many_draws_as_it_needs(place):
    place.study(**BENCHMARK | {"benchmark": CHOICES | {"scores": {}}}, level=0.999)
    assert len(open_session("towns").benchmark().scores.draws) == 2000


@pytest.mark.parametrize("posts", [[0, float("inf")], [0, float("nan")], ["0", "100"], [False, True]])
def test_goalposts_are_numbers(place, posts):
    place.study(**BENCHMARK | {"outcomes": [{**BENCHMARK["outcomes"][0], "goalposts": posts}]})
    with pytest.raises(StudyError, match=r"outcomes\.0\.goalposts"):
        Study.load("towns")


# ---- periods and names -----------------------------------------------------------------------------------------


def test_the_earlier_period_lies_before_the_judged_one(place):
    assert "benchmark.before: 2021 is not before 2019" in refused(place, at=2019, before=2021)
    assert "benchmark.before: 2021 is not before 2021" in refused(place, before=2021)


def test_what_is_wrong_with_the_earlier_period_is_said_of_it(place):
    frame = cities()
    frame.loc[frame["year"] == 2019, "noise"] = np.nan
    assert "benchmark.before (2019): noise: no city has a value" in refused(place, frame=frame)
    frame = cities()
    frame.loc[(frame["year"] == 2019) & (frame["code"] == "04"), "lit"] = 130.0
    assert "benchmark.before (2019): lit: its goalpost best = 100 lies inside the data" in refused(place, frame=frame)


def test_a_city_without_a_row_of_the_period_is_told_where_it_has_one(place):
    frame = cities()
    said = refused(place, frame=frame[~((frame["code"] == "07") & (frame["year"] == 2021))])
    assert "benchmark.city: '07' has no row of 2021; it has rows of 2019" in said


def test_names_are_those_of_the_judged_period_whatever_the_order_of_rows(place):
    frame = cities()
    frame.loc[frame["year"] == 2019, "name"] += " then"
    for rows in (frame, frame.iloc[::-1]):
        place.data(rows, columns=COLUMNS)
        assert open_session("towns").benchmark().label == "City 07"


def test_names_that_collide_with_codes_are_told_apart(place):
    frame = cities()
    frame.loc[frame["code"].isin(["05", "06"]), "name"] = "A"
    frame.loc[frame["code"] == "08", "name"] = "A (05)"
    frame.loc[frame["code"] == "09", "name"] = None
    frame.loc[frame["code"] == "10", "name"] = "09"
    place.data(frame, columns=COLUMNS)
    labels = open_session("towns").benchmark().cities.labels
    assert len(set(labels)) == 40


def test_logarithms_of_the_context_and_of_a_step_add_up(place):
    place.study(**BENCHMARK | {"benchmark": CHOICES | {"peers": {"log": ["density"]}}})
    assert set(open_session("towns").benchmark().peers.recipe.log) == {"people", "density"}


def test_the_unit_is_that_of_the_scale(place):
    for scores, unit in (
        ({}, "points of 100"),
        ({"scale": [1, 10]}, "points, by goalposts"),
        ({"across": "copeland"}, "points, wins less losses"),
    ):
        place.study(**BENCHMARK | {"benchmark": CHOICES | {"scores": scores | {"draws": 50}}})
        assert open_session("towns").benchmark().unit == unit
