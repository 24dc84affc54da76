"""How often units are observed, in words; what reading a card loads."""

import subprocess
import sys

import pytest

from scale_impact.core.building.steps import minutes_of


@pytest.mark.parametrize(("every", "n"), [("hour", 60), ("15 minutes", 15), ("1 minute", 1)])
def test_hours_and_their_parts_are_minutes(every, n):
    assert minutes_of(every) == n


@pytest.mark.parametrize("every", ["7 minutes", "0 minutes", "hours", "year"])
def test_what_divides_no_hour_is_refused(every):
    with pytest.raises(ValueError, match="is none of month, week, day, hour or minutes that divide an hour"):
        minutes_of(every)


def test_reading_a_card_loads_no_tables():
    code = "import sys, scale_impact.core.source; sys.exit(bool({'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
