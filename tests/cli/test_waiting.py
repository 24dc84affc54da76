"""Studies whose data have to be pulled first: left as they are where all are meant, an error where they are named."""

import json

import pytest

from tests.projects import sha256, towns


@pytest.fixture
def pulled(place):
    """The study `towns`, whose data are not in the store yet, and a function that puts them there."""
    content = towns().to_csv(index=False).encode()
    place.data(text=content, address="https://example.org/towns.csv", file="towns.csv")
    (place.root / "towns.csv").unlink()

    def pull():
        path = place.root / "data/raw/towns/undated/towns.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    place.study(template="quick")
    return pull


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_named_study_without_its_data_is_an_error_that_says_how_to_get_them(place, cli, pulled, verb):
    place.study(template="quick", variants={"a": {"level": 0.9}, "b": {"level": 0.8}})
    before = place.snapshot()
    answer = cli(verb, "towns")
    assert answer.code == 11
    assert answer.err.count("scale-impact data pull towns") <= 2
    assert "scale-impact data pull towns" in answer.err
    assert "Traceback" not in answer.err
    assert place.snapshot() == before


@pytest.mark.parametrize("verb, said", [("check", "not checked"), ("run", "not run"), ("verify", "not verified")])
def test_where_all_studies_are_meant_one_without_its_data_is_left_as_it_is(place, cli, pulled, verb, said):
    answer = cli(verb)
    assert answer.code == 0, answer.err
    assert f"towns: {said}, its data are not here. Get them: scale-impact data pull towns" in answer.out


def test_once_they_are_there_the_study_runs_and_stays_up_to_date_without_them(place, cli, pulled):
    path = pulled()
    assert cli("run", "towns").code == 0
    rows = [json.loads(line) for line in (place.results / "estimates.jsonl").read_text().splitlines()]
    path.unlink()
    assert "up to date" in cli("plan", "towns").out
    assert "up to date" in cli("run").out
    assert rows[0]["n_units"] == 12


def test_pulled_data_that_changed_in_the_store_are_refused_with_how_to_get_them_again(place, cli, pulled):
    path = pulled()
    path.write_text(path.read_text().replace("2001", "2002", 1))
    answer = cli("check", "towns")
    assert answer.code == 11
    assert sha256(path) in answer.err
    assert "Delete it and get it again: scale-impact data pull towns" in answer.err


def test_verifying_a_published_study_by_name_without_its_data_says_how_to_get_them(place, cli, pulled):
    path = pulled()
    assert cli("run", "towns").code == 0
    path.unlink()
    answer = cli("verify", "towns")
    assert answer.code == 15
    assert "scale-impact data pull towns" in answer.out
