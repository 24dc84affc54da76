"""Data sets that an installed package ships."""

import bz2
import lzma
import os
import pickle
import sys

import pandas as pd
import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import read
from tests.panels import ROOT
from tests.projects import Place, sha256, write_yaml


@pytest.fixture
def card(tmp_path, monkeypatch):
    """A package `townsdata` on the path, with a file and a trap in its code; writes cards for it."""
    package = tmp_path / "site" / "townsdata"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the code of the package ran')\n")
    (package / "towns.csv").write_text("town,jobs\n01,5\n")
    monkeypatch.syspath_prepend(str(package.parent))
    columns = {"town": {"unit": "none", "meaning": "code", "type": "text"}, "jobs": {"unit": "jobs", "meaning": "jobs"}}

    def write(**changes):
        keys = {
            "title": "Towns", "origin": "x", "licence": "CC0", "kind": "package", "package": "townsdata",
            "file": "towns.csv", "sha256": sha256(package / "towns.csv"), "columns": columns, **changes,
        }  # fmt: skip
        return write_yaml(tmp_path / "data/sources/towns.yaml", {k: v for k, v in keys.items() if v is not ...})

    return write


def problem(path):
    with pytest.raises(SourceError) as caught:
        read(path, Place(path.parents[2]).root)
    (found,) = caught.value.problems
    return found


def test_a_file_of_a_package_is_read_without_running_its_code(card, tmp_path):
    assert read(card(), tmp_path).to_dict("list") == {"town": ["01"], "jobs": [5]}
    assert "townsdata" not in sys.modules


def test_a_package_that_is_not_installed_is_named_with_what_to_type(card):
    assert problem(card(package="nosuchdata")) == (
        "The package 'nosuchdata' is not installed. Install it: pip install nosuchdata"
    )


@pytest.mark.parametrize("name", ["nosuch.sub", ".x", "__main__", "sys", "a b"])
def test_what_is_no_package_is_refused(card, name):
    assert f"The package {name!r} is not installed." in problem(card(package=name))


def test_a_card_of_kind_package_without_a_package_is_refused(card):
    assert "needs the key `package`" in problem(card(package=...))


def test_a_file_that_the_package_does_not_ship_is_refused(card):
    assert "has no file datasets/towns.csv" in problem(card(file="datasets/towns.csv"))


def test_another_version_of_the_file_is_refused_with_both_hashes(card):
    found = problem(card(sha256="0" * 64))
    assert "0" * 64 in found
    assert "sha256 is " in found


@pytest.mark.parametrize(
    ("name", "shape", "first"),
    [
        ("indiana_enterprise_zones", (198, 5), {"city": 1, "year": 1980, "uclms": 166746, "ez": 0}),
        ("north_andover_houses", (321, 16), {"year": 1978, "rprice": 60000, "nearinc": 1}),
    ],
)
def test_a_shipped_source_is_read_as_its_authors_published_it(name, shape, first):
    # first rows as printed in Wooldridge's data descriptions of ezunem and kielmc
    frame = read(ROOT / f"data/sources/{name}.yaml", ROOT)
    assert frame.shape == shape
    assert {k: frame[k][0] for k in first} == first


# ---- pickled tables --------------------------------------------------------------------------------------


TOWNS = pd.DataFrame({"town": ["Arica", None], "jobs": [5, 7], "rate": [0.5, float("nan")]})


@pytest.fixture
def pickled(card, tmp_path):
    """A card of a pickle in the package, whatever it holds, packed or not."""

    def write(content, pack=lambda body: body, name="towns.pkl", **changes):
        path = tmp_path / "site/townsdata" / name
        path.write_bytes(pack(pickle.dumps(content) if not isinstance(content, bytes) else content))
        columns = {c: {"unit": "none", "meaning": c} for c in ("town", "jobs", "rate")}
        return card(**{"file": name, "format": "pickle", "sha256": sha256(path), "columns": columns, **changes})

    return write


@pytest.mark.parametrize("kind", ["object", "str"])
@pytest.mark.parametrize("pack", [lambda body: body, lzma.compress, bz2.compress], ids=["plain", "xz", "bz2"])
def test_a_pickled_table_is_read_packed_or_not(pickled, tmp_path, pack, kind):
    found = read(pickled(TOWNS.astype({"town": kind}), pack), tmp_path)
    assert found["jobs"].tolist() == [5, 7]
    assert found["town"][0] == "Arica"
    assert found["town"].isna().tolist() == found["rate"].isna().tolist() == [False, True]
    assert "townsdata" not in sys.modules


class Trap:
    """What a hostile pickle does: it calls."""

    def __init__(self, call, *given):
        self.made = call, given

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize("call", [os.mkdir, eval, getattr, open])
def test_a_pickle_that_calls_anything_is_not_opened(pickled, tmp_path, call):
    target = tmp_path / "trapped"
    found = problem(pickled(Trap(call, str(target))))
    assert (
        f"towns.pkl names {call.__module__}.{call.__name__}, which no table of numbers and texts is built of." in found
    )
    assert found.endswith("It is not opened.")
    assert not target.exists()


def test_a_pickle_within_a_table_is_not_opened_either(pickled, tmp_path):
    frame = pd.DataFrame({"town": pd.Series([Trap(os.mkdir, str(tmp_path / "trapped"))], dtype=object)})
    assert "mkdir" in problem(pickled(frame))
    assert not (tmp_path / "trapped").exists()


def test_a_pickle_is_read_only_where_the_card_says_that_it_is_one(pickled, tmp_path):
    with pytest.raises(SourceError):
        read(pickled(TOWNS.astype({"town": object}), format=...), tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1}, "holds no data frame (it holds dict)"),
        (b"no pickle at all", "cannot be read as a pickled table"),
        (pickle.dumps(TOWNS)[:50], "cannot be read as a pickled table"),
        (lzma.compress(pickle.dumps(TOWNS))[:60], "cannot be read as a pickled table"),
    ],
)
def test_what_is_no_pickled_table_is_said(pickled, content, said):
    assert said in problem(pickled(content))
