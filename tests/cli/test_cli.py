"""The command line as a whole: help, exit codes, errors without traceback."""

import subprocess
import sys

import pytest

from scale_impact import errors
from scale_impact.cli import VERBS
from tests.panels import ROOT
from tests.projects import command

CODES = {
    "UsageError": 2, "StudyError": 10, "SourceError": 11, "DataError": 11, "DesignError": 12, "EstimationError": 13,
    "RunError": 14, "VerificationError": 15,
}  # fmt: skip


def test_exit_codes_are_those_of_the_contract():
    assert {name: getattr(errors, name).exit_code for name in CODES} == CODES


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_shows_an_example(cli, verb):
    answer = cli(verb, "--help")
    assert answer.code == 0
    assert f"Example: scale-impact {verb}" in " ".join(answer.out.split())


def test_help_names_the_verbs_and_the_exit_codes(cli):
    answer = cli("--help")
    assert answer.code == 0
    assert all(verb in answer.out for verb in VERBS)
    assert "10 study file; 11 source or data; 12 design" in " ".join(answer.out.split())


@pytest.mark.parametrize("arguments", [["runn"], ["check", "--nope"], ["evidence", "--format", "xml"], ["new", "x"]])
def test_what_the_command_line_does_not_know_is_a_usage_error(place, cli, arguments):
    answer = cli(*arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_without_a_verb_help_is_shown(cli):
    answer = cli()
    assert answer.code == 2
    assert "Usage" in answer.out + answer.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["check", "nowhere"], 10), (["new", "A", "--template", "staggered_did"], 2), (["evidence", "--sql", "selec"], 2)],
)
def test_debug_shows_the_traceback_and_keeps_the_exit_code(place, cli, arguments, code):
    plain, debug = cli(*arguments), cli("--debug", *arguments)
    assert plain.code == debug.code == code
    assert "Traceback" not in plain.err
    assert "Traceback (most recent call last)" in debug.err
    assert plain.err.strip() in debug.err


def test_debug_shows_where_a_problem_of_the_data_was_found(place, cli):
    place.study(treatment={"treated": "start"})
    assert "in _zero_one" in cli("check", "towns", "--debug").err


def test_the_installed_command_says_errors_on_the_error_stream_alone(place):
    answer = command("check", "twons", cwd=place.root)
    assert (answer.code, answer.out) == (10, "")
    assert answer.err.startswith("error: There is no study 'twons'")


def test_no_colour_codes_reach_a_file_or_a_pipe(place):
    assert "\x1b" not in command("check", "twons", cwd=place.root).err


def test_the_project_may_be_named_from_outside(place, tmp_path):
    answer = command("check", "towns", cwd=tmp_path, SCALE_IMPACT_ROOT=str(place.root))
    assert (answer.code, answer.out) == (0, "towns: ready to run\n")


def test_a_root_that_is_no_project_is_said(place, tmp_path):
    answer = command("check", cwd=place.root, SCALE_IMPACT_ROOT=str(tmp_path))
    assert answer.code == 2
    assert "SCALE_IMPACT_ROOT" in answer.err


def test_a_project_without_data_is_not_taken_for_the_one_of_the_package(place):
    (place.root / "data/sources").rename(place.root / "data/sauces")
    answer = command("check", cwd=place.root)
    assert "indiana-enterprise-zones" not in answer.out, "studies of another project were checked"


def test_the_script_is_installed_under_its_name():
    done = subprocess.run(
        [f"{sys.prefix}/bin/scale-impact", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "scale-impact" in done.stdout
