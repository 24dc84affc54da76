"""The script of a Slurm array: bash that says what it was asked, or a refusal."""

import shutil
import subprocess

import pytest

from scale_impact.errors import UsageError
from scale_impact.workflow.slurm import JobArray, job_array, shards_for

AWKWARD = ("my-city", "--set", "title=it's 5 % of $HOME `date` {x}", "--out", "s3://box/a b")


@pytest.mark.parametrize("arguments", [(), AWKWARD])
def test_the_script_is_bash_that_shellcheck_has_nothing_to_say_about(arguments, tmp_path):
    script = job_array(JobArray(8, partition="short", arguments=arguments))
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-"], input=script, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")


def test_what_is_asked_of_slurm_stands_in_its_lines():
    script = job_array(JobArray(20, "1-12", "16G", 4, "long"))
    asked = [line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")]
    assert asked == [
        "job-name=scale-impact", "array=1-20", "ntasks=1", "cpus-per-task=4", "time=1-12", "mem=16G",
        "output=scale-impact-%A_%a.log", "partition=long",
    ]  # fmt: skip


def test_slurms_lines_come_before_any_command():
    """Slurm stops to read at the first command."""
    lines = job_array(JobArray(2, partition="short")).splitlines()
    first = next(k for k, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(k < first for k, line in enumerate(lines) if line.startswith("#SBATCH"))
    assert lines[first] == "set -euo pipefail"


def test_arguments_reach_the_command_as_they_were_given(tmp_path):
    spy = tmp_path / ".venv/bin/scale-impact"
    spy.parent.mkdir(parents=True)
    spy.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    spy.chmod(0o755)
    slurm = {
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_CPUS_PER_TASK": "4",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash"], input=job_array(JobArray(8, arguments=AWKWARD)), text=True, env=slurm, capture_output=True, check=True
    )
    assert done.stdout.splitlines() == ["run", *AWKWARD, "--shard", "3/8", "--jobs", "4"]


def test_a_script_outside_of_slurm_stops_at_once():
    done = subprocess.run(
        ["bash"],
        input=job_array(JobArray(8)),
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert "SLURM_SUBMIT_DIR: unbound variable" in done.stderr


def test_the_script_names_no_path_of_this_machine():
    script = job_array(JobArray(2)).replace("#!/bin/bash", "")
    assert not [word for word in script.split() if word.startswith(("/", "~"))]


@pytest.mark.parametrize("time", ["2:00:00", "90:00", "1-12", "1-12:30", "1-12:30:00", "0-1"])
def test_times_as_slurm_takes_them(time):
    assert f"--time={time}\n" in job_array(JobArray(2, time=time))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shards": 0}, "--shards 0: write a number from 1 to 1000"),
        ({"shards": 1001}, "--shards 1001"),
        ({"time": "2h"}, "--time 2h: write hours:minutes:seconds"),
        ({"time": "120"}, "--time 120"),
        ({"time": "0:00:00"}, "--time 0:00:00"),
        ({"time": "1:00\n#SBATCH --uid=0"}, "--time 1:00"),
        ({"memory": "8"}, "--memory 8: write a whole number with its unit"),
        ({"memory": "0G"}, "--memory 0G"),
        ({"memory": "8 GB"}, "--memory 8 GB"),
        ({"cpus": 0}, "--cpus 0"),
        ({"partition": "a;b"}, "--partition a;b: write its name"),
        ({"partition": ""}, "--partition"),
        ({"arguments": ("towns", "--set", "title=x\nrm -r y")}, "line break"),
    ],
)
def test_a_value_that_slurm_would_misread_is_refused(wrong, said):
    with pytest.raises(UsageError) as caught:
        job_array(JobArray(**{"shards": 4, **wrong}))
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UsageError) as caught:
        job_array(JobArray(0, "x", "y", 0, "?"))
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(("runs", "shards"), [(0, 1), (1, 1), (8, 1), (9, 2), (500, 63), (100_000, 1000)])
def test_a_task_gets_about_eight_runs_where_nobody_says(runs, shards):
    assert shards_for(runs) == shards
