"""Which columns are named as personal data often is: a guess from names alone, no value is looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANYWHERE = re.compile(
    r"""(
    e?mailaddress | email | (tele|cell|home|work|mobile)?phone(number)? | mobilenumber
  | (first|last|middle|full|given|family|maiden|nick)name | surname | forename
  | (applicant|buyer|client|contact|customer|driver|employee|guest|holder|member|owner|passenger|patient|person
    |recipient|student|subscriber|tenant|user)name
  | (home|billing|shipping|postal|street|ip)?address | street(name)? | ip | (post|postal|zip)code
  | ssn | socialsecurity(number)? | passport(number)? | tax(id|number) | nationalid
  | dob | birth(date|dt|day|year|place) | (date|year|place)ofbirth
  | iban | creditcard(number)? | cardnumber | bankaccount(number)?
    )(s|es)?""",
    re.VERBOSE,
)
"""Words that make a column personal wherever they stand in its name, joined: `first_name` and `FirstName` alike.
With `name`, whose it is decides: `patient_name` is personal, `carrier_name` is not."""
_AS_A_WHOLE = re.compile(r"(birth|mail|mobile|name)s?")
"""Words that do so only as the whole name: `mobile` may be a number to call, `mobile_share` is none.
A column that is only called `name` counts: taking it off the list is one word, and what leaked cannot be taken back."""
_BEGINS = frozenset({"is", "has"})
_ENDS = frozenset({"count", "share", "rate", "type", "status", "flag"})
"""A name that begins or ends so tells something of such data and not the data: `has_email`, `address_type`."""
_LONGEST = 3
"""The words of the longest of these: date, of, birth."""


def personal_columns(names: Sequence[str]) -> list[str]:
    """The columns that are named as personal data often is: addresses, names of people, numbers of documents.

    A name is split into its words, at spaces, signs, digits and capitals, and only whole words count.

    >>> personal_columns(["id", "E-Mail", "first_name", "phoneNumber", "street", "carrier_name", "mailings"])
    ['E-Mail', 'first_name', 'phoneNumber', 'street']
    >>> personal_columns(["microphone", "streetcar", "home_address", "customer_ssn", "email_1", "has_email"])
    ['home_address', 'customer_ssn', 'email_1']
    """
    return [name for name in names if _is_personal(_words(name))]


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word.lower() for word in re.split(r"[\W\d_]+", split) if word]


def _is_personal(words: Sequence[str]) -> bool:
    if not words or words[0] in _BEGINS or words[-1] in _ENDS:
        return False
    starts = range(len(words))
    runs = ("".join(words[start:end]) for start in starts for end in range(start + 1, start + _LONGEST + 1))
    return bool(_AS_A_WHOLE.fullmatch("".join(words))) or any(map(_ANYWHERE.fullmatch, runs))
