"""Benchmarks that read what studies of measures found: in which order, from which version, and elsewhere as here."""

import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest

from scale_impact.cli.run import _stale
from scale_impact.core.manifest import Manifest
from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from scale_impact.workflow.batch import Settings, run_batch, waves
from scale_impact.workflow.bundle import pack, unpack
from scale_impact.workflow.crate.export import export
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.runs import expand
from scale_impact.workflow.staleness import look
from tests.projects import command, project, sha256, write_yaml

LINES = """\
lit,Lit streets,technology,Streets that are lit,%,+
noise,Noise,environment,Mean noise at night,dB,-
"""

COLUMNS = {
    "code": {"unit": "none", "meaning": "Code of the city", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "lit": {"unit": "%", "meaning": "Streets that are lit"},
    "noise": {"unit": "dB", "meaning": "Mean noise at night"},
    "people": {"unit": "persons", "meaning": "Residents"},
    "density": {"unit": "inhabitants/km2", "meaning": "Residents per square kilometre"},
}

BENCHMARK = {
    "title": "Who is lit?", "question": "Who is lit and quiet?", "template": "compare", "source": "cities", "unit": "code", "period": "year",
    "outcomes": [{"column": "lit", "indicator": "lit", "goalposts": [0, 100]}, {"column": "noise", "indicator": "noise", "goalposts": [90, 30]}],
    "benchmark": {
        "city": "00007", "context": ["people", "density"], "measures": ["towns"],
        "peers": {"number": 8}, "robustness": {"draws": 100}, "frontier": {"draws": 20},
    },
    **dict.fromkeys(("measure", "treatment", "design", "estimators", "checks"), ...),
}  # fmt: skip

CODE = [
    'study = "lights"\nvariant = None\nout = None\noverrides = {}',
    "from scale_impact.session import open_session\n"
    "session = open_session(study, variant=variant, out=out, overrides=overrides, given=globals())",
    "session.benchmark().tried_in_words()",
    "session.save()",
]


def cities(n=30, seed=5):
    rng = np.random.default_rng(seed)
    values = {
        "code": [f"{k:05d}" for k in range(1, n + 1)], "year": 2021, "lit": rng.normal(50, 8, n), "noise": rng.normal(55, 5, n),
        "people": rng.normal(1e4, 1e3, n), "density": rng.normal(300, 50, n),
    }  # fmt: skip
    return pd.DataFrame(values)


def benchmark(place, slug="lights", **choices):
    place.study(slug, **BENCHMARK | {"benchmark": BENCHMARK["benchmark"] | choices})


def with_benchmark(root):
    """A project with the study of a measure, `towns`, and a benchmark that reads its results, `lights`; none was run."""
    made = project(root)
    made.study(template="quick")
    with (root / "data/indicators/catalogue.csv").open("a", encoding="utf-8") as file:
        file.write(LINES)
    path = root / "data/files/cities.csv"
    cities().to_csv(path, index=False)
    card = {
        "title": "Cities", "origin": "made by a test", "licence": "CC0", "kind": "csv", "file": "data/files/cities.csv",
        "redistribute": True, "sha256": sha256(path), "columns": COLUMNS,
    }  # fmt: skip
    write_yaml(root / "data/sources/cities.yaml", card)
    made.template(*CODE, name="compare")
    benchmark(made)
    return made


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The project after `scale-impact run --jobs 2`. Tests only read it."""
    made = with_benchmark(tmp_path_factory.mktemp("ran") / "project")
    made.said = command("run", "--jobs", "2", cwd=made.root)
    return made


@pytest.fixture
def own(ran, tmp_path):
    """A copy of the project that ran, to change."""
    shutil.copytree(ran.root, tmp_path / "own")
    return type(ran)(tmp_path / "own")


def runs_of(place, *slugs):
    runs, errors = expand([str(place.root / "studies" / slug) for slug in slugs], {})
    assert not errors, errors
    return runs


def identity(place):
    return run_id(inputs_of(*runs_of(place, "lights")))


def replaced(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def problems(place):
    with pytest.raises(StudyError) as caught:
        Study.load(place.root / "studies/lights")
    return "\n".join(caught.value.problems)


# ---- in which order -----------------------------------------------------------------------------------------


def test_a_benchmark_is_run_after_the_study_that_it_reads_though_its_name_comes_first(ran):
    assert ran.said.code == 0, ran.said.err
    assert "lights: up to date" in command("plan", cwd=ran.root).out
    read = Manifest.read(ran.root / "studies/lights/results/manifest.json").details["study"]["others"]
    assert read["studies/towns/results/estimates.jsonl"] == sha256(ran.results / "estimates.jsonl")
    assert read["data/measures/enterprise_zone.yaml"]["title"] == "Enterprise zone"


def test_readers_make_a_second_wave_and_only_where_what_they_read_is_in_the_batch(ran):
    both = runs_of(ran, "lights", "towns")
    assert waves(both) == [[1], [0]]
    assert waves(both[:1]) == [[0]]


def test_a_benchmark_is_out_of_date_as_soon_as_the_study_that_it_reads_is(own):
    lights, towns = runs_of(own, "lights", "towns")
    assert _stale([lights, towns]) == []
    own.study(template="quick", level=0.9)
    lights, towns = runs_of(own, "lights", "towns")
    assert look(lights).is_current
    assert [r.name for r in _stale([lights, towns])] == ["lights", "towns"]
    assert not any(isinstance(result, Exception) for result in run_batch([lights, towns], Settings(jobs=2)))
    assert _stale([lights, towns]) == []


def test_on_a_cluster_a_benchmark_reads_what_the_same_batch_has_just_found(tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    from scale_impact.workflow.distribute import distribute

    made = with_benchmark(tmp_path / "project")
    runs = runs_of(made, "lights", "towns")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0", silence_logs=60,
        local_directory=str(tmp_path / "dask"),
    ) as cluster:  # fmt: skip
        found = distribute(runs, cluster.scheduler_address)
    assert not any(isinstance(result, Exception) for result in found), found
    assert [look(run).state for run in runs] == ["up to date"] * 2


# ---- from which version -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replaced(p.root / "data/measures/enterprise_zone.yaml", "title: Enterprise zone", "title: Zone"),
        lambda p: replaced(p.root / "data/indicators/catalogue.csv", "jobs,Jobs,", "jobs,Work,"),
        lambda p: replaced(p.results / "estimates.jsonl", '"label": "overall"', '"label":  "overall"'),
        lambda p: (p.results / "units.jsonl").unlink(),
    ],
    ids=["title of the measure", "name of its indicator", "its numbers", "who was treated"],
)
def test_what_it_reads_of_another_study_is_an_input(own, change):
    before = identity(own)
    change(own)
    assert identity(own) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (p.root / "studies/towns/study.yaml").open("a", encoding="utf-8").write("\n# a comment\n"),
        lambda p: (p.root / "data/measures/enterprise_zone.yaml").open("a", encoding="utf-8").write("\n# a comment\n"),
        lambda p: (p.results / "executed.ipynb").unlink(),
    ],
    ids=["comment in its study.yaml", "comment in the card", "its notebook"],
)
def test_what_it_does_not_read_is_none(own, change):
    before = identity(own)
    change(own)
    assert identity(own) == before


def test_plan_says_what_changed_in_another_study(own):
    replaced(own.root / "data/measures/enterprise_zone.yaml", "title: Enterprise zone", "title: Zone")
    said = command("plan", "lights", cwd=own.root).out
    assert "data/measures/enterprise_zone.yaml.title: Zone, was Enterprise zone" in said


# ---- elsewhere ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crate(ran, tmp_path_factory):
    return export(runs_of(ran, "lights"), tmp_path_factory.mktemp("crate") / "lights.crate.zip")


def test_a_crate_holds_what_is_read_of_another_study_and_nothing_else_of_it(crate):
    with zipfile.ZipFile(crate.path) as archive:
        names = set(archive.namelist())
    of_towns = {n for n in names if n.startswith("studies/towns/")}
    assert of_towns == {f"studies/towns/results/{n}.jsonl" for n in ("checks", "estimates", "units")}
    assert "data/measures/enterprise_zone.yaml" in names
    assert "data/files/towns.csv" not in names


def test_an_unzipped_crate_verifies_itself(crate, tmp_path):
    with zipfile.ZipFile(crate.path) as archive:
        archive.extractall(tmp_path / "elsewhere")
    for named in ([], ["lights"]):
        said = command("verify", *named, cwd=tmp_path / "elsewhere")
        assert said.code == 0, said.out + said.err
        assert "lights: identical" in said.out
    assert command("check", cwd=tmp_path / "elsewhere").code == 0


def test_a_crate_that_somebody_sent_is_verified(crate, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data/sources").mkdir(parents=True)
    said = command("verify", "--crate", crate.path, "--trust", cwd=tmp_path)
    assert said.code == 0, said.out + said.err


def test_a_parcel_is_a_project_in_which_the_benchmark_is_the_same_run_and_ends_well(ran, tmp_path):
    unpack(pack(runs_of(ran, "lights")), tmp_path / "there")
    there = type(ran)(tmp_path / "there")
    assert identity(there) == identity(ran)
    (run,) = runs_of(there, "lights")
    (result,) = run_batch([run])
    assert not isinstance(result, Exception), result
    name = "studies/lights/results/estimates.jsonl"
    assert (there.root / name).read_bytes() == (ran.root / name).read_bytes()


def test_a_parcel_of_a_benchmark_whose_study_was_never_run_says_so_there(tmp_path):
    made = with_benchmark(tmp_path / "project")
    unpack(pack(runs_of(made, "lights")), tmp_path / "there")
    (result,) = run_batch(runs_of(type(made)(tmp_path / "there"), "lights"))
    assert "Run it first: scale-impact run towns" in str(result)


# ---- templates and studies of the other kind -------------------------------------------------------------------


@pytest.mark.parametrize("template", ["staggered_did", "specification_curve", "pilot_design", "quick"])
def test_a_template_that_compares_no_cities_is_refused_for_a_benchmark(own, template):
    own.study("lights", **BENCHMARK | {"template": template})
    assert f"template: {template} compares no cities" in problems(own)
    assert "Use the template benchmark" in problems(own)


@pytest.mark.parametrize("template", ["benchmark", "compare"])
def test_a_template_that_compares_cities_is_refused_for_a_measure(own, template):
    own.study("lights", template=template)
    assert f"template: {template} compares cities, and the study has no key `benchmark`" in problems(own)


def test_a_template_for_both_kinds_is_taken_for_both(own):
    own.template(
        *CODE[:2], "%matplotlib inline\nif study:\n    session.why_here()\nelse:\n    session.estimates()", name="both"
    )
    own.study("lights", **BENCHMARK | {"template": "both"})
    assert Study.load(own.root / "studies/lights").settings.template == "both"
    own.study("lights", template="both")
    assert Study.load(own.root / "studies/lights").settings.template == "both"


def test_words_about_a_benchmark_are_no_call_of_one(own):
    own.template(
        *CODE[:2], 'print("session.benchmark() is for cities")  # session.why_here()\nsession.estimates()', name="talks"
    )
    own.study("lights", **BENCHMARK | {"template": "talks"})
    assert "template: talks compares no cities" in problems(own)


@pytest.mark.parametrize(
    "measures, said",
    [
        (["lights"], "benchmark.measures.0: 'lights' is this study itself. Name studies of measures"),
        (["towns", "darkness"], "benchmark.measures.1: 'darkness' is a benchmark. Name studies of measures"),
        (["town"], "benchmark.measures.0: there is no study 'town'. Did you mean 'towns'?"),
        (["../studies/towns"], "benchmark.measures.0: there is no study '../studies/towns'."),
        (["towns", "towns"], "benchmark.measures.1: towns stands here twice. Leave one out."),
    ],
)
def test_only_studies_of_measures_can_be_read(own, measures, said):
    benchmark(own, "darkness")
    benchmark(own, measures=measures)
    assert said in problems(own)


def test_published_results_are_enough_of_another_study(own):
    (own.root / "studies/towns/study.yaml").unlink()
    assert Study.load(own.root / "studies/lights").others["towns"].run == own.results


# ---- grids ------------------------------------------------------------------------------------------------------


def test_a_grid_of_options_is_a_run_each_that_says_what_it_was_made_with(own):
    own.study("lights", **BENCHMARK | {"grid": {"benchmark.peers.number": [5, 8]}})
    runs = runs_of(own, "lights")
    assert [r.name for r in runs] == ["lights/number-5", "lights/number-8"]
    assert not any(isinstance(result, Exception) for result in run_batch(runs))
    details = [Manifest.read(r.results / "manifest.json").details["study"]["benchmark"] for r in runs]
    assert [d["peers"] for d in details] == [{"number": 5}, {"number": 8}]
    first, second = (json.loads((r.results / "estimates.jsonl").read_text().splitlines()[0]) for r in runs)
    assert (first["variant"], second["variant"]) == ("number-5", "number-8")
