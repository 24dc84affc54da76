"""Every error of the package: one tree, sorted by who must act, each with its exit code.

An expected error carries all the problems found, so that a user corrects them at once. Each
problem says what is wrong, where, the value seen and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class ScaleImpactError(Exception):
    """An expected error: the command line prints its message and no traceback."""

    exit_code = 1

    def __init__(self, problems: str | Iterable[str], *, where: str | None = None) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        self.where = where
        super().__init__(_message(self.problems, where))


class UsageError(ScaleImpactError):
    """The command line or a call was given something that it does not take."""

    exit_code = 2


class StudyError(ScaleImpactError):
    """A study.yaml, a template or a catalogue entry that a study names has to be corrected."""

    exit_code = 10


class SourceError(ScaleImpactError):
    """A source card, or the file that it describes, has to be corrected."""

    exit_code = 11


class NotPulledError(SourceError):
    """The data of a card lie elsewhere, and ``data pull`` has not fetched them yet."""


class NotInMirrorError(SourceError):
    """A mirror does not have a file of a card."""


class DataError(SourceError):
    """The data read are not a panel: a missing column, a duplicate row, an outcome that is no number."""


class StreamedError(DataError):
    """Single units were asked for of data that were streamed, of which only moments are kept."""


class DesignError(ScaleImpactError):
    """The data and the design cannot answer the question as asked."""

    exit_code = 12


class EstimationError(ScaleImpactError):
    """The estimator cannot give a number for this design."""

    exit_code = 13


class RunError(ScaleImpactError):
    """A notebook raised; the last good results stay as they were."""

    exit_code = 14


class VerificationError(ScaleImpactError):
    """A number differs from the published one."""

    exit_code = 15


def _message(problems: tuple[str, ...], where: str | None) -> str:
    head = f"{where}: " if where else ""
    if len(problems) == 1:
        return head + problems[0]
    bullets = "\n".join(f"  - {p}" for p in problems)
    return f"{head}{len(problems)} problems\n{bullets}"
