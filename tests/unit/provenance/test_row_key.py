"""A row's key as a person types it: named or in order, whatever its values look like."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipelines.errors import UsageError
from pipelines.provenance.row_key import key_of


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = str(tmp_path_factory.mktemp("keys") / "predictions")
    write_deltalake(place, pa.table({"order.no": ["x"], "day": [1], "Schlüssel": ["y"]}))
    return place


@pytest.mark.parametrize(
    ("words", "names", "expected"),
    [
        (["50%/x=y"], ["order.no"], {"order.no": "50%/x=y"}),
        (["order.no=50%/x=y"], ["order.no"], {"order.no": "50%/x=y"}),
        (["=", "3"], ["order.no", "day"], {"order.no": "=", "day": 3}),
        (["day=3", "order.no=a=b"], ["order.no", "day"], {"order.no": "a=b", "day": 3}),
        (["a b=c", "Schlüssel=ü"], ["order.no", "Schlüssel"], {"order.no": "a b=c", "Schlüssel": "ü"}),
    ],
)
def test_what_stands_before_a_sign_and_is_no_columns_name_belongs_to_the_value(
    table: str, words: list[str], names: list[str], expected: dict[str, Any]
) -> None:
    assert key_of(words, names, table, "UTC") == expected


def test_a_name_that_is_mistyped_is_told_with_how_to_write_such_a_value(table: str) -> None:
    with pytest.raises(UsageError, match="the key has no column 'dayy'") as caught:
        key_of(["dayy=3"], ["day"], table, "UTC")
    assert caught.value.remedy == "did you mean 'day'?; where 'dayy=3' is the value itself, write day=dayy=3"
