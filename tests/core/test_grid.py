"""The grid of a study: every combination of its choices is a run with a name that stays."""

import pickle
import re

import pytest

from scale_impact.core.grid import LONGEST_NAME, MOST_RUNS
from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from tests.projects import STUDY

TWO = [*STUDY["outcomes"], {"column": "people", "indicator": "inhabitants"}]


def load(place, grid=None, *, variant=None, overrides=None, **changes):
    place.study(**changes, **({} if grid is None else {"grid": grid}))
    return Study.load("towns", variant=variant, overrides=overrides)


def problems(place, grid, **changes):
    with pytest.raises(StudyError) as caught:
        load(place, grid, **changes)
    return list(caught.value.problems)


# ---- combinations ---------------------------------------------------------------------------------


def test_each_combination_of_the_values_is_a_run_with_a_readable_name(place):
    study = load(place, {"control": ["never", "not_yet"], "level": [0.9, 0.95]})
    assert study.variants == (
        "control-never__level-0-9", "control-never__level-0-95", "control-not_yet__level-0-9", "control-not_yet__level-0-95",
    )  # fmt: skip
    first = study.combinations[0]
    assert (first.choices, first.label) == ({"control": "never", "level": 0.9}, "control never; level 0.9")
    settings = study.with_combination(first).settings
    assert (settings.design.control, settings.level) == ("never", 0.9)


def test_a_combination_is_loaded_by_its_name_alone(place):
    grid = {"control": ["never", "not_yet"], "estimator": ["callaway_santanna", "imputation"]}
    study = load(place, grid, variant="control-not_yet__estimator-imputation")
    assert study.variant == study.combination.name == "control-not_yet__estimator-imputation"
    assert study.settings.design.control == "not_yet"
    assert [e.name for e in study.settings.estimators] == ["imputation", "callaway_santanna", "twfe"]


def test_the_combination_that_changes_nothing_is_the_base(place):
    grid = {"control": ["not_yet", "never"], "estimator": ["imputation", {"callaway_santanna": {}}], "covariates": [[]]}
    study = load(place, {**grid, "sample": [{"without": ["00001"]}, {}]})
    assert [c.name for c in study.combinations if c.base] == [
        "control-never__estimator-callaway_santanna__covariates-none__sample-own"
    ]


def test_no_combination_is_the_base_where_the_study_has_another_value(place):
    assert not any(c.base for c in load(place, {"level": [0.8, 0.9]}).combinations)


def test_the_other_estimators_stay_without_a_double(place):
    study = load(
        place, {"estimator": ["twfe", {"callaway_santanna": {"method": "ipw"}}]}, estimators=["event_study", "twfe"]
    )
    found = [[(e.name, e.options) for e in study.with_combination(c).settings.estimators] for c in study.combinations]
    assert found == [
        [("twfe", {}), ("event_study", {})],
        [("callaway_santanna", {"method": "ipw"}), ("event_study", {}), ("twfe", {})],
    ]


def test_an_outcome_becomes_the_primary_one(place):
    study = load(place, {"outcome": ["people", "jobs"]}, outcomes=TWO)
    firsts = [study.with_combination(c).outcomes for c in study.combinations]
    assert [[o.column for o in outcomes] for outcomes in firsts] == [["people", "jobs"], ["jobs", "people"]]
    assert [c.base for c in study.combinations] == [False, True]


def test_lists_are_taken_whole_and_mappings_laid_over_the_studys_own(place):
    grid = {
        "covariates": [[], ["people"]],
        "sample": [{}, {"last_period": 2005}],
        "treatment": [{"first_treated": "start"}],
    }
    study = load(place, grid, sample={"first_period": 2002}, estimators=["callaway_santanna"])
    last = study.with_combination(study.combinations[-1]).settings
    assert last.covariates == ["people"]
    assert (last.sample.first_period, last.sample.last_period) == (2002, 2005)
    assert last.treatment.model_dump(exclude_none=True) == {"first_treated": "start"}


def test_units_left_out_have_an_axis_of_their_own(place):
    study = load(place, {"without": [[], ["00001"]], "first_period": [2001, 2002]}, sample={"last_period": 2005})
    sample = study.with_combination(study.combinations[-1]).settings.sample
    assert (sample.first_period, sample.last_period, sample.without) == (2002, 2005, ["00001"])


