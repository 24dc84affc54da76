"""The JSON schema of study.yaml: what the package reads passes, what it refuses for a name or a type does not."""

import json

import pytest
from jsonschema import Draft202012Validator

from scale_impact.core.project import Project
from scale_impact.core.schema import study_schema
from scale_impact.core.settings import Settings
from scale_impact.core.yaml_reader import load
from tests.panels import ROOT
from tests.projects import QUICK, STUDY, project
from tests.scaleups import block, flow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = project(tmp_path_factory.mktemp("schema") / "project")
    place.template(f"{QUICK[0]}\nwindow: int = 3\nstart: date = '2001-01-01'", *QUICK[1:])
    schema = study_schema(Project(place.root))
    Draft202012Validator.check_schema(schema)
    return schema


def wrong(schema, **changes):
    """Where a study with some changes does not fit."""
    keys = {k: v for k, v in {**STUDY, **changes}.items() if v is not ...}
    return [".".join(map(str, e.absolute_path)) for e in Draft202012Validator(schema).iter_errors(keys)]


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*/study.yaml")), ids=lambda p: p.parent.name)
def test_shipped_studies_fit(path):
    schema = study_schema(Project(ROOT))
    assert list(Draft202012Validator(schema).iter_errors(load(path.read_text(encoding="utf-8")))) == []


def test_it_says_what_it_is_and_carries_no_address_of_its_own(made):
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["title"]
    assert "$id" not in json.dumps(made)


def test_every_key_is_described(made):
    assert set(made["properties"]) == set(Settings.model_fields)
    nested = [made["properties"][k]["properties"] for k in ("treatment", "design", "sample")]
    nested.append(made["properties"]["outcomes"]["items"]["properties"])
    nested += [made["properties"][k]["properties"] for k in ("benchmark", "transfer", "scaleup")]
    nested.append(made["properties"]["scaleup"]["properties"]["flows"]["items"]["properties"])
    for properties in (made["properties"], *nested):
        assert [k for k, v in properties.items() if not v.get("description")] == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"unit": None, "treatment": {"group": "zone", "starts": 2003}},
        {"treatment": {"cohorts": {"00001": 2003, "00002": "2004-07-01"}}},
        {"sample": {"first_period": 2002, "without": ["00001", 7]}},
        {"estimators": [{"callaway_santanna": {"method": "ipw", "covariates": ["people"]}}, {"twfe": None}]},
        {"inference": {"wild_bootstrap": {"draws": 999}}},
        {"inference": "analytic"},
        {"variants": {"early": {"level": 0.9, "design": {"control": "not_yet"}}, "same": None}},
        {"template": "quick", "parameters": {"window": 5, "start": "2003-01-01"}},
        {"grid": {"control": ["never"], "design.control": ["not_yet"], "estimator": ["twfe", {"twfe": {}}], "covariates": [[], ["people"]],
                  "sample": [{}, {"without": ["00001"]}], "outcome": ["jobs"], "level": [0.9], "exclude": [{"level": 0.9}]}},
    ],
    ids=str,
)  # fmt: skip
def test_what_the_package_reads_fits(made, change):
    assert wrong(made, **change) == []


OF_A_BENCHMARK = dict.fromkeys(("measure", "treatment", "design", "estimators", "checks"), ...)


@pytest.mark.parametrize(
    ("grid", "where"),
    [
        ({"benchmark.peers.number": [5, 8], "benchmark.frontier": [None, {"draws": 20}]}, []),
        ({"benchmark.context": [["people"], [{"column": "people", "log": True}]], "benchmark.city": ["00001"]}, []),
        ({"benchmark.peers.number": ["five"]}, ["grid.benchmark.peers.number.0"]),
        ({"benchmark.peers": [{"nummber": 5}]}, ["grid.benchmark.peers.0"]),
        ({"benchmark.peers": [None]}, ["grid.benchmark.peers.0"]),
    ],
)
def test_options_of_steps_are_axes(made, grid, where):
    steps = {"frontier": None, "robustness": None}
    assert (
        wrong(made, **OF_A_BENCHMARK, benchmark={"city": "00001", "context": ["people"], **steps}, grid=grid) == where
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"title": ...}, ""),
        ({"titel": "x"}, ""),
        ({"level": 95}, "level"),
        ({"level": "0.9"}, "level"),
        ({"seed": -1}, "seed"),
        ({"template": "stagered_did"}, "template"),
        ({"source": "twons"}, "source"),
        ({"measure": "zone"}, "measure"),
        ({"outcomes": [{"column": "jobs", "indicator": "job"}]}, "outcomes.0.indicator"),
        ({"outcomes": []}, "outcomes"),
        ({"design": {"control": "nevr"}}, "design.control"),
        ({"design": {"contrl": "never"}}, "design"),
        ({"sample": {"last": 2005}}, "sample"),
        ({"treatment": {}}, "treatment"),
        ({"treatment": {"treated": "zone", "first_treated": "start"}}, "treatment"),
        ({"treatment": {"group": "zone"}}, "treatment"),
        ({"estimators": ["twffe"]}, "estimators.0"),
        ({"estimators": [{"twfe": {"K_fixef": "sometimes"}}]}, "estimators.0"),
        ({"estimators": [{"event_study": {"windw": [1, 2]}}]}, "estimators.0"),
        ({"estimators": [{"twfe": {}, "did_2x2": {}}]}, "estimators.0"),
        ({"checks": ["bacn"]}, "checks.0"),
        ({"checks": ["placebo_outcome"]}, "checks.0"),
        ({"inference": "bayes"}, "inference"),
        ({"variants": {"Early": {}}}, "variants"),
        ({"variants": {"early": {"levl": 0.9}}}, "variants.early"),
        ({"variants": {"early": {"variants": {}}}}, "variants.early"),
        ({"grid": {"control": "never"}}, "grid.control"),
        ({"grid": {"control": ["nevr"]}}, "grid.control.0"),
        ({"grid": {"covariates": ["people"]}}, "grid.covariates.0"),
        ({"grid": {"exclude": ["never"]}}, "grid.exclude.0"),
        ({"template": "quick", "parameters": {"windw": 5}}, "parameters"),
        ({"template": "quick", "parameters": {"window": "five"}}, "parameters.window"),
        ({"parameters": {"window": 5}}, "parameters"),
    ],
    ids=str,
)
def test_what_is_misspelt_or_of_another_type_does_not_fit(made, change, where):
    assert where in wrong(made, **change)


