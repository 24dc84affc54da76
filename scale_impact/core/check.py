"""Check: the verdict of a test of the design, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["pass", "fail", "inconclusive", "inapplicable"]


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes
    ----------
    check:
        Key of the check.
    verdict:
        ``pass``, ``fail``, ``inconclusive`` or ``inapplicable``.
    reason:
        The finding in one or two sentences.
    statistic, p_value:
        Of the test, where there is one.
    of:
        Key of the estimator that it judges; None: the study's primary one.
    details:
        Anything a figure or a reader needs, as JSON knows it.
    """

    check: str
    verdict: Verdict
    reason: str
    statistic: float | None = None
    p_value: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    of: str | None = None

    @classmethod
    def inapplicable(cls, check: str, reason: str) -> Check:
        """The check cannot be asked of this design."""
        return cls(check, "inapplicable", reason)

    def row(self) -> dict[str, Any]:
        """The check as in checks.jsonl."""
        return {
            "check": self.check,
            "verdict": self.verdict,
            "reason": self.reason,
            "statistic": self.statistic,
            "p_value": self.p_value,
            "details": dict(self.details),
        }
