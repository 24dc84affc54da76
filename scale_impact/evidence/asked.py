"""``si.evidence()``: all studies' rows and published numbers as a table, from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scale_impact.core.keys import checked
from scale_impact.core.project import Project
from scale_impact.evidence.query import query

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["estimates", "checks", "units", "studies", "papers"]


@checked
def evidence(
    where: str | None = None, *, sql: str | None = None, table: Table = "estimates", project: Path | str | None = None
) -> pd.DataFrame:
    """Rows of all studies of a project, or of what others have published.

    Parameters
    ----------
    where:
        A condition on the table, such as ``"kind = 'overall' and role = 'primary'"``; without one of estimates the overall ones, of
        the other tables all rows.
    sql:
        A whole query instead, over the tables ``estimates``, ``checks``, ``units``, ``studies`` and ``papers``.
    table:
        The table that is asked.
    project:
        The project's folder; default the one around the working folder.

    Raises
    ------
    UsageError
        There is no project, or a query that cannot be answered.
    SourceError
        Results or published numbers that cannot be read.
    """
    found = Project.find(None if project is None else Path(project))
    return query(found.studies, where=where, sql=sql, table=table)
