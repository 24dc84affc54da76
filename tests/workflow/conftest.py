"""One project that was run once, with the shipped template."""

import pytest

from tests.projects import STUDY, command, project

TWO_OUTCOMES = [*STUDY["outcomes"], {"column": "people", "indicator": "inhabitants"}]


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """The project after `scale-impact run towns`, with what was said. Tests only read it."""
    made = project(tmp_path_factory.mktemp("ran") / "project")
    made.study(
        outcomes=TWO_OUTCOMES,
        estimators=["callaway_santanna", "event_study", "twfe"],
        checks=["pre_trends", "leave_one_out", "bacon"],
    )
    made.said = command("run", "towns", cwd=made.root)
    assert made.said.code == 0, made.said.err
    return made
