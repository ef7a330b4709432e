"""Why a slice is not published, in the order in which a person asks: the cause, then the limits that it broke."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pipelines.errors import RejectedError
from pipelines.resolution.resolved_run import Resolved
from pipelines.runs.auditing import NEVER_ACCEPTED
from pipelines.tables.stages import Stage
from pipelines.validation.verdict import CheckResult, Counts, Verdict, described

MODEL = "limit:model_raised_rows"
"""The gate that holds what the model raised."""
MOST_RULES = 3


def rejection(
    resolved: Resolved, stage: Stage, failed: Sequence[CheckResult], verdict: Verdict, counts: Counts
) -> RejectedError:
    """The error of a run that gates have stopped.

    Args:
        resolved: the run.
        stage: its rows, which stay as evidence.
        failed: the checks that stopped it.
        verdict: all checks.
        counts: the run's rows.
    """
    name, day, run_id = resolved.definition.pipeline.name, resolved.slice.score_date, resolved.manifest.run_id
    bad = f"the refused rows by `lakescore quarantine show {name} --run {run_id}`, " if counts.quarantined else ""
    cause, *others = _found(failed, verdict, counts)
    return RejectedError(
        f"the slice {day} of '{name}' is rejected, and what was published before stays: {cause}",
        found="; ".join([cause, *others]),
        expected="; ".join(f"{result.check_id}: {result.expected}" for result in _causes_first(failed)),
        remedy=f"look at `lakescore runs show {run_id}`, {bad}and all rows in {stage.rows}; "
        + _mend(f"lakescore score {name} --date {day}{_version(resolved)}", failed, verdict, counts),
        run_id=run_id,
        checks=tuple(result.check_id for result in failed),
    )


def _version(resolved: Resolved) -> str:
    """The options that score with this run's version again, where a person chose it in place of the configured one."""
    configured, model = resolved.definition.pipeline.model, resolved.manifest.model
    is_chosen = model.alias is None and configured.version != model.version
    return f" --model-version {model.version} --force" if is_chosen else ""


def describe(failed: Sequence[CheckResult], verdict: Verdict, counts: Counts) -> str:
    """What was found, the cause first: what the model raised, the rules that refused most rows, then the gates."""
    return "; ".join(_found(failed, verdict, counts))


def _found(failed: Sequence[CheckResult], verdict: Verdict, counts: Counts) -> list[str]:
    is_of_quarantine = any(_is_of_quarantine(result) for result in failed)
    causes = [
        result
        for result in verdict.results
        if result.check_id == MODEL and (result in failed or (is_of_quarantine and result.unexpected_count))
    ]
    gates = [result for result in failed if result.check_id != MODEL]
    limited = [result for result in verdict.results if result.check_id in _limited(failed)]
    rules = limited + [result for result in _refusing(verdict) if is_of_quarantine and result not in limited]
    return [
        *[f"{result.check_id}: {described(result)} ({_share(result, counts)})" for result in causes],
        *[f"{result.check_id}: {_effect(result)} {_share(result, counts)}" for result in rules[:MOST_RULES]],
        *[f"{result.check_id}: {described(result)}" for result in gates],
    ]


def _causes_first(failed: Sequence[CheckResult]) -> list[CheckResult]:
    """What the model raised, then checks of the data, then limits, which those break."""
    return sorted(failed, key=lambda result: (result.check_id != MODEL, result.check_id.startswith("limit:")))


def _is_of_quarantine(result: CheckResult) -> bool:
    """Whether a gate only counts the rows that all rules have refused."""
    return result.check_id.startswith("limit:quarantined_") or result.check_id == "audit:some_rows_scored"


def _limited(failed: Sequence[CheckResult]) -> set[str]:
    """The rules that have a limit of their own which failed: `limit:RULE:rows` or `limit:RULE:share`."""
    found = [re.fullmatch(r"limit:(.+):(?:rows|share)", result.check_id) for result in failed]
    return {limit[1] for limit in found if limit is not None}


def _effect(rule: CheckResult) -> str:
    return "broken by" if rule.action == "warn" else "refused"


def _refusing(verdict: Verdict) -> list[CheckResult]:
    return [result for result in verdict.broken_rules() if result.action != "warn"]


def _share(result: CheckResult, counts: Counts) -> str:
    rows = result.unexpected_count or 0
    return f"{rows} of {counts.input} rows" + (f", {rows / counts.input:.1%}" if counts.input else "")


def _mend(command: str, failed: Sequence[CheckResult], verdict: Verdict, counts: Counts) -> str:
    checks = [result.check_id for result in failed]
    if NEVER_ACCEPTED.isdisjoint(checks):
        waivers = " ".join(f"--accept {shlex.quote(check)}" for check in checks)
        return f"to publish all the same: {command} {waivers} --reason …"
    if any(result.check_id == MODEL and result.unexpected_count for result in verdict.results):
        return "mend the model or the features that it is given, and run again"
    if counts.input and not counts.scored and _refusing(verdict):
        return f"mend the input or the rule '{_refusing(verdict)[0].check_id}', and run again"
    if not counts.input and "audit:some_rows_scored" in checks:
        return "see that the input has the day's rows, and run again; where days may be without, say `empty: accept`"
    return "mend the input, and run again"
