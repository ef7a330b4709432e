"""The drawings of the documentation: whole, by themselves, shown with a text in their place, in the code's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints
from xml.etree import ElementTree

import pytest
from support.documented_commands import ROOT

from pipelines.backfills import slice_state
from pipelines.runs.results import Result
from pipelines.tables import ledger

SVG = "{http://www.w3.org/2000/svg}"
DRAWINGS = sorted((ROOT / "docs/images").glob("*.svg"))


def references(drawing: str) -> Iterator[str]:
    """What an SVG would fetch or run: anything but a mention of its own parts."""
    for element in ElementTree.fromstring(drawing).iter():
        if element.tag.removeprefix(SVG) in ("script", "image", "foreignObject"):
            yield element.tag
        for name, value in element.attrib.items():
            if name.rpartition("}")[2] in ("href", "src") and not value.startswith("#"):
                yield value
            if name.startswith("on"):
                yield name
        for text in (element.text or "", *element.attrib.values()):
            yield from re.findall(r"@import.*|url\((?!#)[^)]*\)|\w+://\S+", text)


def shown(drawing: Path) -> list[str]:
    """The texts in its place, of each page that shows it."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = []
    for page in pages:
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if (page.parent / target).resolve() == drawing:
                found.append(text)
    return found


def words(drawing: str, kind: str) -> list[str]:
    """The texts of one class, in their order."""
    tree = ElementTree.parse(ROOT / "docs/images" / drawing)
    texts = [text for text in tree.iter(f"{SVG}text") if kind in text.get("class", "").split()]
    return ["".join(text.itertext()) for text in texts]


@pytest.mark.parametrize("drawing", DRAWINGS, ids=[drawing.name for drawing in DRAWINGS])
def test_a_drawing_is_whole_by_itself_and_has_a_title(drawing: Path) -> None:
    content = drawing.read_text(encoding="utf-8")
    root = ElementTree.fromstring(content)
    for name in ("title", "desc"):
        told = root.find(f"{SVG}{name}")
        assert told is not None
        assert (told.text or "").strip()
    assert list(references(content)) == []


@pytest.mark.parametrize("drawing", DRAWINGS, ids=[drawing.name for drawing in DRAWINGS])
def test_a_drawing_is_shown_with_a_text_in_its_place(drawing: Path) -> None:
    texts = shown(drawing)
    assert texts
    assert all(text.strip() for text in texts)


@pytest.mark.parametrize(
    "part",
    [
        '<image href="https://example.org/x.png"/>',
        '<use href="other.svg#a"/>',
        "<script>1</script>",
        "<style>@import 'x.css';</style>",
        '<rect style="fill: url(other.svg#a)"/>',
        '<rect onclick="1"/>',
    ],
)
def test_a_reference_would_be_found(part: str) -> None:
    assert list(references(f'<svg xmlns="http://www.w3.org/2000/svg">{part}</svg>'))


def test_a_mention_of_its_own_parts_is_none() -> None:
    assert not list(references('<svg xmlns="http://www.w3.org/2000/svg"><path marker-end="url(#to)"/></svg>'))


def test_the_life_of_a_run_has_the_states_of_the_ledger() -> None:
    observed = words("run-states.svg", "state")
    assert sorted(observed) == sorted(get_args(ledger.State))


def test_the_life_of_a_run_has_the_outcomes_of_runs_with_nothing_to_do() -> None:
    observed = words("run-states.svg", "outcome")
    assert sorted(observed) == sorted(set(get_args(get_type_hints(Result)["outcome"])) - {"published"})


def test_the_states_of_a_slice_are_those_of_a_plan() -> None:
    observed = words("slice-states.svg", "state")
    assert sorted(observed) == sorted(get_args(slice_state.State))
