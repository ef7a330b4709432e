"""What texts of numbers and times look like, as regular expressions that Java and Python read alike."""

from __future__ import annotations

import re

NOT_FINITE = r"[+-]?(?:nan|inf|infinity)"
"""How numbers that are none or infinite are written, in any case."""
TIMESTAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?)?"
ZONE = r"(?: ?(?:Z|UTC|[+-][0-9]{2}:[0-9]{2}))?"


def whole_number(thousands: str) -> str:
    r"""Digits with a sign before them, in groups of three where there is a sign between those; all groups or none.

    >>> bool(re.fullmatch(whole_number("."), "-1.234.567")), bool(re.fullmatch(whole_number("."), "1.23"))
    (True, False)
    """
    if not thousands:
        return r"[+-]?[0-9]+"
    return rf"[+-]?(?:[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]+)"


def floating_number(decimal: str, thousands: str) -> str:
    r"""A whole number with or without decimals, and an exponent.

    >>> [bool(re.fullmatch(floating_number(",", "."), text)) for text in ("1.234,5", "12,50", ",5", "1,234.5", "3,5%")]
    [True, True, True, False, False]
    >>> [bool(re.fullmatch(floating_number(".", ""), text)) for text in ("1e3", "12D", "0x1F", "1,5")]
    [True, False, False, False]
    """
    sign = re.escape(decimal)
    return rf"(?:{whole_number(thousands)}(?:{sign}[0-9]*)?|[+-]?{sign}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def fixed_number(decimal: str, thousands: str, digits: int) -> str:
    r"""A whole number with at most some decimals, apart from zeros at the end.

    >>> [bool(re.fullmatch(fixed_number(".", "", 2), text)) for text in ("1.25", "1.2500", "1.255", "7", ".5")]
    [True, True, False, True, True]
    >>> [bool(re.fullmatch(fixed_number(".", "", 0), text)) for text in ("5.0", "5.9")]
    [True, False]
    """
    sign = re.escape(decimal)
    decimals = rf"{sign}[0-9]{{0,{digits}}}0*"
    alone = rf"|[+-]?{sign}[0-9]{{1,{digits}}}0*" if digits else ""
    return rf"(?:{whole_number(thousands)}(?:{decimals})?{alone})"
