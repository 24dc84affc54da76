"""Equal inputs, equal run; whatever can change a number makes another run."""

import json

import pytest

from scale_impact.core.study import Study
from scale_impact.workflow import fingerprint
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.runs import Run, expand
from tests.projects import STUDY, notebook, towns


def identity(place, **options):
    folder = place.root / "studies" / "towns"
    return run_id(inputs_of(Run(Study.load(folder, **options), folder)))


def test_the_same_inputs_are_the_same_run(place):
    assert identity(place) == identity(place)


def test_comments_and_the_order_of_keys_do_not_make_another_run(place):
    before = identity(place)
    place.study_text("# a comment\n" + place.study().read_text())
    assert identity(place) == before
    place.study(**dict(reversed(list(STUDY.items()))))
    assert identity(place) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.study(level=0.9),
        lambda p: p.study(seed=1),
        lambda p: p.study(estimators=["twfe"]),
        lambda p: p.study(title="Another title"),
        lambda p: p.data(towns(seed=4)),
        lambda p: p.data(towns(), licence="CC-BY"),
        lambda p: p.study(template="quick"),
        lambda p: (p.root / "data/measures/enterprise_zone.yaml").write_text("title: a\nwhat: b\nmechanism: c\n"),
        lambda p: rewrite(p.root / "data/indicators/catalogue.csv", "jobs,Jobs,", "jobs,Places of work,"),
        lambda p: p.data(towns(), separator=",", missing=["", "NA"]),
    ],
    ids=["level", "seed", "estimators", "title", "data", "licence", "template", "measure", "indicator", "reading"],
)
def test_a_changed_input_is_another_run(place, change):
    before = identity(place)
    change(place)
    assert identity(place) != before


def test_the_record_of_a_lottery_counts_as_the_data_do(place):
    place.study(estimators=[{"randomised_rollout": {"scheme": "data/lottery.csv"}}])
    without = identity(place)
    record = place.root / "data/lottery.json"
    record.write_text('{"seed": 1}')
    dealt = identity(place)
    record.write_text('{"seed": 2}')
    assert len({without, dealt, identity(place)}) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (p.root / "data/indicators/catalogue.csv").open("a").write("x,X,a,b,c,0\n"),
        lambda p: (p.root / "data/sources/towns.yaml").open("a").write("# a comment\n"),
        lambda p: (p.root / "data/measures/enterprise_zone.yaml").open("a").write("\n# a comment\n"),
        lambda p: rewrite(
            p.root / "data/measures/enterprise_zone.yaml",
            "partners:",
            "partners:\n  - {name: A, costs: b, benefits: c}",
        ),
        lambda p: p.data(towns(), citation="Statistical office (2024)"),
        lambda p: p.data(towns(), file="data/elsewhere/jobs.csv"),
        lambda p: p.study("another", title="Another study"),
    ],
    ids=[
        "new indicator",
        "comment in card",
        "comment in measure",
        "partner",
        "citation",
        "file moved",
        "another study",
    ],
)
def test_what_can_change_no_result_does_not_make_another_run(place, change):
    before = identity(place)
    change(place)
    assert identity(place) == before


def test_a_frozen_plan_is_an_input_because_results_say_deviations_from_it(place):
    before = identity(place)
    (place.root / "studies/towns/plan.json").write_text("{}")
    assert identity(place) != before


def test_runs_looked_at_together_share_what_is_the_same_and_nothing_else(place):
    place.study(variants={"a": {}, "b": {"level": 0.9}})
    folder = place.root / "studies/towns"
    runs = [Run(Study.load(folder, variant=v), folder) for v in ("a", "b")]
    known = {}
    together = [inputs_of(run, known) for run in runs]
    assert together == [inputs_of(run) for run in runs]
    assert len(known) == 1


def test_files_of_the_package_that_a_notebook_can_import_count_and_only_those():
    files = fingerprint.package_files()
    assert "core/panel.py" in files
    assert "__init__.py" in files
    assert not [name for name in files if name.startswith(("cli/", "workflow/")) or not name.endswith(".py")]


def test_a_changed_cell_of_the_template_is_another_run_and_changed_words_are_not(place):
    place.study(template="quick")
    before = identity(place)
    path = place.root / "notebooks/quick.ipynb"
    content = json.loads(path.read_text())
    content["cells"].insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "New words"})
    path.write_text(json.dumps(content))
    assert identity(place) == before
    path.write_text(notebook("study = 'towns'", "1 + 1"))
    assert identity(place) != before


def test_an_override_and_the_same_value_in_the_file_are_one_run(place):
    overridden = identity(place, overrides={"level": 0.9})
    place.study(level=0.9)
    assert identity(place) == overridden


def test_another_variant_is_another_run_and_further_variants_are_not(place):
    place.study(variants={"a": {}, "b": {}})
    a, b = identity(place, variant="a"), identity(place, variant="b")
    assert a != b
    place.study(variants={"a": {}, "b": {}, "c": {"level": 0.9}})
    assert identity(place, variant="a") == a


def identities(place):
    """Run ids by the names of runs, as `run` and `plan` expand them."""
    runs, errors = expand([str(place.root / "studies/towns")], {})
    assert not errors
    return {run.name: run_id(inputs_of(run)) for run in runs}


def test_another_combination_of_a_grid_makes_no_other_run_of_those_that_were_there(place):
    place.study(template="quick", grid={"level": [0.9, 0.95]})
    before = identities(place)
    place.study(template="quick", grid={"level": [0.9, 0.95, 0.99]})
    after = identities(place)
    assert len(set(after.values())) == 3
    assert {name: after[name] for name in before} == before


def test_a_grid_that_one_notebook_evaluates_whole_is_an_input_of_it(place):
    path = place.template("study = 'towns'", "1 + 1", name="curve")
    content = json.loads(path.read_text())
    content["metadata"]["scale_impact"] = {"grid": "whole"}
    path.write_text(json.dumps(content))
    place.study(template="curve", grid={"level": [0.9, 0.95]})
    before = identities(place)
    place.study(template="curve", grid={"level": [0.9, 0.95, 0.99]})
    after = identities(place)
    assert list(after) == list(before) == ["towns"]
    assert after != before


def test_another_package_version_is_another_run(place, monkeypatch):
    before = identity(place)
    monkeypatch.setattr(fingerprint, "versions", lambda: {"python": "3.11", "numpy": "0.1"})
    assert identity(place) != before


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
