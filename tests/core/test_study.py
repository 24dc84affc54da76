"""study.yaml: everything that is wrong is said at once, with the nearest name."""

import pytest

from scale_impact.core.study import Choice, Study, describe
from scale_impact.errors import SourceError, StudyError
from tests.panels import ROOT
from tests.projects import STUDY, project


@pytest.fixture
def place(tmp_path):
    return project(tmp_path)


def load(place, **options):
    return Study.load(place.root / "studies" / "towns", **options)


def problems(place, *, changes=None, **options):
    """What is wrong with the usual study after some changes."""
    place.study(**(changes or {}))
    with pytest.raises(StudyError) as caught:
        load(place, **options)
    variant = options.get("variant")
    assert caught.value.where == "studies/towns/study.yaml" + (f", variant {variant}" if variant else "")
    return list(caught.value.problems)


# ---- a good file --------------------------------------------------------------------------------


def test_a_study_is_read_with_its_defaults(place):
    study = load(place)
    assert (study.slug, study.variant, study.variants) == ("towns", None, ())
    assert (study.settings.level, study.settings.seed) == (0.95, 20251122)
    assert study.settings.design.model_dump() == {
        "control": "never", "anticipation": 0, "base_period": "varying", "balance": "strict", "cluster": None,
        "missing": "refuse",
    }  # fmt: skip
    assert [c.name for c in study.settings.estimators] == ["callaway_santanna", "twfe"]


def test_options_of_an_estimator_are_read(place):
    place.study(estimators=[{"twfe": {"K_fixef": "full"}}, {"twfe": None}, "did_2x2"])
    found = load(place).settings.estimators
    assert [(c.name, c.options) for c in found] == [("twfe", {"K_fixef": "full"}), ("twfe", {}), ("did_2x2", {})]
    assert [describe(c) for c in found] == ["twfe (K_fixef full)", "twfe", "did_2x2"]


def test_a_study_is_found_by_folder_and_by_file(place):
    folder = place.root / "studies" / "towns"
    assert Study.load(str(folder)).folder == Study.load(folder / "study.yaml").folder == folder


def test_the_unit_of_an_effect_on_logs_says_so(place):
    place.study(outcomes=[{"column": "ljobs", "indicator": "jobs", "scale": "log"}])
    study = load(place)
    assert study.unit_of(study.outcomes[0]) == "log(jobs)"
    assert study.indicator(study.outcomes[0]).direction == "+"


@pytest.mark.parametrize("ending", ["\r\n", "\r"], ids=["Windows", "old Mac"])
def test_line_endings_of_other_systems_are_read(place, ending):
    text = place.study().read_text()
    place.study_text(text.replace("\n", ending))
    assert load(place).settings.title == STUDY["title"]


def test_a_byte_order_mark_is_read_over(place):
    place.study_text(b"\xef\xbb\xbf" + place.study().read_bytes())
    assert load(place).settings.title == STUDY["title"]


def test_titles_in_any_script_are_kept(place):
    place.study(title="Städte — 城市 🏙")
    assert load(place).settings.title == "Städte — 城市 🏙"


def test_yaml_1_2_reads_no_and_off_as_text(place):
    place.study_text(place.study().read_text() + "\nlevel: 0.9\nseed: 0o17\n")
    assert load(place).settings.seed == 15
    assert "no" in problems(place, changes={"design": {"control": "no"}})[0]


# ---- keys ---------------------------------------------------------------------------------------


def test_misspelt_missing_and_unknown_keys_are_all_said_at_once(place):
    found = problems(
        place, changes={"title": ..., "titel": "x", "period": ..., "periods": "year", "outcomes": ..., "zebra": 1}
    )
    assert found == [
        "period: this key is missing.",
        "title: this key is missing.",
        "outcomes: this key is missing.",
        "titel: there is no such key. Did you mean 'title'?",
        "periods: there is no such key. Did you mean 'period'?",
        "zebra: there is no such key. Known: benchmark, checks, covariates, design, estimators, graph, grid, inference, level, measure, outcomes, "
        "parameters, period, question, sample, scaleup, seed, source, template, title, transfer, treatment, unit, variants.",
    ]


