"""A look at refused rows takes no more into memory than it shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipelines.tables.quarantine import Refused, RefusedBy
from pipelines.tables.reading import query

DAY, NEXT = dt.date(2024, 3, 1), dt.date(2024, 3, 2)
REASON = pa.struct([("rule", pa.string()), ("column", pa.string()), ("message", pa.string())])


def reason(rule: str, number: int) -> dict[str, str]:
    return {"rule": rule, "column": "amount", "message": f"amount is {number}"}


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Nine rows of two days and two runs: all refused by one rule, the last of each day by another, too."""
    rows = [
        {
            "score_date": day, "run_id": run, "row": f'{{"id": {number}}}',
            "reasons": [reason("it's small", number), *([reason("odd", number)] if number % 3 == 2 else [])],
        }
        for number, (day, run) in enumerate([(NEXT, "b")] * 3 + [(DAY, "a")] * 3 + [(DAY, "again")] * 3)
    ]  # fmt: skip
    schema = pa.schema([("score_date", pa.date32()), ("run_id", pa.string()), ("row", pa.string()),
                        ("reasons", pa.list_(REASON))])  # fmt: skip
    write_deltalake(str(tmp_path / "table"), pa.Table.from_pylist(rows, schema=schema), partition_by=["score_date"])
    return Refused(str(tmp_path / "table"), DAY, NEXT, {"a", "b"})


def test_rows_are_counted_and_dates_told(refused: Refused) -> None:
    assert (refused.count(), replace(refused, runs=None).count(), replace(refused, runs=set()).count()) == (6, 9, 0)
    assert refused.dates() == [DAY, NEXT]
    assert replace(refused, first=NEXT).dates() == [NEXT]


def test_a_row_with_two_reasons_counts_for_both(refused: Refused) -> None:
    assert refused.by_rule() == [
        RefusedBy(DAY, "it's small", "amount", 3, "amount is 3"), RefusedBy(DAY, "odd", "amount", 1, "amount is 5"),
        RefusedBy(NEXT, "it's small", "amount", 3, "amount is 0"), RefusedBy(NEXT, "odd", "amount", 1, "amount is 2"),
    ]  # fmt: skip


def test_of_a_rule_only_its_own_rows_are_found_with_all_their_reasons(refused: Refused) -> None:
    odd = replace(refused, rule="odd")
    assert odd.count() == 2
    (row,) = odd.some(1)
    assert (row["score_date"], row["row"]) == (DAY, '{"id": 5}')
    assert [found["rule"] for found in row["reasons"]] == ["it's small", "odd"]
    assert replace(refused, rule="unknown").some(3) == []
    assert refused.rules() == {"it's small", "odd"}


def test_only_so_many_rows_are_read(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.tables import quarantine

    taken: list[int] = []

    def watched(*arguments: object) -> pa.Table:
        found = query(*arguments)  # type: ignore[arg-type]
        taken.append(found.num_rows)
        return found

    monkeypatch.setattr(quarantine, "query", watched)
    assert [row["row"] for row in refused.some(2)] == ['{"id": 3}', '{"id": 4}']
    assert (refused.count(), taken) == (6, [2, 1])
