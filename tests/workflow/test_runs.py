"""From names to runs."""

from scale_impact.workflow.runs import expand


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