def test_misspelt_keys_inside_a_key_are_found_with_their_place(place):
    changes = {
        "outcomes": [{"column": "jobs", "indicator": "jobs", "scal": "log"}],
        "treatment": {"treatd": "zone"},
        "design": {"balanc": "strict", "control": "nevr"},
    }
    assert set(problems(place, changes=changes)) >= {
        "outcomes.0.scal: there is no such key. Did you mean 'scale'?",
        "treatment.treatd: there is no such key. Did you mean 'treated'?",
        "design.balanc: there is no such key. Did you mean 'balance'?",
        "design.control: should be 'never', 'not_yet' or 'none' (it is 'nevr').",
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level": 95}, "level: should be less than 1 (it is 95)."),
        ({"level": 0}, "level: should be greater than 0 (it is 0)."),
        ({"level": True}, "level: should be a valid number (it is True)."),
        ({"level": float("nan")}, "level: should be less than 1 (it is nan)."),
        ({"seed": -1}, "seed: should be greater than or equal to 0 (it is -1)."),
        ({"seed": 1.5}, "seed: should be a valid integer (it is 1.5)."),
        ({"title": 5}, "title: should be a text (it is 5)."),
        ({"title": None}, "title: should be a text (it is None)."),
        ({"unit": ["town"]}, "unit: should be a text."),
        ({"outcomes": []}, "outcomes: should have at least one entry."),
        ({"outcomes": "jobs"}, "outcomes: should be a list: [a, b], or a line `- a` for each (it is 'jobs')."),
        ({"outcomes": ["jobs"]}, "outcomes.0: should be keys and values (it is 'jobs')."),
        ({"estimators": []}, "estimators: should have at least one entry."),
        ({"estimators": {"twfe": {}}}, "estimators: should be a list: [a, b], or a line `- a` for each."),
        ({"estimators": [5]}, "estimators.0: write a name, or {name: {option: value}} (it is 5)."),
        (
            {"estimators": [{"twfe": [1]}]},
            "estimators.0: write a name, or {name: {option: value}} (it is {'twfe': [1]}).",
        ),
        ({"covariates": "people"}, "covariates: should be a list: [a, b], or a line `- a` for each (it is 'people')."),
        ({"treatment": "zone"}, "treatment: should be keys and values (it is 'zone')."),
        ({"design": None}, "design: should be keys and values (it is None)."),
        ({"design": {"anticipation": -1}}, "design.anticipation: should be greater than or equal to 0 (it is -1)."),
        ({"design": {"anticipation": 0.5}}, "design.anticipation: should be a valid integer (it is 0.5)."),
        ({"variants": {"early": 1}}, "variants.early: should be keys and values (it is 1)."),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_a_value_of_the_wrong_kind_is_refused_with_the_value(place, change, problem):
    assert problem in problems(place, changes=change)


@pytest.mark.parametrize(
    ("treatment", "given"),
    [
        ({}, "none"),
        ({"treated": "zone", "first_treated": "start"}, "treated, first_treated"),
        ({"starts": 2003}, "none"),
    ],
)
def test_treatment_is_said_in_exactly_one_way(place, treatment, given):
    assert problems(place, changes={"treatment": treatment}) == [
        "treatment: say who is treated in exactly one way: treated, first_treated, cohorts, group with starts, exposure, or running with threshold "
        f"(given: {given})."
    ]


def test_group_and_starts_go_together(place):
    (found,) = problems(place, changes={"treatment": {"group": "zone"}})
    assert "group and starts go together" in found


def test_dates_of_cohorts_may_be_written_without_quotes(place):
    place.study_text(
        place.study(treatment=...).read_text() + "\ntreatment: {cohorts: {'00001': 2003-07-01, '00002': 2004}}\n"
    )
    assert load(place).settings.treatment.cohorts == {"00001": "2003-07-01", "00002": 2004}


@pytest.mark.parametrize("start", [None, True, [2003]])
def test_a_cohort_that_starts_at_no_period_is_one_problem(place, start):
    assert problems(place, changes={"treatment": {"cohorts": {"00001": start}}}) == [
        f"treatment.cohorts.00001: write a number, a date or a text (it is {start!r})."
    ]


# ---- names of other things ----------------------------------------------------------------------


def test_unknown_names_of_all_kinds_are_said_at_once_with_the_nearest(place):
    found = problems(
        place,
        changes={
            "template": "stagered_did",
            "source": "twons",
            "measure": "enterprise_zones",
            "outcomes": [{"column": "jobs", "indicator": "job"}],
            "estimators": ["callaway_santana", "twffe"],
            "checks": ["pre_trend", "bacn"],
        },
    )
    expected = [
        ("template: there is no template 'stagered_did'.", "Did you mean 'staggered_did'?"),
        ("source: there is no source 'twons'.", "Did you mean 'towns'?"),
        ("measure: there is no measure 'enterprise_zones'.", "Did you mean 'enterprise_zone'?"),
        ("outcomes.0.indicator: there is no indicator 'job'.", "Did you mean 'jobs'?"),
        ("estimators.0: there is no estimator 'callaway_santana'.", "Did you mean 'callaway_santanna'?"),
        ("estimators.1: there is no estimator 'twffe'.", "Did you mean 'twfe'?"),
        ("checks.0: there is no check 'pre_trend'.", "Did you mean 'pre_trends'?"),
        ("checks.1: there is no check 'bacn'.", "Did you mean 'bacon'?"),
    ]
    assert len(found) == len(expected)
    for problem, (start, nearest) in zip(found, expected, strict=True):
        assert problem.startswith(start)
        assert nearest in problem


def test_unknown_options_of_estimators_and_checks_are_named(place):
    found = problems(
        place, changes={"estimators": [{"event_study": {"windw": [-3, 3]}}], "checks": [{"bacon": {"x": 1}}]}
    )
    assert found == [
        "estimators.0: event_study takes no option 'windw'. Did you mean 'window'?",
        "checks.0: bacon takes no option 'x'. Known: always_treated, tolerance.",
    ]


def test_helper_modules_are_no_estimators(place):
    assert "there is no estimator '_pooled'" in problems(place, changes={"estimators": ["_pooled"]})[0]


def test_names_with_folders_in_them_are_unknown(place):
    found = problems(place, changes={"template": "../notebooks/staggered_did", "source": "../sources/towns"})
    assert [f.split(".")[0] for f in found] == [
        "template: there is no template '",
        "source: there is no source '",
    ]


def test_columns_that_the_card_does_not_describe_are_named_with_their_place(place):
    found = problems(
        place,
        changes={
            "unit": "twon",
            "period": "yeer",
            "outcomes": [{"column": "job", "indicator": "jobs"}],
            "treatment": {"treated": "zon"},
            "design": {"cluster": "xyz"},
            "covariates": ["peple"],
            "estimators": ["event_study"],
        },
    )
    expected = [
        ("unit: ", "'twon'", "Did you mean 'town'?"),
        ("period: ", "'yeer'", "Did you mean 'year'?"),
        ("outcomes.0.column: ", "'job'", "Did you mean 'jobs'?"),
        ("covariates.0: ", "'peple'", "Did you mean 'people'?"),
        ("treatment.treated: ", "'zon'", "Did you mean 'zone'?"),
        ("design.cluster: ", "'xyz'", "Known: jobs, ljobs, people, start, town, year, zone."),
    ]
    assert len(found) == len(expected)
    for problem, (start, column, nearest) in zip(found, expected, strict=True):
        assert problem.startswith(start)
        assert column in problem
        assert nearest in problem


def test_a_broken_measure_card_is_a_problem_of_the_study_that_names_it(place):
    (place.root / "data/measures/enterprise_zone.yaml").write_text("title: Zone\nwhat: a zone\nmechanisms: x\n")
    (found,) = problems(place)
    assert "enterprise_zone.yaml" in found
    assert "mechanism: this key is missing." in found
    assert "mechanisms: there is no such key. Did you mean 'mechanism'?" in found


def test_a_broken_source_card_does_not_hide_the_problems_of_the_study(place):
    (place.root / "data/sources/towns.yaml").write_text("title: Towns\n")
    place.study(titel="x")
    with pytest.raises((StudyError, SourceError), match="titel: there is no such key"):
        load(place)


def test_a_missing_catalogue_is_said(place):
    (place.root / "data/indicators/catalogue.csv").unlink()
    assert problems(place) == ["data/indicators/catalogue.csv: There is no indicator catalogue."]


# ---- what contradicts itself ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"outcomes": STUDY["outcomes"] * 2}, "outcomes.1: jobs stands here twice. Leave one out."),
        ({"estimators": ["twfe", {"twfe": {}}]}, "estimators.1: twfe stands here twice. Leave one out."),
        ({"checks": ["bacon", "bacon"]}, "checks.1: bacon stands here twice. Leave one out."),
        (
            {"covariates": ["people"] * 2, "estimators": ["twfe"]},
            "covariates.1: people stands here twice. Leave one out.",
        ),
    ],
)
def test_what_stands_twice_would_be_counted_twice_and_is_refused(place, change, problem):
    assert problems(place, changes=change) == [problem]


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ({"unit": "jobs"}, "unit"),
        ({"period": "jobs"}, "period"),
        ({"treatment": {"treated": "jobs"}}, "treatment.treated"),
        ({"treatment": {"first_treated": "jobs"}}, "treatment.first_treated"),
        ({"treatment": {"group": "jobs", "starts": 2003}}, "treatment.group"),
        ({"covariates": ["people", "jobs"], "estimators": ["twfe"]}, "covariates.1"),
    ],
)
def test_an_outcome_that_has_another_role_too_is_refused(place, change, role):
    assert problems(place, changes=change) == [
        f"outcomes.0.column: jobs is {role} too. An outcome is a column of its own."
    ]


