"""What validation costs beside a bare pass over the data: ours, Great Expectations' engine, and filters by hand.

    python -m benchmarks.validation [ROUNDS] [ROWS]

Twenty row-level expectations on 2,000,000 rows of 28 columns, with few and with many partitions. All peers run in one
process in turn, each round anew; the least seconds of a peer count. A scan is one read of every row, by Spark's own
count of records read; ours within a pass reads the data once and its own bits once. All must find the same counts.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipelines.expressions.masks import absence_names, mask_names
from pipelines.expressions.rendering import is_broken
from pipelines.spark import start
from pipelines.transforms.staging import tagged
from pipelines.validation.binding import bound
from pipelines.validation.compiling import Checks, compile_suite
from pipelines.validation.engine import CHEAP, engine_report
from pipelines.validation.observing import Observed, tallies
from pipelines.validation.suite import parse_suite
from pipelines.validation.validating import validate
from pipelines.validation.verdict import judge_pass

PARTITIONS = (2, 64)
DOUBLES, WHOLES, TEXTS = 20, 4, 4
SPARK = {
    "spark.master": "local[2]",
    "spark.driver.memory": "3g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    # One partition a file.
    "spark.sql.files.maxPartitionBytes": str(2**30),
    "spark.sql.files.openCostInBytes": str(2**30),
}
Counts = dict[str, int]
TUNED = {**CHEAP, "return_unexpected_index_query": True}


def expectations() -> list[dict[str, Any]]:
    """Twenty row-level expectations of the kinds that suites are made of."""
    found: list[tuple[str, dict[str, Any]]] = []
    found += [("column_values_to_not_be_null", {"column": f"d{number}"}) for number in range(5)]
    between = {"min_value": 0.0, "max_value": 0.9999}
    found += [("column_values_to_be_between", {"column": f"d{number}", **between}) for number in range(5, 11)]
    found += [
        ("column_values_to_be_in_set", {"column": f"t{number}", "value_set": list("abcdefg")}) for number in (0, 1)
    ]
    found += [("column_values_to_match_regex", {"column": f"t{number}", "regex": "^[a-g]$"}) for number in (2, 3)]
    found += [("column_value_lengths_to_equal", {"column": f"t{number}", "value": 1}) for number in (0, 2)]
    pair = {"column_A": "w0", "column_B": "w1", "or_equal": True}
    found += [("column_pair_values_a_to_be_greater_than_b", pair)]
    found += [("column_values_to_not_be_in_set", {"column": f"w{number}", "value_set": [13, 666]}) for number in (2, 3)]
    return [
        {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"check_id": str(number)}}
        for number, (kind, kwargs) in enumerate(found)
    ]


def make_data(spark: SparkSession, rows: int, partitions: int, folder: str) -> None:
    """Columns of random numbers and letters, of which a few in ten thousand break an expectation."""
    rare = F.rand(7) < 0.0003
    columns = [F.when(F.rand(100 + n) >= 0.0002, F.rand(n)).alias(f"d{n}") for n in range(DOUBLES)]
    columns += [(F.rand(200) * 1000).cast("int").alias("w0"), F.when(rare, 2000).otherwise(-1).alias("w1")]
    columns += [(F.rand(200 + n) * 10_000).cast("int").alias(f"w{n}") for n in range(2, WHOLES)]
    letter = [F.chr((F.lit(97) + F.floor(F.rand(300 + n) * 7)).cast("int")) for n in range(TEXTS)]
    columns += [F.when(rare, F.lit("zz")).otherwise(letter[n]).alias(f"t{n}") for n in range(TEXTS)]
    spark.range(0, rows, 1, partitions).select(*columns).write.mode("overwrite").parquet(folder)


def bare(frame: DataFrame, checks: Checks) -> Counts:
    """Every column read and written to nowhere."""
    frame.write.format("noop").mode("overwrite").save()
    return {}


def ours(frame: DataFrame, checks: Checks) -> Counts:
    """The same write with each row's bits beside it, and the counts taken from the bits: what a run adds to its pass.

    A run writes the bits to its stage, which its audit reads; here they lie beside the data already.
    """
    tagged(frame, checks.rules).write.format("noop").mode("overwrite").save()
    row = kept_bits(frame, checks).agg(*tallies(checks.rules, ())).first()
    observed = Observed({} if row is None else row.asDict(), checks.rules, ())
    results = judge_pass(checks, observed, [], frame.schema)
    return {result.check_id: result.unexpected_count or 0 for result in results}


def ours_alone(frame: DataFrame, checks: Checks) -> Counts:
    """The suite judged without any write, as `lakescore validate` does."""
    return {result.check_id: result.unexpected_count or 0 for result in validate(frame, checks).results}


def kept_bits(frame: DataFrame, checks: Checks) -> DataFrame:
    """The bits of the rows as a stage keeps them; written once."""
    folder = Path(frame.inputFiles()[0].removeprefix("file:")).parent
    place = folder.with_name(f"{folder.name}-bits")
    names = [*mask_names(checks.rules), *absence_names(checks.rules)]
    if not place.exists():
        tagged(frame, checks.rules).select(*names).write.parquet(str(place))
    schema = ", ".join(f"{name} BIGINT" for name in names)
    return frame.sparkSession.read.schema(schema).parquet(str(place))


def by_great_expectations(settings: dict[str, Any] | None, *, persist: bool) -> Callable[[DataFrame, Checks], Counts]:
    """Great Expectations' own engine: by its defaults, or as cheap as its settings allow."""

    def judge(frame: DataFrame, checks: Checks) -> Counts:
        report = engine_report(frame, checks.suite, settings, persist=persist)
        frame.unpersist()
        return {item.expectation_config.meta["check_id"]: item.result["unexpected_count"] for item in report.results}

    return judge


