"""`scale-impact slurm`: a script whose tasks together run everything once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scale_impact.workflow.shards import shard_of
from tests.projects import QUICK

NOTE = "with open('executed.log', 'a') as file:\n    _ = file.write(f'{variant}\\n')"


def task(script, root, index, cpus=1):
    """One task of the array, as Slurm would start it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SCALE_IMPACT_"))}
    given = {"SLURM_SUBMIT_DIR": str(root), "SLURM_ARRAY_TASK_ID": str(index), "SLURM_CPUS_PER_TASK": str(cpus)}
    return subprocess.run(
        ["bash", "-s"], input=script, cwd="/", env={**kept, **given}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def command_there(place):
    """The command in the project's own environment, where the script looks for it."""
    there = place.root / ".venv/bin/scale-impact"
    there.parent.mkdir(parents=True)
    there.write_text(f"#!{sys.executable}\nfrom scale_impact.cli import main\nmain()\n")
    there.chmod(0o755)


def test_the_tasks_together_run_everything_exactly_once(place, cli, command_there):
    place.template(*QUICK[:3], NOTE, QUICK[3], name="noted")
    place.study(template="noted", variants={"a": {"level": 0.9}, "c": {"level": 0.8}})
    assert [shard_of(f"towns/{v}", 2) for v in "ac"] == [1, 2]
    answer = cli("slurm", "towns", "--shards", 2, "--cpus", 1)
    assert (answer.code, answer.err) == (0, "2 runs in 2 shards. Some shards will have nothing to do.\n")
    ends = [task(answer.out, place.root, index) for index in (1, 2)]
    assert [e.returncode for e in ends] == [0, 0], [e.stderr for e in ends]
    assert sorted((place.root / "executed.log").read_text().split()) == ["a", "c"]
    assert {p.parent.name for p in place.results.glob("*/manifest.json")} == {"a", "c"}


def test_a_task_whose_run_fails_ends_with_the_exit_code_of_the_run(place, cli, command_there):
    place.template("study = 'towns'", "1 / 0", name="bad")
    place.study(template="bad")
    end = task(cli("slurm", "towns", "--shards", 1).out, place.root, 1)
    assert end.returncode == 14
    assert "ZeroDivisionError" in end.stderr


def test_what_run_needs_is_in_the_script(place, cli):
    script = cli("slurm", "towns", "--set", "level=0.9", "--out", "memory://batch").out
    assert 'run towns --set level=0.9 --out memory://batch --shard "$SLURM_ARRAY_TASK_ID/1"' in script
    assert str(Path.home()) not in script
    assert str(place.root) not in script


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--time", "2h", "--memory", "8"], 2, "2 problems"),
        (["towmns"], 10, "There is no study 'towmns'"),
        (["--set", "lvel=1"], 10, "lvel"),
        (["--out", "s3://a:b@c/d"], 2, "carries a user name or password"),
        (["--out", ""], 2, "--out is empty"),
    ],
)
def test_what_cannot_be_submitted_is_said_and_no_script_is_printed(place, cli, arguments, code, said):
    answer = cli("slurm", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


def test_a_project_without_studies_is_told(place, cli):
    (place.root / "studies/towns/study.yaml").unlink()
    assert "There is no study yet" in cli("slurm").err