@pytest.mark.parametrize(
    ("estimator", "option"),
    [
        ("doubly_robust", "covariates"),
        ("dr_learner", "contexts"),
        ("front_door", "through"),
        ("propensity_matching", "exact"),
    ],
)
def test_an_outcome_or_a_treatment_that_an_estimator_is_to_hold_fixed_is_refused(place, estimator, option):
    change = {
        "treatment": {"treated": "people"}, "estimators": ["twfe", {estimator: {option: ["jobs", "people"]}}], "checks": [],
    }  # fmt: skip
    where = f"estimators.1.{option}"
    assert problems(place, changes=change) == [
        f"outcomes.0.column: jobs is {where} too. An outcome is a column of its own.",
        f"treatment.treated: people is {where} too. With the treatment held fixed nobody is left to compare: leave it out of {where}.",
    ]


def test_an_estimator_twice_with_other_options_is_no_repetition(place):
    place.study(estimators=["twfe", {"twfe": {"K_fixef": "full"}}])
    assert len(load(place).settings.estimators) == 2


def test_covariates_for_an_estimator_that_takes_none_are_refused_before_anything_runs(place):
    assert problems(place, changes={"covariates": ["people"], "estimators": ["event_study", "stacked"]}) == [
        "covariates: stacked takes none (people given). Leave them out or use another estimator."
    ]


