"""Options of a text format as a person types them."""

from __future__ import annotations

import pytest

from pipelines.errors import UsageError
from pipelines.onboarding.text_options import parse_options


def test_options_are_typed_as_the_configuration_has_them() -> None:
    typed = {"separator": ";", "decimal": ",", "line_breaks": "False", "nulls": ",NA,-"}
    assert parse_options(typed) == {"separator": ";", "decimal": ",", "line_breaks": False, "nulls": ("", "NA", "-")}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"seperator": ";"}, "there is no option 'seperator'"),
        ({"separator": ";;"}, "separator: String should have at most 1 character"),
        ({"header": "perhaps"}, "header: Input should be a valid boolean"),
        ({"encoding": "utf-9"}, "no encoding of that name is known"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_so_is_refused(typed: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match="--text") as caught:
        parse_options(typed)
    assert told in str(caught.value)
