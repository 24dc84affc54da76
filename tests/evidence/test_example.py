"""The example of docs/evidence.md runs on the shipped studies, and what is no value to pool is refused with what to do."""

import re

import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import UsageError
from tests.panels import ROOT


def test_the_example_gathers_and_pools(monkeypatch, capsys):
    text = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text.split("## Put together", 1)[1].split("\n## ", 1)[0], re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(ROOT)
    names = {}
    for block in blocks:
        exec(block, names)
    assert len(names["effects"]) >= 2
    assert names["together"].effects is names["effects"]
    own = si.pool(names["own"])
    assert own.predicted_low < own.low < own.mean < own.high < own.predicted_high
    assert capsys.readouterr().out.startswith(str(own.mean))


@pytest.mark.parametrize("table", [pd.DataFrame({"effect": [1.0, 2.0]}), pd.Series([1.0, 2.0]), [1.0, 2.0], None])
def test_a_table_is_no_value_to_pool(table):
    with pytest.raises(UsageError, match=rf"effects is a {type(table).__name__}, .*CityEffects\.of\(.*gather\("):
        si.pool(table)
