"""`scale-impact verify`: does what was published come out again, number by number?"""

import json
import shutil
import zipfile

import pytest

from tests.projects import QUICK, Place, command, ran_once, sha256

OWN = ".scale-impact/"
"""What the package remembers for itself in a project, such as hashes of files."""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A project whose study was run. Tests take copies."""
    return ran_once(tmp_path_factory.mktemp("published") / "project")


@pytest.fixture
def town(published, tmp_path, monkeypatch):
    """A copy of it; the working folder is its root."""
    made = Place(tmp_path / "project")
    shutil.copytree(published.root, made.root)
    monkeypatch.chdir(made.root)
    monkeypatch.delenv("SCALE_IMPACT_ROOT", raising=False)
    return made


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def kept(place):
    """Everything in a project but what the package remembers for itself."""
    return {name: content for name, content in place.snapshot().items() if not name.startswith(OWN)}


def with_another_number(place):
    """One town's jobs of one year, changed in the data file; what the file held before."""
    path = place.root / "data/files/towns.csv"
    before = path.read_bytes()
    lines = before.decode().splitlines(keepends=True)
    cells = lines[9].split(",")
    lines[9] = ",".join([*cells[:2], "14.5", *cells[3:]])
    path.write_bytes("".join(lines).encode())
    return before


# ---- verified, and not --------------------------------------------------------------------------------


def test_results_that_come_out_again_are_verified_and_nothing_of_the_project_is_touched(town, cli):
    before = kept(town)
    answer = cli("verify", "towns")
    assert (answer.code, answer.err) == (0, "")
    line = answer.out.splitlines()[1].split()
    compared = line[2]
    assert line == ["towns", "identical", compared, compared, "0", "0", "0"]
    assert int(compared) > 100
    assert kept(town) == before


def test_one_number_in_the_data_is_noticed_named_and_put_back_verified(town, cli, tmp_path):
    primary = rows(town.results / "estimates.jsonl")[0]["estimate"]
    before = with_another_number(town)
    changed = sha256(town.root / "data/files/towns.csv")

    answer = cli("verify", "towns", "--report", tmp_path / "referee")
    assert answer.code == 15
    assert f"jobs, callaway_santanna, overall: estimate published {primary:.4g}, now " in answer.out
    assert f"→ {changed[:12]}..." in answer.out
    assert answer.err.endswith("error: 1 of 1 run does not hold: towns (different).\n")

    found = json.loads((tmp_path / "referee/verification.json").read_text())["runs"][0]
    first = found["numbers"]["findings"][0]
    assert (first["about"], first["field"], first["published"]) == (
        "jobs, callaway_santanna, overall",
        "estimate",
        primary,
    )
    assert first["now"] != primary
    assert str(primary) in (tmp_path / "referee/verification.html").read_text()

    (town.root / "data/files/towns.csv").write_bytes(before)
    assert cli("verify", "towns").code == 0


def test_only_verify_reads_data_that_are_not_the_card_s(town):
    with_another_number(town)
    for verb in ("run", "check"):
        assert command(verb, "towns", cwd=town.root).code == 11
    assert command("run", "towns", cwd=town.root, SCALE_IMPACT_CHANGED_DATA="read").code == 11


def test_a_published_number_that_was_changed_by_hand_is_said_and_named(town, cli):
    path = town.results / "estimates.jsonl"
    first = rows(path)[0]
    path.write_text(path.read_text().replace(repr(first["estimate"]), "-2.5", 1))
    answer = cli("verify", "towns")
    assert answer.code == 15
    assert "estimates.jsonl was changed by hand" in answer.out
    assert f"estimate published -2.5, now {first['estimate']:.4g} (different" in answer.out
    assert "towns (different, changed by hand)" in answer.err