def test_an_exclusion_leaves_out_what_it_matches_in_part(place):
    grid = {"control": ["never", "not_yet"], "estimator": ["callaway_santanna", "imputation"], "level": [0.9, 0.95]}
    study = load(place, {**grid, "exclude": [{"control": "not_yet", "estimator": "imputation"}, {"level": 0.9}]})
    assert [c.label for c in study.combinations] == [
        "control never; estimator callaway_santanna; level 0.95",
        "control never; estimator imputation; level 0.95",
        "control not_yet; estimator callaway_santanna; level 0.95",
    ]


def test_a_key_named_short_or_dotted_is_the_same_axis(place):
    short, dotted = load(place, {"control": ["not_yet"]}), load(place, {"design.control": ["not_yet"]})
    assert short.variants == dotted.variants == ("control-not_yet",)


def test_an_option_of_a_check_is_an_axis_by_its_place(place):
    study = load(place, {"checks.0.pre_trends.alpha": [0.05, 0.1]}, checks=[{"pre_trends": {"alpha": 0.05}}])
    assert study.variants == ("alpha-0-05", "alpha-0-1")
    assert study.with_combination(study.combinations[1]).settings.checks[0].options == {"alpha": 0.1}


def compare(place, grid, **choices):
    """The study of cities with a grid."""
    place.template("study = variant = out = None\noverrides = {}", "session.benchmark()", name="cities")
    gone = dict.fromkeys(("measure", "treatment", "design", "estimators", "checks"), ...)
    chosen = {"city": "00001", "context": ["people"], **choices}
    return load(place, grid, template="cities", benchmark=chosen, **gone)


def refused(place, grid, **choices):
    with pytest.raises(StudyError) as caught:
        compare(place, grid, **choices)
    return list(caught.value.problems)


def chosen(study):
    return [study.with_combination(c).settings.benchmark for c in study.combinations]


def test_an_option_of_a_step_is_an_axis_by_its_place_whether_or_not_the_study_sets_it(place):
    study = compare(
        place,
        {"benchmark.peers.number": [5, 8], "benchmark.scores.draws": [50]},
        peers={"number": 8, "method": "gower"},
    )
    assert study.variants == ("number-5__draws-50", "number-8__draws-50")
    assert [(b.peers, b.scores) for b in chosen(study)] == [
        ({"number": 5, "method": "gower"}, {"draws": 50}), ({"number": 8, "method": "gower"}, {"draws": 50}),
    ]  # fmt: skip


def test_options_of_a_step_are_laid_over_the_studys_own_and_null_leaves_a_step_out(place):
    grid = {"benchmark.peers": [{}, {"number": 5}], "benchmark.frontier": [None, {"draws": 20}]}
    study = compare(place, grid, peers={"number": 8, "method": "gower"})
    assert [(b.peers["number"], b.peers["method"], b.frontier) for b in chosen(study)] == [
        (8, "gower", None), (8, "gower", {"draws": 20}), (5, "gower", None), (5, "gower", {"draws": 20}),
    ]  # fmt: skip


def test_the_steps_of_the_study_itself_are_the_base(place):
    study = compare(place, {"benchmark.peers": [{"number": 5}, {}]}, peers={"number": 8})
    assert [c.base for c in study.combinations] == [False, True]


def test_options_that_are_lists_or_mappings_are_replaced_whole_and_parts_of_them_alone(place):
    weights = [{"economy": 1}, {"economy": 0.4, "society": 0.6}]
    own = {"dimension_weights": {"economy": 0.5, "society": 0.5}}
    whole = chosen(compare(place, {"benchmark.scores.dimension_weights": weights}, scores=own))
    assert [b.scores["dimension_weights"] for b in whole] == weights
    part = chosen(compare(place, {"benchmark.scores.dimension_weights.economy": [0.3]}, scores=own))
    assert part[0].scores["dimension_weights"] == {"economy": 0.3, "society": 0.5}


def test_city_period_and_context_of_a_benchmark_are_axes(place):
    grid = {
        "city": ["00001", "00002"],
        "benchmark.at": [2005],
        "benchmark.context": [["people"], [{"column": "people", "log": True}]],
    }
    study = compare(place, grid)
    assert len(set(study.variants)) == 4
    assert [(b.city, b.at, b.context[0].log) for b in chosen(study)] == [
        ("00001", 2005, False), ("00001", 2005, True), ("00002", 2005, False), ("00002", 2005, True),
    ]  # fmt: skip


def test_a_part_of_one_context_column_is_an_axis(place):
    own = [{"column": "people"}, {"column": "ljobs"}]
    study = compare(place, {"benchmark.context.0.log": [True, False]}, context=own)
    assert [[c.log for c in b.context] for b in chosen(study)] == [[True, False], [False, False]]


