"""What a model was made with, against what is installed here: its requirements compared, package by package."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

CANNOT_BE_COMPARED = "cannot be compared"


@dataclass(frozen=True)
class Mismatch:
    """One requirement that this process does not meet.

    Args:
        package: its normalised name, `python` for the interpreter, or the line itself where it names no package.
        wanted: the versions that the model asks for, or why they are not known.
        found: the version that is installed; None where none is.
    """

    package: str
    wanted: str
    found: str | None


def mismatches(requirements: Sequence[str], python_version: str | None) -> tuple[Mismatch, ...]:
    """What the model asks for and this process does not have, in the order of the requirements.

    Extras are not looked at; neither are the packages that the packages named need themselves.

    Args:
        requirements: the lines of the model's requirements.txt (PEP 508).
        python_version: the Python that the model was made with; only major and minor count. None: not known.
    """
    found = [] if python_version is None else _python(python_version)
    for line in logical_lines(requirements):
        found += _line(line)
    return tuple(found)


def as_table(found: Sequence[Mismatch]) -> str:
    """The mismatches as lines of plain text under a heading; empty where there is none.

    >>> print(as_table([Mismatch("scikit-learn", "==1.7.2", "1.9.1"), Mismatch("shap", ">=0.40", None)]))
    package       wanted   found
    scikit-learn  ==1.7.2  1.9.1
    shap          >=0.40   not installed
    """
    if not found:
        return ""
    rows = [("package", "wanted", "found")]
    rows += [(item.package, item.wanted, _found(item)) for item in found]
    first, second = (max(len(row[place]) for row in rows) for place in (0, 1))
    return "\n".join(f"{row[0]:<{first}}  {row[1]:<{second}}  {row[2]}".rstrip() for row in rows)


def logical_lines(requirements: Sequence[str]) -> Iterator[str]:
    r"""The lines as pip reads them: continued ones joined, without comments and empty lines.

    >>> list(logical_lines(["# made by hand", "", "numpy==1.26 \\", "    --hash=sha256:ab", "pandas  # frames"]))
    ['numpy==1.26 --hash=sha256:ab', 'pandas']
    """
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(requirements))
    for line in joined.splitlines():
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        if text:
            yield text


def requirement_of(line: str) -> Requirement | None:
    """What a line asks for; None where it is an option, a path or an address that names no package."""
    without_options = re.split(r"\s--", line, maxsplit=1)[0]
    try:
        return Requirement(without_options)
    except InvalidRequirement:
        return None


def without_password(text: str) -> str:
    """The text without the users and passwords of the addresses in it.

    >>> without_password("--index-url https://me:secret@example.org/simple")
    '--index-url https://…@example.org/simple'
    """
    return re.sub(r"://[^/\s]+@", "://…@", text)


def major_minor(version: str) -> str:
    """The first two numbers of a version.

    >>> major_minor("3.11.7")
    '3.11'
    """
    return ".".join(version.strip().split(".")[:2])


def _python(wanted: str) -> list[Mismatch]:
    here = platform.python_version()
    return [] if major_minor(wanted) == major_minor(here) else [Mismatch("python", major_minor(wanted), here)]


def _line(line: str) -> list[Mismatch]:
    requirement = requirement_of(line)
    if requirement is None:
        return [Mismatch(without_password(line), CANNOT_BE_COMPARED, None)]
    if requirement.marker is not None and not requirement.marker.evaluate():
        return []
    name = canonicalize_name(requirement.name)
    installed = _installed(name)
    if requirement.url is not None:
        return [Mismatch(name, CANNOT_BE_COMPARED, installed)]
    # An installed pre-release is what there is, whether or not the requirement would have chosen it.
    if installed is not None and _holds(requirement, installed):
        return []
    return [Mismatch(name, str(requirement.specifier) or "any version", installed)]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _holds(requirement: Requirement, installed: str) -> bool:
    try:
        return requirement.specifier.contains(installed, prereleases=True)
    except InvalidVersion:  # an old or home-made package whose version has no order
        return False


def _found(item: Mismatch) -> str:
    if item.found is not None:
        return item.found
    return "" if item.wanted == CANNOT_BE_COMPARED else "not installed"
