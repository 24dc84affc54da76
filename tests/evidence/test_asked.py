"""`si.evidence()`: the tables from Python."""

import time

import pytest

import scale_impact.evidence as room
from scale_impact.errors import UsageError
from scale_impact.evidence.asked import evidence
from scale_impact.evidence.query import TABLES


def test_the_room_itself_can_be_asked(place):
    place.study("a")
    assert room(project=place.root)["study"].tolist() == ["a"]
    assert evidence("estimate > 5", project=place.root)["study"].tolist() == ["a"]


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_its_columns_also_where_there_is_nothing(place, table):
    assert tuple(evidence(table=table, project=place.root).columns) == TABLES[table]


def test_studies_and_papers_can_be_stacked(place):
    place.study("a")
    place.papers({})
    sql = "SELECT study, estimate FROM estimates UNION ALL SELECT study, estimate FROM papers ORDER BY study"
    assert evidence(sql=sql, project=place.root)["study"].tolist() == ["a", "miller-2020"]


def test_broken_published_numbers_are_in_nobodys_way_who_does_not_ask_for_them(place):
    place.study("a")
    place.papers({"measure": "zonne"})
    assert len(evidence(project=place.root)) == 1


def test_options_that_there_are_not_are_refused(place):
    with pytest.raises(UsageError, match="Did you mean 'table'"):
        room(tabel="papers", project=place.root)
    with pytest.raises(UsageError, match="table is 'paper'"):
        room(table="paper", project=place.root)
    with pytest.raises(UsageError, match="not both"):
        evidence("true", sql="SELECT 1", project=place.root)


def test_five_hundred_studies_are_asked_in_seconds(place):
    for k in range(500):
        place.study(
            f"s{k:03d}",
            *({"estimate": float(j), "kind": "overall" if not j else "event_time"} for j in range(10)),
            source=f"x{k}",
        )
    started = time.process_time()
    assert len(evidence(project=place.root)) == 500
    middle = time.process_time()
    assert len(evidence(table="studies", project=place.root)) == 500
    assert middle - started < 2  # seconds of computing: the machine may be busy
    assert time.process_time() - middle < 4
