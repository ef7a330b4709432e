"""The front door: light to import, one order of arguments, and every name of it documented."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from support.documented_commands import ROOT

import lakescore
from lakescore.opening import day_of
from pipelines.config import Project
from pipelines.errors import UsageError
from unit.samples import DAY_1
from unit.slices_without_scoring import Planned, no_session

FUNCTIONS = [name for name in lakescore.__all__ if inspect.isfunction(getattr(lakescore, name))]
PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = ("pyspark", "mlflow", "great_expectations", "pandas", "pyarrow", "deltalake", "numpy")
    program = f"import sys, lakescore; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", lakescore.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(lakescore, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        _ = lakescore.scores


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "open_project"])
def test_all_take_the_project_first_then_the_pipeline_then_days_and_the_session_by_its_name(name: str) -> None:
    parameters = inspect.signature(getattr(lakescore, name)).parameters
    first, second, *_ = parameters
    assert first == "project"
    assert second == ("run_id" if name == "replay_run" else "pipeline")
    if name != "runs":
        assert parameters["spark"].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters["spark"].default is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_tells_of_every_function(name: str) -> None:
    assert f"| `{name}(" in PAGE


def test_the_package_is_typed() -> None:
    assert Path(inspect.getfile(lakescore)).with_name("py.typed").is_file()


def test_a_day_may_be_a_date_or_a_text() -> None:
    assert day_of("2013-07-01") == day_of(day_of("2013-07-01"))
    with pytest.raises(UsageError, match="this is no date"):
        day_of("July 1")


@pytest.mark.parametrize(("accept", "reason"), [(["a_check"], " "), ([], "because")])
def test_what_is_accepted_needs_a_reason_and_the_reverse(project: Project, accept: list[str], reason: str) -> None:
    with pytest.raises(UsageError, match="accepted for a reason"):
        lakescore.score(project, "flight_delays", DAY_1, accept=accept, reason=reason)


def test_a_retraction_needs_a_reason(project: Project) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        lakescore.retract(project, "flight_delays", DAY_1, reason=" ")


def test_a_row_of_predictions_is_key_enough(planned: Planned) -> None:
    run = planned.publish(planned.manifest())
    row = {"customer": 1, "score_date": DAY_1, "model_name": "churn", "run_id": run.run_id}
    answer = lakescore.why(planned.project, "churn", row, spark=no_session, quick=True)
    assert (answer.status, answer.score_date) == ("scored", DAY_1)
    assert answer.run is not None
    assert answer.run.run_id == run.run_id