def by_hand(frame: DataFrame, checks: Checks) -> Counts:
    """The usual hand-written way: a filter and a count for each."""
    return {rule.id: frame.where(is_broken(rule)).count() for rule in checks.rules}


PEERS: dict[str, Callable[[DataFrame, Checks], Counts]] = {
    "bare write": bare,
    "ours, within a pass": ours,
    "ours, alone": ours_alone,
    "Great Expectations, tuned": by_great_expectations(TUNED, persist=False),
    "Great Expectations, default": by_great_expectations(None, persist=True),
    "a filter and a count each": by_hand,
}


class Watch:
    """Counts the jobs and scans of what runs between two looks, by Spark's own store of what it did."""

    def __init__(self, spark: SparkSession, rows: int) -> None:
        self._context: Any = spark.sparkContext._jsc.sc()
        self._nothing = spark.sparkContext._gateway.new_array(spark.sparkContext._jvm.double, 0)  # type: ignore[union-attr]
        self._no_status = spark.sparkContext._jvm.java.util.ArrayList()  # type: ignore[union-attr]
        self._rows = rows
        self._seen = self._totals()

    def look(self) -> tuple[int, float]:
        """Jobs and scans since the last look."""
        before, self._seen = self._seen, self._totals()
        return self._seen[0] - before[0], (self._seen[1] - before[1]) / self._rows

    def _totals(self) -> tuple[int, int]:
        self._context.listenerBus().waitUntilEmpty()
        store = self._context.statusStore()
        stages = store.stageList(None, False, False, self._nothing, self._no_status)
        read = sum(stages.apply(number).inputRecords() for number in range(stages.size()))
        return store.jobsList(None).size(), read


def measure(spark: SparkSession, folder: str, rows: int, rounds: int) -> dict[str, tuple[float, int, float]]:
    """The least seconds of each peer, with its jobs and scans."""
    frame = spark.read.parquet(folder)
    suite = parse_suite(json.dumps({"name": "suite", "expectations": expectations()}), "suite")
    checks = bound(compile_suite(suite), frame)
    watch = Watch(spark, rows)
    taken: dict[str, tuple[float, int, float]] = {}
    counted: dict[str, Counts] = {}
    for _ in range(rounds):
        for name, judge in PEERS.items():
            frame = spark.read.parquet(folder)
            watch.look()
            begin = time.perf_counter()
            counted[name] = judge(frame, checks)
            seconds = time.perf_counter() - begin
            jobs, scans = watch.look()
            taken[name] = min(taken.get(name, (seconds, jobs, scans)), (seconds, jobs, scans))
    found = [counts for name, counts in counted.items() if name != "bare write"]
    if any(counts != found[0] for counts in found):
        raise AssertionError(f"the peers found different counts: {counted}")
    return taken


def show(taken: dict[str, tuple[float, int, float]], title: str) -> None:
    """The table of one measurement, and the ratios that matter."""
    table = Table(box=SIMPLE_HEAD, title=title)
    table.add_column("peer")
    for name in ("seconds", "jobs", "scans", "added to the write", "ours added, times"):
        table.add_column(name, justify="right")
    write = taken["bare write"][0]
    added = taken["ours, within a pass"][0] - write
    for name, (seconds, jobs, scans) in taken.items():
        more = f"{added:.2f}" if name == "ours, within a pass" else ""
        times = "" if name.startswith(("ours, within", "bare")) else f"{seconds / added:.1f}"
        table.add_row(name, f"{seconds:.2f}", str(jobs), f"{scans:.1f}", more, times)
    console = Console(width=120)
    console.print(table)
    console.print(f"ours adds {added / write:.2f} of the bare write\n")


def main(rounds: int, rows: int) -> None:
    """Make the data, measure, print."""
    warnings.simplefilter("ignore")
    folder = tempfile.mkdtemp(prefix="lakescore-benchmark-")
    spark = start({**SPARK, "spark.ui.retainedJobs": "100000", "spark.ui.retainedStages": "100000"}, "benchmark")
    try:
        for partitions in PARTITIONS:
            place = str(Path(folder) / str(partitions))
            make_data(spark, rows, partitions, place)
            measure(spark, place, rows, 1)  # to warm up
            show(measure(spark, place, rows, rounds), f"{rows:,} rows of 28 columns, {partitions} partitions")
    finally:
        spark.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000)
