"""Dask data frames come down to the moments of the same data in memory, partition by partition."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DataError, DesignError
from tests.streamed import adopters, assert_same, in_memory, with_gaps

dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")

FIRST = {"first_treated": "g", "control": "not_yet"}


@pytest.fixture(autouse=True)
def here():
    """All tasks in this thread, unless a test says otherwise."""
    with dask.config.set(scheduler="synchronous"):
        yield


def partitions(frame, order="by unit", n=4):
    """A Dask frame whose partitions end within units."""
    lying = frame if order == "by unit" else frame.sample(frac=1, random_state=3)
    return dd.from_pandas(lying.reset_index(drop=True), npartitions=n, sort=False)


def streamed(frame, *, unit="id", **more):
    return si.stream_dask(frame, unit=unit, period="t", outcome="y", **more)


@pytest.mark.parametrize("cluster", [None, "state"])
@pytest.mark.parametrize("order", ["by unit", "in none"])
def test_partitions_in_any_order_give_the_moments_of_the_frame(order, cluster):
    frame = adopters()
    options = {"cluster": cluster, **FIRST}
    assert_same(streamed(partitions(frame, order), **options), in_memory(frame, **options))


def test_partitions_side_by_side_are_not_shuffled(monkeypatch):
    frame = partitions(adopters())
    monkeypatch.setattr(type(frame), "shuffle", None)
    assert_same(streamed(frame, **FIRST), in_memory(adopters(), **FIRST))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
@pytest.mark.parametrize("balance", ["drop", "repeated_cross_sections"])
@pytest.mark.parametrize("ids", ["decimal", "text", "date"])
def test_units_with_gaps_are_treated_as_balance_says(ids, balance, scheduler):
    frame = with_gaps(adopters(2, ids=ids))
    options = {"balance": balance, **FIRST}
    with dask.config.set(scheduler=scheduler):
        assert_same(streamed(partitions(frame, "in none"), **options), in_memory(frame, **options))


def test_a_column_of_zeros_and_ones_and_rows_without_an_outcome():
    frame = adopters(3)
    frame.loc[np.random.default_rng(1).choice(len(frame), 25, replace=False), "y"] = np.nan
    options = {"treated": "treated", "control": "not_yet", "balance": "drop", "missing": "drop"}
    assert_same(streamed(partitions(frame, "in none"), **options), in_memory(frame, **options))


def test_periods_may_be_dates_and_units_named_in_a_mapping():
    frame = adopters(5, dates=True, ids="text")
    assert_same(streamed(partitions(frame), **FIRST), in_memory(frame, **FIRST))
    named = {"cohorts": {"u003": "2002-01-01", "u050": "2004-01-01"}}
    assert_same(streamed(partitions(frame), **named), in_memory(frame, **named))


def test_repeated_cross_sections_without_units():
    frame = adopters(n=200).sample(frac=0.9, random_state=1)
    options = {"unit": None, "cluster": "state", **FIRST}
    assert_same(streamed(partitions(frame, "in none"), **options), in_memory(frame, **options))


def test_a_partition_may_be_empty_and_units_a_category():
    frame = adopters()
    given = partitions(frame, n=3)
    given = dd.concat([given.loc[[]], given], interleave_partitions=True)
    assert_same(streamed(given, **FIRST), in_memory(frame, **FIRST))
    text = adopters(ids="text")
    category = partitions(text.assign(id=text["id"].astype("category")), "in none")
    assert_same(streamed(category, **FIRST), in_memory(text, **FIRST))


@pytest.mark.parametrize("order", ["by unit", "in none"])
def test_what_is_wrong_is_said_as_of_the_frame(order):
    frame = adopters()
    bad = {
        "twice": pd.concat([frame, frame.iloc[[3, 200]]]).sort_values(["id", "t"], ignore_index=True),
        "gaps": with_gaps(frame),
        "missing": frame.assign(y=frame["y"].where(frame.index > 3)),
        "varies": frame.assign(g=frame["g"].where(frame.index != 100, 2001)),
        "nobody": frame.assign(g=np.nan),
    }
    for given in bad.values():
        with pytest.raises((DataError, DesignError)) as known:
            in_memory(given, **FIRST)
        with pytest.raises(type(known.value)) as found:
            streamed(partitions(given, order), **FIRST)
        if "is missing in" not in str(known.value):  # the first cells are those of the first partition
            assert found.value.problems == known.value.problems


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="There is no column 'gg' in the data"):
        streamed(partitions(adopters()), first_treated="gg")


def test_moments_alone():
    moments = si.Cohorts.from_dask(partitions(adopters()), unit="id", period="t", outcome="y", first_treated="g")
    whole = in_memory(adopters(), **FIRST)[1]
    assert moments.starts.tolist() == whole.starts.tolist()


def test_a_cluster_of_workers_gives_the_same():
    distributed = pytest.importorskip("distributed")
    frame = adopters(ids="text")
    quiet = {"dashboard_address": None, "n_workers": 1, "threads_per_worker": 2, "processes": False}
    with (
        dask.config.set({"distributed.worker.memory.target": False}),
        distributed.LocalCluster(**quiet) as cluster,
        distributed.Client(cluster),
        dask.config.set(scheduler="distributed"),
    ):
        assert_same(streamed(partitions(frame, "in none"), **FIRST), in_memory(frame, **FIRST))
