"""What is looked at before a run: template, parameters, data, design; estimators only where that is asked for."""

import os

import pytest

from scale_impact.workflow import preflight as module
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.projects import QUICK, towns


def run_of(place, **changes):
    place.study(**changes)
    (run,), errors = expand(["towns"], {})
    assert errors == []
    return run


@pytest.fixture
def aged(place):
    """The project with data and cards that were written a while ago."""
    for name in ("data/files/towns.csv", "data/sources/towns.yaml"):
        os.utime(place.root / name, (1_700_000_000, 1_700_000_000))
    return place


@pytest.fixture
def reading(monkeypatch):
    """Sources read, by name."""
    seen, read = [], module.read
    module._read_once.cache_clear()
    monkeypatch.setattr(module, "read", lambda card, root: seen.append(card.stem) or read(card, root))
    yield seen
    module._read_once.cache_clear()


def test_before_a_run_no_estimator_is_fitted(place, monkeypatch):
    def fitted(*_, **__):
        raise AssertionError("fitted")

    monkeypatch.setattr(module, "fit", fitted)
    assert preflight(run_of(place), estimate=False).errors == ()
    with pytest.raises(AssertionError):
        preflight(run_of(place))


def test_before_a_run_data_and_design_are_looked_at(place):
    place.data(towns().drop(index=[1]))
    (error,) = preflight(run_of(place), estimate=False).errors
    assert error.exit_code == 12
    assert "not observed in each period" in str(error)


def test_twfe_as_the_answer_with_several_dates_is_refused_without_fitting(place):
    (error,) = preflight(run_of(place, estimators=["twfe"]), estimate=False).errors
    assert "twfe is the study's first estimator" in str(error)


def test_a_template_whose_parameters_have_no_known_type_is_refused_with_all_problems(place):
    place.template(f"{QUICK[0]}\nwindow = None\nlevel = 95\nshare: int = 0.5", *QUICK[1:])
    (error,) = preflight(run_of(place, template="quick"), estimate=False).errors
    assert (error.exit_code, error.where) == (10, "notebooks/quick.ipynb")
    assert [p.split(" ")[1].strip(":") for p in error.problems] == ["window", "level", "share"]


def test_data_are_read_once_for_all_runs_of_a_source(aged, reading):
    aged.study(grid={"control": ["never", "not_yet"], "level": [0.9, 0.95]})
    runs, _ = expand(["towns"], {})
    assert [preflight(r, estimate=False).errors for r in runs] == [()] * 4
    assert reading == ["towns"]


def test_data_that_changed_are_read_again(aged, reading):
    run = run_of(aged)
    assert preflight(run, estimate=False).errors == ()
    path = aged.root / "data/files/towns.csv"
    path.write_text(path.read_text().replace("2006", "2007"))
    (error,) = preflight(run, estimate=False).errors
    assert "is not the file that the card describes" in str(error)
    assert reading == ["towns", "towns"]


def test_data_written_just_now_are_not_trusted_to_stay(place, reading):
    run = run_of(place)
    for _ in range(2):
        preflight(run, estimate=False)
    assert reading == ["towns", "towns"]


def compared(place, *checks, **options):
    """What is wrong with checks of a study of three towns by a synthetic control."""
    place.data(towns().query("start != 2003"))
    (*errors,) = preflight(run_of(place, estimators=[{"synthetic_control": options}], checks=[*checks])).errors
    return [p for e in errors for p in e.problems]


def test_options_of_checks_that_do_not_fit_the_data_are_said_before_a_run(place):
    assert compared(
        place,
        {"in_time_placebo": {"earlier": [50]}},
        {"donor_spillover": {"neighbours": ["zz"]}},
        {"donor_spillover": {"distance": "people", "within": 3.0}},
        {"donor_spillover": {"distance": "town", "within": 3.0}},
    )[:2] == [
        "in_time_placebo: earlier names 50; it has to be 1 to 0 periods (3 lie before the measure, 3 of them have to stay before a "
        "pretended date).",
        "donor_spillover: 'zz' is no donor. Known: 00007, 00008, 00009, 00010, 00011, 00012.",
    ]


def test_options_of_checks_that_fit_are_no_problem(place):
    assert compared(place, "in_time_placebo", {"donor_spillover": {"neighbours": ["00007"]}}) == []


def test_a_problem_of_an_option_names_its_estimator_once(place):
    (problem,) = compared(place, largest=0.01)
    assert problem.startswith("synthetic_control: 6 donors need `largest`")


EDGES = ["zone -> jobs", "people -> zone", "people -> jobs", "zone -> ljobs", "jobs -> ljobs"]


def test_covariates_that_the_graph_speaks_against_are_said_at_check(place):
    exposed = {"treatment": {"exposure": "zone"}, "design": {}, "estimators": ["backdoor_regression"], "checks": [],
               "template": "quick", "graph": {"edges": EDGES}}  # fmt: skip
    found = preflight(run_of(place, **exposed, covariates=["people", "ljobs"]))
    assert found.errors == ()
    said = [n for n in found.notes if n.startswith("backdoor_regression: Covariate `ljobs` is a ")]
    assert [n.split("`ljobs` is a ")[1].split()[0] for n in said] == ["consequence", "collider:"]
    assert found == preflight(run_of(place, **exposed, covariates=["people", "ljobs"]))
    assert not any("Covariate" in n for n in preflight(run_of(place, **exposed, covariates=["people"])).notes)
    assert not any("Adjusted for" in n for n in preflight(run_of(place, **exposed)).notes)
