"""Numbers as people read them, the same in tables and charts."""

from __future__ import annotations

from typing import Any

_WHOLE_FROM = 1000
_MINUTE = 60
_TOO_LONG = 1e15


def count(value: int | None) -> str:
    """A number of rows.

    >>> count(12345), count(None)
    ('12,345', 'unknown')
    """
    return "unknown" if value is None else f"{value:,}"


def percent(share: float) -> str:
    """A share; 100% and 0% are all and nothing, and no rounding of almost.

    >>> percent(0.05291), percent(0.4), percent(0.99998), percent(0.00002), percent(1.0)
    ('5.29%', '40%', '> 99.99%', '< 0.01%', '100%')
    """
    text = f"{share:.2%}"
    if text == "100.00%" and share < 1:
        return "> 99.99%"
    if text == "0.00%" and share > 0:
        return "< 0.01%"
    whole, _, rest = text.removesuffix("%").partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}%" if rest else f"{whole}%"


def number(value: Any) -> str:
    """Any number; a whole one with its thousands apart.

    >>> number(1234.0), number(0.3714812), number(1234567.8), number(1e300), number(None)
    ('1,234', '0.3715', '1,234,568', '1e+300', '')
    """
    if value is None:
        return ""
    if abs(value) >= _TOO_LONG:
        return f"{value:.4g}"
    if float(value).is_integer() or abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def short(value: float) -> str:
    """A number beside an axis.

    >>> short(950), short(12500), short(3e6), short(1e300), short(0.25)
    ('950', '12.5k', '3M', '1e+300', '0.25')
    """
    if abs(value) >= _TOO_LONG:
        return f"{value:.4g}"
    for least, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= least:
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[letter]:.4g}{letter}"
    return f"{value:,.4g}" if abs(value) < _WHOLE_FROM else f"{value:,.0f}"


def seconds(value: float) -> str:
    """How long something took.

    >>> seconds(0.1421), seconds(17.93), seconds(125), seconds(7260)
    ('0.14 s', '17.9 s', '2 min 5 s', '2 h 1 min')
    """
    if value < _MINUTE:
        return f"{value:.2f} s" if value < 1 else f"{value:.3g} s"
    whole = round(value)
    if whole < _MINUTE * _MINUTE:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // (_MINUTE * _MINUTE)} h {whole % (_MINUTE * _MINUTE) // _MINUTE} min"


def several(number_of: int, thing: str, things: str | None = None) -> str:
    """A number of things.

    >>> several(1, "slice"), several(2, "slice"), several(2, "day of it", "days of it")
    ('1 slice', '2 slices', '2 days of it')
    """
    return f"{number_of:,} {thing if number_of == 1 else things or f'{thing}s'}"
