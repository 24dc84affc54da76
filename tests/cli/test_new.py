"""`scale-impact new`: a study folder that is ready to run as it stands."""

import shutil

import pytest
from ruamel.yaml import YAML

from scale_impact.core.source import load_source
from scale_impact.sources import is_here
from tests.panels import ROOT, with_data

TEMPLATES = sorted(p.stem for p in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def shipped(place):
    """The small project with the shipped studies, which templates start from."""
    shutil.copytree(
        ROOT / "studies", place.root / "studies", dirs_exist_ok=True, ignore=shutil.ignore_patterns("results", "failed")
    )
    return place


def written(place, slug):
    text = (place.root / "studies" / slug / "study.yaml").read_text(encoding="utf-8")
    return text, YAML(typ="safe").load(text)


@pytest.mark.parametrize("template", [t for t in TEMPLATES if t != "scale_up"])
def test_a_new_study_is_ready_to_run_as_it_stands(shipped, cli, template):
    answer = cli("new", "my-city", "--template", template)
    assert answer.code == 0
    assert "scale-impact check my-city" in answer.out
    text, keys = written(shipped, "my-city")
    card = load_source(shipped.root / f"data/sources/{keys['source']}.yaml")
    waits = not is_here(card, shipped.root, "card")
    assert (f"scale-impact data pull {keys['source']}" in answer.out) == waits
    with_data(keys["source"], shipped.root)
    assert "my-city: ready to run\n" in cli("check", "my-city").out
    assert keys["template"] == template
    assert keys["title"].endswith("(my city)")
    assert text.startswith(("# A study. It runs", "# A benchmark. It runs", "# What the next city may expect. It runs"))
    assert f"copy data/sources/{keys['source']}.yaml" in text


def test_a_new_scale_up_is_ready_where_the_study_that_it_reads_has_run(shipped, cli):
    answer = cli("new", "my-city", "--template", "scale_up", "--city", "Springfield")
    assert answer.code == 0
    assert "data pull" not in answer.out
    text, keys = written(shipped, "my-city")
    read = keys["scaleup"]["effect"]["study"]
    assert f"study {read} has published nothing" in cli("check", "my-city").err
    shutil.copytree(ROOT / "studies" / read / "results", shipped.root / "studies" / read / "results")
    assert "my-city: ready to run\n" in cli("check", "my-city").out
    assert text.startswith(
        "# A decision about a scale-up of Springfield. It runs as it is, on the rows that studies/digital-tracing-decision reads"
    )
    assert "source" not in keys


@pytest.mark.parametrize("city", ["Springfield", 'St. "Mary" \\ & # {x}: 50 %', "Łódź", "two\nlines: x"])
def test_the_city_stands_in_the_title_whatever_its_name(shipped, cli, city):
    assert cli("new", "my-city", "--template", "staggered_did", "--city", city).code == 0
    name = " ".join(city.split())
    text, keys = written(shipped, "my-city")
    assert keys["title"] == f"Do enterprise zones lower unemployment? ({name})"
    assert text.startswith(f"# A study of {name}. It runs as it is")
    assert cli("check", "my-city").code == 0


@pytest.mark.parametrize("slug", ["../x", "/tmp/x", "", ".", "A", "a b", "a/b", "tówns", "-x", "a_b"])
def test_a_slug_that_is_no_plain_folder_name_is_refused(shipped, cli, slug):
    before = shipped.snapshot()
    answer = cli("new", "--template", "staggered_did", "--", slug)
    assert answer.code == 2
    assert f"{slug!r} is no name for a study: use small letters, digits and hyphens" in answer.err
    assert shipped.snapshot() == before


def test_a_study_that_is_there_is_not_overwritten(shipped, cli):
    before = shipped.snapshot()
    answer = cli("new", "towns", "--template", "staggered_did")
    assert answer.code == 2
    assert "studies/towns is there already" in answer.err
    assert shipped.snapshot() == before


def test_a_bad_slug_and_an_unknown_template_are_said_at_once(shipped, cli):
    answer = cli("new", "My City", "--template", "stagered_did")
    assert answer.code == 2
    assert "'My City' is no name" in answer.err
    assert (
        "There is no template 'stagered_did'. There are before_after_did, benchmark, causal_model, heterogeneous_effects, holistic_profile, "
        "interrupted_time_series, pilot_design, power_analysis, quick, scale_up, specification_curve, staggered_did, synthetic_control, transfer."
        in answer.err
    )


def test_without_a_template_those_there_are_are_named(shipped, cli):
    answer = cli("new", "my-city")
    assert answer.code == 2
    assert (
        "--template before_after_did or benchmark or causal_model or heterogeneous_effects or holistic_profile or interrupted_time_series or pilot_design or "
        "power_analysis or quick or scale_up or specification_curve or staggered_did or synthetic_control or transfer"
        in answer.err
    )


def test_a_template_whose_example_is_not_here_is_refused(place, cli):
    answer = cli("new", "my-city", "--template", "staggered_did")
    assert answer.code == 2
    assert "indiana-enterprise-zones" in answer.err
    assert not (place.root / "studies/my-city").exists()


def test_a_template_that_names_no_study_is_refused(place, cli):
    place.template("x = 1", name="mine")
    answer = cli("new", "my-city", "--template", "mine")
    assert answer.code == 2
    assert "names no study in its parameters cell" in answer.err


def test_a_studies_folder_that_cannot_be_written_is_said(shipped, cli):
    shutil.move(shipped.root / "studies", shipped.root / "kept")
    (shipped.root / "studies").write_text("a file in the way")
    answer = cli("new", "my-city", "--template", "staggered_did")
    assert answer.code == 2
    assert "Traceback" not in answer.err