# ---- YAML ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "The file holds nothing, not keys and values."),
        ("# only a comment\n", "The file holds nothing, not keys and values."),
        ("- a\n- b\n", "The file holds list, not keys and values."),
        ("hello\n", "The file holds str, not keys and values."),
        (b"title: M\xfcnchen\n", "The file is not UTF-8 text. Save it as UTF-8."),
        ("title: x\n\tquestion: y\n", "line 2: not readable as YAML:"),
        ("title: x\nquestion: y: z\n", "line 2: not readable as YAML: mapping values are not allowed in this context."),
        ("title: x\ntitle: y\n", 'line 2: not readable as YAML: the key "title" stands here and in line 1.'),
        ("title: x\n---\ntitle: y\n", "line 2: not readable as YAML: a second document starts here"),
        ("a: [1, 2\nb: 3\n", "not readable as YAML:"),
        ("title: !!python/object:os.system x\n", "line 1: not readable as YAML:"),
    ],
    ids=["empty", "comment", "list", "text", "latin-1", "tab", "colon", "duplicate key", "documents", "bracket", "tag"],
)
def test_a_file_that_is_no_yaml_is_refused_with_the_line(place, text, problem):
    place.study_text(text)
    with pytest.raises(StudyError) as caught:
        load(place)
    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


