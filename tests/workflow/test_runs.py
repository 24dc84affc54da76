"""From names to runs."""

import time

from scale_impact.workflow.runs import expand, notebook_parameters
from tests.projects import QUICK


def test_a_study_is_one_run_beside_its_file(place):
    (run,), errors = expand(["towns"], {})
    assert errors == []
    assert (run.name, run.results) == ("towns", place.results)
    assert run.failed == place.root / "studies/towns/failed"
    assert run.template == place.root / "notebooks/staggered_did.ipynb"


def test_each_variant_is_a_run_with_a_folder_of_its_own(place):
    place.study(variants={"early": {"level": 0.9}, "late": {}})
    runs, errors = expand(["towns"], {"seed": 5})
    assert errors == []
    assert [(r.name, r.results) for r in runs] == [
        ("towns/early", place.results / "early"),
        ("towns/late", place.results / "late"),
    ]
    assert [r.study.settings.level for r in runs] == [0.9, 0.95]
    assert {r.study.settings.seed for r in runs} == {5}


def test_results_may_go_elsewhere(place, tmp_path):
    (run,), _ = expand(["towns"], {}, tmp_path / "out")
    assert run.results == tmp_path / "out" / "towns" / "results"


def test_no_name_means_all_studies(place):
    place.study("another")
    runs, _ = expand([], {})
    assert [r.name for r in runs] == ["another", "towns"]


def test_studies_that_cannot_be_read_are_errors_and_the_others_runs(place):
    place.study("broken", level=95)
    runs, errors = expand(["broken", "towns", "nowhere"], {})
    assert [r.name for r in runs] == ["towns"]
    assert [e.exit_code for e in errors] == [10, 10]


def test_variants_that_cannot_be_read_are_errors_and_the_others_runs(place):
    place.study(variants={"a": {"level": 95}, "b": {}, "c": {"levl": 1}})
    runs, errors = expand(["towns"], {})
    assert [r.name for r in runs] == ["towns/b"]
    assert len(errors) == 2


def test_each_combination_of_a_grid_is_a_run_with_a_folder_of_its_own(place):
    place.study(grid={"control": ["never", "not_yet"]}, variants={"early": {"level": 0.9}, "late": {}})
    runs, errors = expand(["towns"], {"seed": 5})
    assert errors == []
    assert [r.name for r in runs] == [
        "towns/early__control-never", "towns/early__control-not_yet", "towns/late__control-never", "towns/late__control-not_yet",
    ]  # fmt: skip
    assert [(r.study.settings.level, r.study.settings.design.control) for r in runs] == [
        (0.9, "never"), (0.9, "not_yet"), (0.95, "never"), (0.95, "not_yet"),
    ]  # fmt: skip
    assert [r.study.combination.base for r in runs] == [True, False, True, False]
    assert runs[1].results == place.results / "early__control-not_yet"
    assert {r.study.settings.seed for r in runs} == {5}


def test_combinations_that_contradict_themselves_are_said_once_and_the_others_run(place):
    grid = {"covariates": [[], ["people"]], "estimator": ["callaway_santanna", "stacked"], "level": [0.9, 0.95]}
    place.study(estimators=["callaway_santanna"], grid=grid)
    runs, (error,) = expand(["towns"], {})
    assert len(runs) == 6
    assert "2 combinations of the grid, such as covariates-people__estimator-stacked__level-0-9" in str(error)
    assert "stacked takes none (people given)" in str(error)
    assert "grid.exclude" in str(error)


def test_what_is_wrong_with_a_grid_is_said_once(place):
    place.study(grid={"control": ["never", "nevr"], "level": [0.9, 0.95]})
    runs, (error,) = expand(["towns"], {})
    assert (runs, len(error.problems)) == ([], 1)


def test_a_notebook_is_given_its_study_and_what_the_study_sets_of_its_parameters(place):
    place.template(f"{QUICK[0]}\nwindow: int = 3\nmode = 'fast'", *QUICK[1:])
    place.study(template="quick", parameters={"window": 5}, grid={"control": ["never", "not_yet"]})
    runs, _ = expand(["towns"], {"level": 0.9})
    assert notebook_parameters(runs[1]) == {
        "study": "studies/towns", "variant": "control-not_yet", "overrides": {"level": 0.9}, "window": 5,
    }  # fmt: skip
    runs, _ = expand(["towns"], {"window": 7})
    assert notebook_parameters(runs[0])["window"] == 7


def test_a_thousand_runs_are_expanded_at_once(place):
    place.study(grid={"seed": list(range(1000))})
    expand(["towns"], {})  # imports
    started = time.perf_counter()
    runs, errors = expand(["towns"], {})
    assert (len(runs), errors) == (1000, [])
    assert time.perf_counter() - started < 2  # 0.2 s on an idle machine; reading the file for each run takes 10


def test_a_study_named_twice_is_run_once(place):
    runs, errors = expand(["towns", "studies/towns", "towns", str(place.root / "studies/towns/study.yaml")], {})
    assert ([r.name for r in runs], errors) == (["towns"], [])


def test_two_studies_that_would_write_to_one_folder_are_refused(place, tmp_path):
    (tmp_path / "towns").mkdir()
    (tmp_path / "towns" / "study.yaml").write_text(place.study().read_text())
    runs, (error,) = expand(["towns", str(tmp_path / "towns")], {}, tmp_path / "out")
    assert len(runs) == 1
    assert "would both write to towns/results" in str(error)
