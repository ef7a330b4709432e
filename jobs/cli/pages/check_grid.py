"""The checks slice by slice, as a grid of signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.cli.pages.numbers import number, percent, several
from pipelines.tables.ledger import Entry
from pipelines.validation.verdict import Acceptance, CheckResult, Verdict

MOST_CHECKS = 15
HELD, REFUSES, WARNS, WAIVED, REJECTS, UNKNOWN = "✓", "●", "!", "◆", "✗", "·"
LEGEND = (
    (HELD, "held", "held"),
    (REFUSES, "warn", "refused rows"),
    (WARNS, "warn", "warned"),
    (WAIVED, "warn", "rejects, and a person accepted it"),
    (REJECTS, "bad", "rejected the slice"),
    (UNKNOWN, "none", "not checked"),
)


def found(check: CheckResult) -> str:
    """What a check found: of a rule the rows that break it, of a gate the number that it judged."""
    if check.kind == "rule" and check.observed is not None:
        return f"{several(check.unexpected_count or 0, 'row')}, {percent(1 - check.observed)} of those judged"
    return check.found or number(check.observed) or "nothing"


def check_grid(judged: Sequence[Entry]) -> Mapping[str, object] | None:
    """The checks that did not hold in one of the runs, run by run; None where all held.

    Args:
        judged: runs with a verdict, oldest first.
    """
    columns = [
        (entry, {check.check_id: check for check in Verdict.from_json(entry.verdict).results}) for entry in judged
    ]
    troubles: dict[str, int] = {}
    for _, checks in columns:
        for name, check in checks.items():
            troubles[name] = troubles.get(name, 0) + (not check.success)
    names = sorted((name for name, times in troubles.items() if times), key=lambda name: (-troubles[name], name))
    if not names:
        return None
    return {
        "dates": [entry.score_date.isoformat()[5:] for entry, _ in columns],
        "rows": [
            (name, [_mark(entry, checks.get(name)) for entry, checks in columns], troubles[name])
            for name in names[:MOST_CHECKS]
        ],
        "left_out": len(names[MOST_CHECKS:]),
        "legend": LEGEND,
    }


def rejecting(entry: Entry) -> list[CheckResult]:
    """The checks that kept a run's slice from being published."""
    checks = Verdict.from_json(entry.verdict).results
    return [check for check in checks if check.rejects and check.check_id not in waived(entry)]


def waived(entry: Entry) -> tuple[str, ...]:
    """The checks that a person accepted."""
    return Acceptance.from_json(entry.accepted).checks


def _mark(entry: Entry, check: CheckResult | None) -> tuple[str, str, str]:
    """The sign of one check in one run, its class, and what it found."""
    if check is None:
        return UNKNOWN, "none", "not checked"
    if check.success:
        return HELD, "held", ""
    if check.rejects:
        sign = (WAIVED, "warn") if check.check_id in waived(entry) else (REJECTS, "bad")
    else:
        sign = (REFUSES if check.action == "quarantine" else WARNS, "warn")
    return *sign, f"{entry.score_date}: {found(check)}"