@pytest.mark.parametrize(
    "grid, said",
    [
        ({"benchmark.peers.nummber": [5]}, "grid.benchmark.peers.nummber: there is no such axis. Did you mean 'benchmark.peers.number'?"),
        ({"benchmark.peer": [{}]}, "grid.benchmark.peer: there is no such axis. Did you mean 'benchmark.peers'?"),
        ({"benchmark.measures": [[]]}, "grid.benchmark.measures: there is no such axis."),
        ({"benchmark.peers": [5]}, "grid.benchmark.peers.0: should be options with values, such as {} for the study's own (it is 5)."),
        ({"benchmark.peers": [{"nummber": 5}]}, "grid.benchmark.peers.0: benchmark.peers takes no option 'nummber'. Did you mean 'number'?"),
        ({"benchmark.peers.number": [5, "ten"]}, "grid.benchmark.peers.number.1: benchmark.peers: number is 'ten'"),
        ({"benchmark.scores": [None]}, "grid.benchmark.scores.0: benchmark.scores: should be keys and values"),
        ({"benchmark.peers": [{}], "benchmark.peers.number": [5]}, "grid.benchmark.peers.number: benchmark.peers sets a part of it too"),
        ({"benchmark.context": ["people"]}, "grid.benchmark.context.0: should be a list"),
    ],
)  # fmt: skip
def test_wrong_axes_of_a_benchmark_are_said_with_the_nearest(place, grid, said):
    found = refused(place, grid)
    assert found[0].startswith(said), found


@pytest.mark.parametrize(
    "axis", ["city", "benchmark.city", "benchmark.peers.number", "benchmark.peers", "benchmark.context"]
)
def test_the_study_of_a_measure_has_no_axis_of_a_benchmark(place, axis):
    (found,) = problems(place, {axis: [["people"]]})
    assert found.startswith(f"grid.{axis}: there is no such axis. ")
    assert "benchmark" not in found.split("axis.")[1]


def test_each_variant_has_each_combination(place):
    variants = {"early": {"level": 0.9}, "late": {"design": {"control": "not_yet"}}}
    study = load(place, {"control": ["never", "not_yet"]}, variants=variants)
    assert study.variants == (
        "early__control-never", "early__control-not_yet", "late__control-never", "late__control-not_yet",
    )  # fmt: skip
    found = Study.load("towns", variant="early__control-not_yet")
    assert (found.settings.level, found.settings.design.control) == (0.9, "not_yet")
    bases = [[c.name for c in Study.load("towns", variant=v).combinations if c.base] for v in variants]
    assert bases == [["control-never"], ["control-not_yet"]]


def test_a_template_that_evaluates_the_grid_whole_has_no_runs_of_it(place):
    path = place.template("study = 'towns'\nvariant = None", name="curve")
    path.write_text(
        path.read_text().replace(
            '"metadata": {}, "nbformat"', '"metadata": {"scale_impact": {"grid": "whole"}}, "nbformat"'
        )
    )
    study = load(place, {"control": ["never", "not_yet"]}, template="curve")
    assert study.variants == ()
    assert [c.name for c in study.combinations] == ["control-never", "control-not_yet"]
    varied = load(place, {"control": ["never", "not_yet"]}, template="curve", variants={"a": {}})
    assert varied.variants == ("a",)
    assert Study.load("towns", variant="a").settings.grid == {"control": ["never", "not_yet"]}


def test_a_study_of_a_combination_knows_the_others(place):
    study = load(place, {"control": ["never", "not_yet"]}, variant="control-never")
    other = study.with_combination(study.combinations[1])
    assert (other.variant, other.settings.design.control) == ("control-not_yet", "not_yet")


def test_a_study_travels_to_another_process(place):
    study = load(place, {"control": ["never", "not_yet"]}, variant="control-not_yet", overrides={"level": 0.9})
    again = pickle.loads(pickle.dumps(study))
    assert again == study
    assert again.variants == study.variants


# ---- names ----------------------------------------------------------------------------------------


def test_names_stay_when_values_and_exclusions_are_added(place):
    before = load(place, {"control": ["not_yet"], "level": [0.9, 0.8]}).variants
    after = load(
        place, {"control": ["never", "not_yet"], "level": [0.99, 0.8, 0.9], "exclude": [{"level": 0.99}]}
    ).variants
    assert set(before) <= set(after)