def test_a_code_with_a_leading_zero_stays_text_wherever_it_stands(place):
    text = place.study(treatment=..., sample=...).read_text()
    place.study_text(text + "\ntreatment: {cohorts: {00001: 2003, 00002: 2004}}\nsample: {without: [00003]}\n")
    settings = load(place).settings
    assert settings.treatment.cohorts == {"00001": 2003, "00002": 2004}
    assert settings.sample.without == ["00003"]


def test_a_folder_in_the_place_of_study_yaml_is_no_study(place):
    (place.root / "studies/other/study.yaml").mkdir(parents=True)
    with pytest.raises(StudyError, match="There is no study"):
        Study.load(place.root / "studies" / "other")


# ---- variants -----------------------------------------------------------------------------------


def test_a_variant_lays_its_keys_over_the_others(place):
    place.study(
        design={"control": "never", "anticipation": 1},
        variants={
            "not-yet": {"design": {"control": "not_yet"}, "level": 0.9},
            "dated": {"treatment": {"cohorts": {"00001": 2003}}},
        },
    )
    assert load(place).variants == ("not-yet", "dated")
    first, second = load(place, variant="not-yet"), load(place, variant="dated")
    assert (first.variant, first.settings.level) == ("not-yet", 0.9)
    assert (first.settings.design.control, first.settings.design.anticipation) == ("not_yet", 1)
    assert (second.settings.treatment.treated, second.settings.treatment.cohorts) == (None, {"00001": 2003})
    assert second.settings.level == 0.95


def test_an_unknown_variant_names_the_nearest(place):
    found = problems(place, changes={"variants": {"early": {"level": 0.9}}}, variant="erly")
    assert found[0] == "variants: there is no variant 'erly'. Did you mean 'early'?"


def test_a_variant_of_a_study_without_any_is_unknown(place):
    assert problems(place, variant="early")[0] == "variants: there is no variant 'early'. None is known."


def test_a_misspelt_key_of_a_variant_is_found_when_it_is_read(place):
    found = problems(place, changes={"variants": {"early": {"levl": 0.9}}}, variant="early")
    assert found == ["levl: there is no such key. Did you mean 'level'?"]


def test_a_variant_has_no_variants_of_its_own(place):
    found = problems(place, changes={"variants": {"a": {"variants": {"b": {}}}}}, variant="a")
    assert found == ["variants.a.variants: a variant has no variants of its own. Leave the key out."]


def test_a_variant_that_is_no_mapping_is_refused_when_it_is_read(place):
    assert "variants.a: should be keys and values (it is 5)." in problems(
        place, changes={"variants": {"a": 5}}, variant="a"
    )


@pytest.mark.parametrize("name", ["../x", "a/b", "", "figures", "Ä"])
def test_a_variant_that_cannot_name_a_folder_is_refused(place, name):
    (found,) = problems(place, changes={"variants": {name: {}}})
    assert found.startswith(f"variants: {name!r} cannot name a folder of results.")


def test_a_variant_changes_single_parts_of_the_sample(place):
    place.study(sample={"first_period": 2002, "without": ["00001"]}, variants={"all": {"sample": {"without": []}}})
    sample = load(place, variant="all").settings.sample
    assert (sample.first_period, sample.without) == (2002, [])


