"""`scale-impact export`: a zip that a reviewer checks, runs and compares."""

import os
import subprocess

import pytest

from scale_impact.workflow.crate import contents_problems, opened
from tests.projects import command, ran_once


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A small project that ran with a quick template, and its crate in another folder. Tests only read it."""
    made = ran_once(tmp_path_factory.mktemp("export") / "project")
    made.said = command("export", "towns", "--out", made.root.parent / "towns.crate.zip", cwd=made.root)
    assert made.said.code == 0, made.said.err
    return made


@pytest.fixture
def here(quick, monkeypatch, tmp_path):
    """The project, seen from an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCALE_IMPACT_ROOT", str(quick.root))
    return quick


def test_export_says_where_the_crate_is_what_is_in_it_and_what_a_reviewer_types(quick):
    lines = quick.said.out.splitlines()
    assert lines[0] == f"towns: written to {quick.root.parent / 'towns.crate.zip'}"
    assert lines[1].startswith("  1 run, ")
    assert lines[2] == "  Data of towns: data/files/towns.csv; licence: CC0"
    assert lines[3] == "  A reviewer types: unzip towns.crate.zip -d towns && cd towns && make verify"


def test_the_crate_is_checked_and_run_on_its_own_and_gives_the_same_rows(quick):
    with opened(quick.root.parent / "towns.crate.zip") as root:
        assert contents_problems(root) == []
        checked = command("check", "towns", cwd=root)
        assert (checked.code, checked.out) == (0, "towns: ready to run\n")
        before = (root / "studies/towns/results/estimates.jsonl").read_bytes()
        ran = command("run", "towns", "--force", cwd=root)
        assert ran.code == 0, ran.err
        assert (root / "studies/towns/results/estimates.jsonl").read_bytes() == before


def test_the_crate_is_up_to_date_where_it_is_unpacked_and_gives_itself_again(quick, tmp_path):
    with opened(quick.root.parent / "towns.crate.zip") as root:
        again = command("export", "towns", "--out", tmp_path / "again.zip", cwd=root)
    assert again.code == 0, again.err
    assert (tmp_path / "again.zip").read_bytes() == (quick.root.parent / "towns.crate.zip").read_bytes()


def test_make_verify_verifies_the_study(quick):
    own = {
        k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"
    }  # tests run under make, too

    def make(root, *words):
        done = subprocess.run(["make", *words], cwd=root, capture_output=True, text=True, check=True, env=own)
        return done.stdout

    with opened(quick.root.parent / "towns.crate.zip") as root:
        said, shown = make(root, "-n", "verify"), make(root)
    assert "uv.lock could not be installed" in said
    assert said.splitlines()[-1] == ".venv/bin/scale-impact verify towns"
    assert "make verify" in shown


def test_the_zip_lies_in_the_working_folder_and_is_replaced_only_by_force(here, cli, tmp_path):
    assert cli("export", "towns").code == 0
    crate = tmp_path / "towns.crate.zip"
    crate.write_bytes(b"earlier")
    refused = cli("export", "towns")
    assert refused.code == 2
    assert "towns.crate.zip is there already. Give --force to replace it" in refused.err
    assert crate.read_bytes() == b"earlier"
    assert cli("export", "towns", "--force").code == 0
    assert crate.read_bytes() == (here.root.parent / "towns.crate.zip").read_bytes()


def test_data_that_are_left_out_are_said(here, cli):
    answer = cli("export", "towns", "--without-data")
    assert answer.code == 0
    assert "  Data of towns: not in it (left out on purpose); licence: CC0" in answer.out


def test_a_study_that_never_ran_is_refused(place, cli):
    answer = cli("export", "towns")
    assert answer.code == 2
    assert "nothing is published in studies/towns/results. Run it: scale-impact run towns" in answer.err
    assert not (place.root / "towns.crate.zip").exists()


def test_results_that_are_out_of_date_are_exported_only_as_they_are(here, cli, monkeypatch, tmp_path):
    study = here.root / "studies/towns/study.yaml"
    before = study.read_text()
    study.write_text(before.replace("title: Do zones bring jobs?", "title: Do zones bring jobs?\nlevel: 0.9"))
    try:
        refused, taken = cli("export", "towns"), cli("export", "towns", "--as-is")
    finally:
        study.write_text(before)
    assert refused.code == 2
    assert "the results are out of date (level: 0.9, was 0.95). Run it again: scale-impact run towns" in refused.err
    assert "--as-is" in refused.err
    assert taken.code == 0
    assert "  Note: towns: the results are out of date" in taken.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["twons"], 10, "Did you mean 'towns'?"),
        (["towns", "--out", ""], 2, "--out is empty; name a file."),
        (["towns", "--out", "no/such/x.zip"], 2, "There is no folder no/such."),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_exported_is_said(here, cli, arguments, code, said):
    answer = cli("export", *arguments)
    assert answer.code == code
    assert said in " ".join(answer.err.split())
    assert "Traceback" not in answer.err