def test_names_of_all_sorts_of_values_are_folders_and_unique(place):
    grid = {
        "sample": [
            {},
            {"without": ["00001"]},
            {"without": ["00002", "00003"]},
            {"first_period": 2002, "last_period": 2005},
        ],
        "estimator": ["twfe", {"twfe": {"K_fixef": "full"}}, {"callaway_santanna": {"method": "ipw", "min_e": -3}}],
        "level": [0.9, 0.95],
        "seed": [1, 2],
        "inference": ["auto", {"wild_bootstrap": {"draws": 99}}],
    }
    names = load(place, grid).variants
    assert len(set(names)) == 4 * 3 * 2 * 2 * 2
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", n) and len(n) <= LONGEST_NAME for n in names)


def test_values_that_would_have_one_name_are_told_apart(place):
    frame = ["Gary", "gary", "GARY"]
    names = load(place, {"without": [[u] for u in frame]}).variants
    assert len(set(names)) == 3
    assert all(n.startswith("without-gary-") for n in names)


def test_a_name_that_would_be_too_long_ends_in_a_hash(place):
    grid = {"without": [[f"{u:05d}" for u in range(1, n)] for n in (8, 9)], "covariates": [["people", "start", "ljobs"]],
            "level": [0.9], "sample.first_period": [2002]}  # fmt: skip
    names = load(place, grid, estimators=["callaway_santanna"]).variants
    assert len(set(names)) == 2
    assert all(len(n) <= LONGEST_NAME for n in names)


# ---- what is refused --------------------------------------------------------------------------------


def test_all_that_is_wrong_with_axes_is_said_at_once_with_the_nearest_name(place):
    found = problems(
        place,
        {
            "contrl": ["never"],
            "level": [],
            "seed": 5,
            "covariates": ["people"],
            "sample": [2001],
            "anticipation": [0, [1]],
            "balance": ["strict", "drop", "strict"],
        },
    )
    assert found == [
        "grid.contrl: there is no such axis. Did you mean 'control'?",
        "grid.level: should be a list of the values to try: [a, b] (it is []).",
        "grid.seed: should be a list of the values to try: [a, b] (it is 5).",
        "grid.covariates.0: should be a list, such as covariates: [[], [a, b]] (it is 'people').",
        "grid.sample.0: should be keys and values, such as {} for the study's own (it is 2001).",
        "grid.anticipation.1: should be a single value (it is [1]).",
        "grid.balance.2: strict stands here twice. Leave one out.",
    ]


def test_values_are_checked_like_the_keys_that_they_stand_for(place):
    found = problems(
        place,
        {
            "control": ["never", "nevr"],
            "level": [0.95, 95],
            "estimator": ["callaway_santana", {"twfe": {"x": 1}}, 5],
            "covariates": [["peple"]],
            "sample": [{"first": 2002}],
            "outcome": ["job"],
            "cluster": ["twon"],
        },
    )
    starts = [
        ("grid.control.1: design.control: should be 'never', 'not_yet' or 'none' (it is 'nevr').", ""),
        ("grid.level.1: level: should be less than 1 (it is 95).", ""),
        (
            "grid.estimator.0: estimators.0: there is no estimator 'callaway_santana'.",
            "Did you mean 'callaway_santanna'?",
        ),
        ("grid.estimator.1: estimators.0: twfe takes no option 'x'.", ""),
        ("grid.estimator.2: estimators.0: write a name", ""),
        ("grid.covariates.0: covariates.0: ", "Did you mean 'people'?"),
        ("grid.sample.0: sample.first: there is no such key.", "Did you mean 'first_period'?"),
        ("grid.outcome.0: 'job' is no column of `outcomes`.", "Did you mean 'jobs'?"),
        ("grid.cluster.0: design.cluster: ", "Did you mean 'town'?"),
    ]
    assert len(found) == len(starts)
    for problem, (start, nearest) in zip(found, starts, strict=True):
        assert problem.startswith(start)
        assert nearest in problem


@pytest.mark.parametrize(
    "axis", ["title", "question", "template", "variants", "grid", "outcomes", "estimators", "variants.a"]
)
def test_what_is_no_choice_of_the_analysis_is_no_axis(place, axis):
    assert problems(place, {axis: ["x"]})[0].startswith(f"grid.{axis}: there is no such axis.")


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"control": ["never"], "design.control": ["not_yet"]}, "grid.design.control: control sets it too."),
        ({"control": ["never"], "design": [{}]}, "grid.design: control sets a part of it too."),
        ({"estimator": ["twfe"], "estimators.0.K": [1]}, "grid.estimators.0.K: there is no such axis."),
    ],
)
def test_two_axes_that_set_the_same_key_are_refused(place, grid, words):
    assert words in " ".join(problems(place, grid))


