"""Cases of one kind: CI runs some of them, `make soak` the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def kept(cases: Iterable[Any], in_ci: Callable[[Any], bool]) -> list[Any]:
    """The cases of a parametrized test; those that CI does without are left to `make soak`.

    Args:
        cases: all of them; a case of several parameters is a tuple.
        in_ci: whether CI runs a case.
    """
    return [case if in_ci(case) else pytest.param(*_parameters(case), marks=pytest.mark.soak) for case in cases]


def _parameters(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)
