"""What the verbs print: errors to the error stream, results plainly."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scale_impact.core.yaml_file import parse_scalar
from scale_impact.errors import ScaleImpactError, UsageError

if TYPE_CHECKING:
    from scale_impact.workflow.runs import Run


def show_error(error: ScaleImpactError) -> None:
    """Print an expected error, with its traceback where ``--debug`` asks for it."""
    from rich.console import Console
    from rich.text import Text

    if "--debug" in sys.argv:
        traceback.print_exception(error)
    console = Console(stderr=True, soft_wrap=True)
    console.print(Text("error: ", style="bold red") + Text(str(error)))


def leave_with(errors: Sequence[ScaleImpactError]) -> None:
    """Show all errors and end with the exit code of the first; nothing where there is none."""
    for error in {str(error): error for error in errors}.values():  # what several runs share is said once
        show_error(error)
    if errors:
        sys.exit(errors[0].exit_code)


def show_notes(notes: Sequence[str]) -> None:
    """Print what a design leaves out or reads in a particular way."""
    for note in notes:
        print(f"  Note: {note}")


def say_waiting(run: Run, what: str, *, to_errors: bool = False) -> None:
    """Print that a run is left as it is, because its data have to be pulled first."""
    source = run.study.settings.source
    where = sys.stderr if to_errors else sys.stdout
    print(f"{run.name}: {what}, its data are not here. Get them: scale-impact data pull {source}", file=where)


def settings(pairs: Sequence[str]) -> dict[str, object]:
    """``key=value`` pairs with values as YAML 1.2 reads them."""
    problems = [f"--set {p}: write key=value, such as level=0.9." for p in pairs if "=" not in p or p.startswith("=")]
    given: dict[str, list[str]] = {}
    for key, _, value in (p.partition("=") for p in pairs):
        given.setdefault(key, []).append(value)
    twice = {key: values for key, values in given.items() if len(values) > 1}
    problems += [f"--set {key}: given twice ({', '.join(v)}). Leave one out." for key, v in twice.items()]
    if problems:
        raise UsageError(problems)
    return {key: parse_scalar(values[0]) for key, values in given.items()}