@pytest.mark.parametrize(
    ("exclude", "words"),
    [
        ([{"contrl": "never"}], "grid.exclude.0: contrl is no axis of this grid. Did you mean 'control'?"),
        ([{"control": "nevr"}], "grid.exclude.0: control has no value nevr. Did you mean 'never'?"),
        ([{"level": 0.95}], "grid.exclude.0: level is no axis of this grid."),
        ([{}], "grid.exclude.0: should be axes with a value each"),
        ({"control": "never"}, "grid.exclude: should be a list of combinations"),
        (["never"], "grid.exclude.0: should be axes with a value each"),
        ([{"control": "never"}, {"control": "not_yet"}], "grid: everything is excluded."),
        (
            [{"control": "never"}, {"control": "never", "seed": 1}],
            "grid.exclude.1: an earlier exclusion leaves nothing",
        ),
    ],
)
def test_an_exclusion_that_matches_nothing_or_all_is_refused(place, exclude, words):
    grid = {"control": ["never", "not_yet"], "seed": [1, 2], "exclude": exclude}
    (found,) = problems(place, grid)
    assert found.startswith(words)


def test_a_grid_of_too_many_runs_is_refused_before_they_are_made(place):
    found = problems(place, {"seed": list(range(3000)), "level": [0.8, 0.9, 0.95], "control": ["never", "not_yet"]})
    assert found == [f"grid: 3000 x 3 x 2 are 18,000 runs, more than {MOST_RUNS:,}. Leave out values or axes."]


def test_a_grid_without_an_axis_is_refused(place):
    assert problems(place, {"exclude": []})[0].startswith("grid: it has no axis.")


def test_an_unknown_combination_offers_the_nearest(place):
    with pytest.raises(StudyError, match=r"there is no variant 'control-nevr'. Did you mean 'control-never'?"):
        load(place, {"control": ["never", "not_yet"]}, variant="control-nevr")


def test_what_the_grid_sets_cannot_be_set_from_outside(place):
    grid = {"control": ["never", "not_yet"], "estimator": ["twfe"]}
    for key, value in (("control", "never"), ("design.control", "never"), ("estimators.0", "twfe")):
        with pytest.raises(StudyError, match="it is an axis of the grid"):
            load(place, grid, overrides={key: value})
    assert load(place, grid, overrides={"level": 0.9}).settings.level == 0.9


def test_variants_and_grids_are_not_set_from_outside(place):
    grid, variants = {"control": ["never", "not_yet"]}, {"early": {"level": 0.9}}
    for key in ("grid.control.0", "variants.early.level"):
        with pytest.raises(StudyError, match="variants and grids say which runs there are"):
            load(place, grid, variants=variants, overrides={key: "never"})


def test_two_runs_of_one_name_are_refused(place):
    place.template("study = 'towns'\nvariant = None", name="curve")
    path = place.root / "notebooks" / "curve.ipynb"
    path.write_text(
        path.read_text().replace('"metadata": {}, "nbf', '"metadata": {"scale_impact": {"grid": "whole"}}, "nbf')
    )
    found = problems(place, {"level": [0.9]}, variants={"a": {}, "a__level-0-9": {"template": "curve"}})
    assert found == ["variants: with the grid, two runs would have the same name. Call a variant differently."]


def test_a_variant_has_no_grid_of_its_own(place):
    with pytest.raises(StudyError, match="a variant has no grid of its own"):
        load(place, variants={"a": {"grid": {"level": [0.9]}}}, variant="a")


def test_a_combination_that_contradicts_itself_says_so_when_it_is_asked_for(place):
    study = load(place, {"covariates": [[], ["people"]]}, estimators=["stacked"])
    with pytest.raises(StudyError, match="covariates: stacked takes none"):
        study.with_combination(study.combinations[1])


def test_a_variant_that_is_called_as_a_combination_of_another_one_is_refused(place):
    variants = {"a": {}, "a__level-0-8": {"design": {"control": "not_yet"}}}
    (problem,) = problems(place, {"level": [0.8, 0.95]}, variants=variants)
    assert problem == (
        "variants.a__level-0-8: the combination level-0-8 of variant a is called so too. Give the variant another name."
    )


def test_a_wrong_axis_hides_nothing_that_is_wrong_with_the_others(place):
    found = problems(place, {"contrl": ["never"], "control": ["nevr"], "level": [0.9, 2.0]})
    assert [p.split(":")[0] for p in found] == ["grid.contrl", "grid.control.0", "grid.level.1"]