def test_what_was_published_with_a_setting_is_executed_with_it(town, cli):
    assert command("run", "towns", "--set", "level=0.9", cwd=town.root).code == 0
    answer = cli("verify", "towns")
    assert answer.code == 0
    assert "Executed as published, with level=0.9" in answer.out


def test_variants_are_verified_each(town, cli):
    town.study(template="quick", variants={"wide": {"level": 0.99}, "narrow": {"level": 0.5}})
    assert command("run", "towns", cwd=town.root).code == 0
    shutil.rmtree(town.results / "narrow")
    path = town.results / "wide" / "checks.jsonl"
    path.write_text(path.read_text().replace('"verdict": "pass"', '"verdict": "fail"', 1))
    answer = cli("verify", "--jobs", "2")
    assert answer.code == 15
    assert [line.split("  ")[0] for line in answer.out.splitlines() if line.startswith("towns/")][:2] == [
        "towns/wide", "towns/narrow",
    ]  # fmt: skip
    assert "check pre_trends of callaway_santanna: verdict published fail, now pass (different)" in answer.out
    assert "towns/narrow: never run" in answer.out


# ---- what cannot be executed --------------------------------------------------------------------------


def test_a_study_that_never_ran_has_nothing_to_verify(place, cli):
    before = kept(place)
    answer = cli("verify")
    assert (answer.code, answer.err) == (0, "")
    assert "towns: never run" in answer.out
    assert kept(place) == before


def test_a_project_without_studies_is_told_how_to_make_one(place, cli):
    shutil.rmtree(place.root / "studies/towns")
    answer = cli("verify")
    assert answer.code == 0
    assert "scale-impact new" in answer.out


def test_published_results_without_their_template_cannot_be_executed(town, cli):
    (town.root / "notebooks/quick.ipynb").unlink()
    answer = cli("verify", "towns")
    assert answer.code == 15
    assert "there is no template 'quick'" in answer.out
    assert "towns (cannot be executed)" in answer.err


def test_published_results_without_their_data_cannot_be_executed(town, cli):
    (town.root / "data/files/towns.csv").unlink()
    answer = cli("verify", "towns")
    assert answer.code == 15
    assert "There is no file data/files/towns.csv" in answer.out


def test_a_notebook_that_raises_now_is_kept_in_the_report(town, cli, tmp_path):
    town.template(*QUICK[:3], "1 / 0", QUICK[3])
    before = kept(town)
    answer = cli("verify", "towns", "--report", tmp_path / "referee")
    assert answer.code == 15
    assert "the notebook raised in cell 5: ZeroDivisionError: division by zero." in answer.out
    assert "/tmp" not in answer.out.split("Report:")[0]
    assert "ZeroDivisionError" in (tmp_path / "referee/failed/towns.ipynb").read_text()
    assert kept(town) == before


# ---- twice --------------------------------------------------------------------------------------------


def test_twice_names_the_first_cell_and_variable_that_part_and_the_generator(place, cli):
    place.template(*QUICK[:3], "import numpy as np\nx = float(np.random.random())", "y = 2 * x", QUICK[3])
    place.study(template="quick")
    answer = cli("verify", "towns", "--twice")
    assert answer.code == 15
    assert "run 1 and run 2 diverge first in cell 5 (`import numpy as np`): variable x (float): 0." in answer.out
    assert "variable y" not in answer.out
    assert "NumPy's global random generator (`numpy.random`), which nobody seeded" in answer.out
    assert "towns (diverges, two executions differ)" in answer.err
    assert not place.results.exists()


def test_twice_finds_nothing_in_a_sound_study_and_compares_with_what_is_published_too(town, cli):
    answer = cli("verify", "towns", "--twice", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)["runs"][0]
    assert found["verdict"] == "identical"
    assert found["twice"]["same"] is True
    assert found["numbers"]["compared"] == found["twice"]["numbers"]["compared"] > 100


