"""Shards: every run in exactly one, in the same one everywhere."""

from collections import Counter
from dataclasses import dataclass

import pytest

from scale_impact.errors import UsageError
from scale_impact.workflow.shards import parsed_shard, shard, shard_of


@dataclass(frozen=True)
class Named:
    """What a shard looks at of a run."""

    name: str


RUNS = [Named(f"city-{k // 10}/variant-{k % 10}") for k in range(400)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 1000])
def test_every_run_is_in_exactly_one_shard(count):
    dealt = Counter(run for index in range(1, count + 1) for run in shard(RUNS, f"{index}/{count}"))
    assert dealt == Counter(RUNS)


def test_a_shard_keeps_the_order_of_its_runs():
    part = shard(RUNS, "2/3")
    assert part == [run for run in RUNS if run in part]


def test_other_studies_do_not_move_a_run():
    alone = [shard_of(run.name, 8) for run in RUNS[:10]]
    assert [run for k in range(1, 9) for run in shard(RUNS[:10], f"{k}/8")] == sorted(
        RUNS[:10], key=lambda r: alone[RUNS.index(r)]
    )
    assert all(run in shard(RUNS, f"{shard_of(run.name, 8)}/8") for run in RUNS[:10])


def test_the_rule_is_the_one_that_is_written_down():
    """SHA-256 of "towns" starts 00f2c07b970605fc (`printf towns | sha256sum`), which modulo 8 is 4 and modulo 100 is 8."""
    assert [shard_of("towns", n) for n in (1, 8, 100)] == [1, 1 + 4, 1 + 0x00F2C07B970605FC % 100]


def test_shards_are_even_as_far_as_a_hash_goes():
    """400 runs in 8 shards are 50 each with standard deviation 6.6: within four of them."""
    sizes = [len(shard(RUNS, f"{k}/8")) for k in range(1, 9)]
    assert all(abs(size - 50) < 27 for size in sizes)


@pytest.mark.parametrize("text", ["2/8", " 2 / 8 ", "02/08"])
def test_a_shard_is_written_as_i_of_n(text):
    assert parsed_shard(text) == (2, 8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0/4", "counted from 1, so here from 1/4 to 4/4"),
        ("5/4", "counted from 1, so here from 1/4 to 4/4"),
        ("1/0", "there are no 0 shards"),
        ("a/b", "write i/n, such as 2/8"),
        ("3", "write i/n, such as 2/8"),
        ("", "write i/n, such as 2/8"),
        ("-1/4", "write i/n, such as 2/8"),
        ("1/4/8", "write i/n, such as 2/8"),
        ("1.5/4", "write i/n, such as 2/8"),
        ("²/4", "write i/n, such as 2/8"),
    ],
)
def test_what_names_no_shard_is_a_usage_error_that_says_what_to_write(text, said):
    with pytest.raises(UsageError) as caught:
        parsed_shard(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--shard {text}: ")


def array(task, count, first, last):
    named = {"ID": task, "COUNT": count, "MIN": first, "MAX": last}
    return {f"SLURM_ARRAY_TASK_{k}": str(v) for k, v in named.items()}


@pytest.mark.parametrize("indices", [range(0, 8), range(1, 9), range(5, 13), range(0, 16, 2), range(3, 4)])
def test_the_tasks_of_a_slurm_array_are_its_shards(indices):
    found = [parsed_shard("slurm", array(k, len(indices), indices[0], indices[-1])) for k in indices]
    assert found == [(k + 1, len(indices)) for k in range(len(indices))]


@pytest.mark.parametrize("given", [array(4, 3, 1, 4), array(2, 3, 1, 5), array(9, 4, 1, 4)])
def test_an_array_with_gaps_is_refused(given):
    with pytest.raises(UsageError, match="is not of a whole array"):
        parsed_shard("slurm", given)


def test_without_slurm_the_variables_that_are_missing_are_named():
    with pytest.raises(
        UsageError, match="SLURM_ARRAY_TASK_COUNT, SLURM_ARRAY_TASK_MIN, SLURM_ARRAY_TASK_MAX are not set"
    ):
        parsed_shard("slurm", {"SLURM_ARRAY_TASK_ID": "3"})