OF_A_TRANSFER = dict.fromkeys(("design", "estimators", "checks"), ...)
OF_A_SCALEUP = dict.fromkeys(("source", "unit", "period", "treatment", *OF_A_TRANSFER), ...)


@pytest.mark.parametrize(
    ("transfer", "where"),
    [
        ({"city": 7}, []),
        ({"city": "00007", "context": ["people", {"column": "people", "log": True}], "target": -0.1, "held_out": None}, []),
        ({"city": "00007", "pooling": {"tau2": "dersimonian_laird"}, "include": ["simulated"]}, []),
        ({"context": ["people"]}, ["transfer"]),
        ({"city": "00007", "pooling": None}, ["transfer.pooling"]),
        ({"city": "00007", "pooling": {"tau": "reml"}}, ["transfer.pooling"]),
        ({"city": "00007", "effects": {"windw": [0, 2]}}, ["transfer.effects"]),
        ({"city": "00007", "include": ["simulatd"]}, ["transfer.include.0"]),
        ({"city": "00007", "target": "much"}, ["transfer.target"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_transfer_fits_with_the_options_of_its_steps(made, transfer, where):
    assert wrong(made, **OF_A_TRANSFER, transfer=transfer) == where


def test_each_kind_needs_keys_of_its_own(made):
    lacking = {"measure": ..., "source": ..., "period": ...}
    benchmark = {"city": "00007", "context": ["people"]}
    assert wrong(made, **{**OF_A_BENCHMARK, **lacking}, benchmark=benchmark) == ["", ""]
    assert wrong(made, **{**OF_A_TRANSFER, "measure": ...}, transfer={"city": "00007"}) == [""]
    assert wrong(made, **{**OF_A_TRANSFER, "source": ...}, transfer={"city": "00007"}) == []  # of published effects
    assert wrong(made, **OF_A_SCALEUP, scaleup=block()) == []
    assert wrong(made, **{**OF_A_SCALEUP, "measure": ...}, scaleup=block()) == [""]


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"effect": {"study": "towns"}, "pilot": {"study": "towns", "label": "00001"}}, True),
        ({"reach": {"units": {"low": 1, "high": 2, "shape": "pert"}}}, True),
        ({"flows": [flow("works", "cost", {"value": 2, "low": 1, "high": 3}, paid_by={"city": 0.5, "pupils": 0.5})]}, True),
        ({"readiness": {"mandate": {"answer": "partly"}}}, True),
        ({"effect": {"study": "towns", "varant": "a"}}, False),
        ({"flows": [flow("works", "cost", "a lot", paid_by="city")]}, False),
        ({"flows": [flow("works", "price", 1, paid_by="city")]}, False),
        ({"voltage": {"population": {"factor": 1}}}, False),
        ({"currency": "euro"}, False),
        ({"horizons": 3}, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_scale_up_fits_with_numbers_and_ranges_and_partners_in_short(made, changes, fits):
    whole = block(**{k: v for k, v in changes.items() if k != "effect"}) | {
        k: v for k, v in changes.items() if k == "effect"
    }
    assert (wrong(made, **OF_A_SCALEUP, scaleup=whole) == []) is fits


def test_a_variant_changes_single_keys_of_a_block(made):
    own = {"scaleup": block(), **OF_A_SCALEUP}
    assert wrong(made, **own, variants={"long": {"scaleup": {"horizon": 30}}}) == []
    assert wrong(made, **own, variants={"long": {"scaleup": {"horizons": 30}}}) == ["variants.long.scaleup"]