# ---- a stranger's crate ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crate(published, tmp_path_factory):
    """The published study as a zip for a reviewer. Tests take copies."""
    path = tmp_path_factory.mktemp("crate") / "towns.crate.zip"
    said = command("export", "towns", "--as-is", "--out", path, cwd=published.root)
    assert said.code == 0, said.err
    return path


def rewritten(crate, path, ending, change):
    """A copy of a crate in which the text of files with an ending is another one."""
    with zipfile.ZipFile(crate) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            changed = entry.filename.endswith(ending)
            target.writestr(entry, change(content.decode()).encode() if changed else content)
    return path


def spying(marker):
    """What makes a package say that it was imported."""
    return lambda text: text + f"\nimport pathlib\npathlib.Path({str(marker)!r}).write_text(__file__)\n"


def test_a_crate_is_verified_with_its_own_package_once_it_is_trusted(crate, place, cli, tmp_path):
    place.study(template="gone")  # of the same name as the crate's, and broken
    asked = cli("verify", "--crate", crate)
    assert asked.code == 2
    assert "notebooks/quick.ipynb: 4 code cells" in asked.out
    assert "scale_impact/: version" in asked.out
    assert "the same as the installed one" in asked.out
    assert "Nothing of towns.crate.zip was executed" in asked.err
    assert "--trust" in asked.err

    before = kept(place)
    answer = cli("verify", "--crate", crate, "--trust", "--report", tmp_path / "referee")
    assert answer.code == 0, answer.err
    found = json.loads((tmp_path / "referee/verification.json").read_text())
    assert (found["about"], found["runs"][0]["verdict"]) == ("towns.crate.zip", "identical")
    assert kept(place) == before


def test_code_of_a_crate_runs_only_when_it_is_trusted_and_what_was_tampered_with_is_said(crate, place, cli, tmp_path):
    marker = tmp_path / "marker"
    evil = rewritten(crate, tmp_path / "evil.zip", "scale_impact/__init__.py", spying(marker))
    asked = cli("verify", "--crate", evil)
    assert asked.code == 2
    assert "differs from the installed" in asked.out
    assert "scale_impact/__init__.py was changed" in asked.out
    assert not marker.exists()

    answer = cli("verify", "--crate", evil, "--trust")
    assert answer.code == 15
    assert "/si-run-" in marker.read_text()  # the file of the crate, not the installed one
    assert "towns (changed by hand)" in answer.err


def test_a_number_changed_in_a_crate_is_found(crate, place, cli, tmp_path):
    def another(text):
        first = json.loads(text.splitlines()[0])["estimate"]
        return text.replace(repr(first), "-9.25", 1)

    evil = rewritten(crate, tmp_path / "evil.zip", "results/estimates.jsonl", another)
    answer = cli("verify", "--crate", evil, "--trust", "--json")
    assert answer.code == 15
    found = json.loads(answer.out)["runs"][0]
    assert found["numbers"]["findings"][0]["published"] == -9.25
    assert any("studies/towns/results/estimates.jsonl was changed" in s for s in found["changed_by_hand"])


def test_a_crate_is_asked_for_its_own_studies_only(crate, place, cli):
    place.study("mills")
    answer = cli("verify", "mills", "--crate", crate)
    assert answer.code == 2
    assert "The crate has no study 'mills'" in answer.err


# ---- what is asked wrongly ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["town"], 10, "Did you mean 'towns'"),
        (["--trust"], 2, "--trust is about the code of a crate"),
        (["--crate", "gone.zip"], 2, "gone.zip"),
        (["--crate", "data/files/towns.csv"], 2, "no readable zip"),
        (["--report", "studies/towns/study.yaml"], 2, "is a file"),
        (["--jobs", "0"], 2, "--jobs"),
    ],
)
def test_what_cannot_be_asked_is_an_error_before_anything_is_executed(town, cli, arguments, code, words):
    before = kept(town)
    answer = cli("verify", *arguments)
    assert answer.code == code
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert kept(town) == before