# ---- overrides ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("level", 0.9, lambda s: s.level),
        ("control", "not_yet", lambda s: s.design.control),
        ("design.control", "not_yet", lambda s: s.design.control),
        ("cluster", "start", lambda s: s.design.cluster),
        ("treatment.treated", "zone", lambda s: s.treatment.treated),
        ("estimators.0", "did_2x2", lambda s: s.estimators[0].name),
        ("seed", 7, lambda s: s.seed),
    ],
)
def test_a_scalar_is_set_by_key_by_dotted_key_and_by_place_in_a_list(place, key, value, read):
    study = load(place, overrides={key: value})
    assert read(study.settings) == value
    assert study.overrides == ((key, value),)


def test_fields_of_an_outcome_are_set_by_its_place_in_the_list(place):
    study = load(place, overrides={"outcomes.0.column": "ljobs", "outcomes.0.scale": "log"})
    assert (study.outcomes[0].column, study.outcomes[0].scale) == ("ljobs", "log")


def test_an_option_of_an_estimator_is_set_by_its_path(place):
    place.study(estimators=[{"twfe": {"K_fixef": "nonnested"}}])
    assert load(place, overrides={"estimators.0.twfe.K_fixef": "full"}).settings.estimators == [
        Choice(name="twfe", options={"K_fixef": "full"})
    ]


def test_one_way_of_treatment_is_exchanged_for_another(place):
    study = load(place, overrides={"treated": None, "first_treated": "start"})
    assert study.settings.treatment.model_dump(exclude_none=True) == {"first_treated": "start"}


def test_an_override_is_checked_like_the_file(place):
    assert problems(place, overrides={"level": 95}) == ["level: should be less than 1 (it is 95)."]
    (found,) = problems(place, overrides={"treated": "zon"})
    assert found.startswith("treatment.treated: ")
    assert "Did you mean 'zone'?" in found


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("levl", "level"),
        ("contrl", "control"),
        ("design.contrl", "control"),
        ("outcomes.1.scale", None),
        ("outcomes.²", None),
    ],
)
def test_an_override_of_what_is_not_there_is_refused(place, key, nearest):
    found = problems(place, overrides={key: "x"})
    assert len(found) == 1
    assert found[0].startswith(f"{key}: there is no such")
    assert nearest is None or f"Did you mean {nearest!r}?" in found[0]


def test_all_wrong_overrides_are_said_at_once(place):
    assert len(problems(place, overrides={"levl": 1, "sed": 2, "level": 95})) == 3


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_only_scalars_can_be_set_from_outside(place, value):
    assert problems(place, overrides={"level": value}) == [
        f"level: only scalars can be set from outside (given {value!r})."
    ]


def test_a_scalar_does_not_replace_a_list_or_a_mapping(place):
    for key in ("outcomes", "design", "outcomes.0"):
        assert f"{key}: there is no such scalar to set." in problems(place, overrides={key: "x"})[0]


def test_loading_with_overrides_leaves_the_file_as_it_is(place):
    before = place.snapshot()
    load(place, overrides={"level": 0.9, "outcomes.0.scale": "level"})
    assert place.snapshot() == before


# ---- the shipped studies ------------------------------------------------------------------------


@pytest.mark.parametrize("slug", sorted(p.parent.name for p in (ROOT / "studies").glob("*/study.yaml")))
def test_a_shipped_study_loads(slug):
    assert Study.load(ROOT / "studies" / slug).slug == slug


# ---- where a study lies -------------------------------------------------------------------------


def test_a_study_that_a_link_leads_out_of_its_project_is_refused(place, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "towns"
    (place.root / "studies" / "towns").rename(elsewhere)
    (place.root / "studies" / "towns").symlink_to(elsewhere)
    with pytest.raises(StudyError, match=r"studies/towns is a link to .*, outside of its project"):
        load(place)


def test_a_link_within_the_project_is_followed(place):
    (place.root / "studies" / "same").symlink_to(place.root / "studies" / "towns")
    assert Study.load(place.root / "studies" / "same").slug == "towns"
