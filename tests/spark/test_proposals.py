"""What is proposed of a table for a pipeline: its date, its key, and a model's inputs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from support.kinds import kept

from pipelines.errors import UnguessedError, UsageError
from pipelines.models.signature import ModelInput
from pipelines.onboarding.feature_proposal import propose_features
from pipelines.onboarding.source_proposal import DATE_FORMATS, plain, propose_date, propose_key
from pipelines.transforms.features import columns_used
from pipelines.validation.conditions import literal

pytestmark = pytest.mark.spark
ODD = ["größe", "a.b", "wind speed", "tick`ed", "1st"]
FIRST = dt.date(2013, 1, 1)


def texts(spark: SparkSession, *days: str | None) -> DataFrame:
    return spark.createDataFrame([(number, day) for number, day in enumerate(days)], "id INT, day STRING")


def answers(*given: str) -> tuple[Callable[[str, str], str], list[str]]:
    """A person who gives these answers, and what they were asked."""
    left, questions = list(given), []

    def ask(question: str, default: str) -> str:
        questions.append(question)
        return left.pop(0) or default

    return ask, questions


def test_a_name_reads_as_a_column_whatever_it_is(spark: SparkSession) -> None:
    keywords = [row["keyword"].lower() for row in spark.sql("SELECT keyword FROM sql_keywords()").collect()]
    names = [*ODD, *keywords]
    frame = spark.range(1).select(*[F.lit("2013-01-01").alias(name) for name in names])
    ways = ["{}", "CAST({} AS DATE)", "try_to_timestamp({}, 'yyyy')", "{0} || '-' || {0}", "{} = DATE'2013-01-01'"]
    for way in ways:
        assert columns_used(frame, [way.format(plain(name)) for name in names]) == set(names)
    assert [plain(name) for name in ("day", "wind_speed", "case")] == ["day", "wind_speed", "case"]


def test_days_before_months_are_read_as_most_rows_have_them(spark: SparkSession) -> None:
    frame = texts(spark, *[f"{day:02}/01/2013" for day in range(1, 21)])
    date = propose_date(frame, None)
    assert (date.selection[1], date.last) == (
        "CAST(try_to_timestamp(day, 'd/M/yyyy') AS DATE) = :score_date", dt.date(2013, 1, 20)
    )  # fmt: skip
    assert date.warning == ""


def test_dates_are_read_as_people_and_programs_write_them(spark: SparkSession) -> None:
    written = {
        "spreadsheet": "9/3/2003",
        "oracle": "03-SEP-03",
        "month": "3-Sep-2003",
        "iso": "2003-09-03T23:59:59",
        "json": "2003-09-03T21:59:59.000Z",
        "pandas": "2003-09-03 23:59:59.123456789+00:00",
        "zone": "2003-09-04T00:30:00+02:00",
    }
    ways = [F.expr(f"CAST(try_to_timestamp(day, {literal(pattern)}) AS DATE)") for pattern in DATE_FORMATS]
    rows = texts(spark, *written.values()).select(F.coalesce(*ways)).collect()
    observed = dict(zip(written, [day for (day,) in rows], strict=True))
    assert observed == dict.fromkeys(written, dt.date(2003, 9, 3))


def test_a_suite_is_profiled_on_the_newest_days_that_have_rows(spark: SparkSession) -> None:
    years = [f"{year}-01-01" for year in range(1970, 2010)]
    assert propose_date(texts(spark, *years), None).profiled_from == dt.date(1982, 1, 1)


def test_texts_that_are_no_dates_are_counted_and_told(spark: SparkSession) -> None:
    frame = texts(spark, *["01/20/2013"] * 6, "20/01/2013", "soon", None)
    date = propose_date(frame, None)
    assert date.evidence == (
        "text, 1 days from 2013-01-20 to 2013-01-20, 1 row without, 2 rows not readable as M/d/yyyy"
    )
    assert date.warning == "3 rows without a date in 'day': of no slice, and never scored"


def test_dates_that_read_both_ways_are_told(spark: SparkSession) -> None:
    date = propose_date(texts(spark, "01/02/2013", "03/04/2013"), None)
    assert date.evidence.endswith(", read as M/d/yyyy; d/M/yyyy fits as well")
    assert date.warning == "the dates in 'day' fit M/d/yyyy, which is taken, and d/M/yyyy: check which is meant"


def test_a_missing_part_makes_no_date(spark: SparkSession) -> None:
    rows = [(2013, 1, 1), (2013, 1, 2), (2013, 2, None)]
    date = propose_date(spark.createDataFrame(rows, "year INT, month INT, day INT"), None)
    assert (date.first, date.last) == (FIRST, dt.date(2013, 1, 2))
    assert date.evidence.endswith(", 1 row without")


def test_a_date_of_birth_is_no_date_of_a_row_unless_a_person_says_so(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, FIRST), (2, FIRST)], "id INT, client_dob DATE")
    with pytest.raises(UnguessedError, match="no column of the source tells a date"):
        propose_date(frame, None)
    assert propose_date(frame, "client_dob").column == "client_dob"


def test_columns_named_like_personal_data_become_keys_only_where_nothing_else_does(spark: SparkSession) -> None:
    rows = [(FIRST, "a@x", "a", 1), (FIRST, "b@x", "a", 2), (FIRST, "c@x", "b", 1)]
    frame = spark.createDataFrame(rows, "day DATE, email STRING, shop STRING, number INT")
    date = propose_date(frame, None)
    assert set(propose_key(frame, date, ()).columns) == {"shop", "number"}
    assert propose_key(frame.drop("number"), date, ()).columns == ("email",)
    with pytest.raises(UnguessedError, match="no combination of up to 4 columns"):
        propose_key(frame.drop("number", "email"), date, ())


@pytest.mark.parametrize(
    ("name", "in_tables"),
    kept(
        [
            ("Order Number", "order_number"),
            ("order.no", "order_no"),
            ("id (new)", "id_new"),
            ("a=b", "a_b"),
            ("tick`s", "tick_s"),
            ("Schlüssel", "Schlüssel"),
            ("Score_Date", "score_date_key"),
            ("mask_id", "key_mask_id"),
            ("1st", "key_1st"),
            ("№ ", "key"),
        ],
        lambda case: case[0] in ("order.no", "tick`s", "Score_Date", "№ "),
    ),
)
def test_a_key_that_tables_cannot_call_so_has_another_name_there(
    spark: SparkSession, name: str, in_tables: str
) -> None:
    frame = spark.createDataFrame([(FIRST, 1), (FIRST, 2)], ["day", name])
    for wanted in ([], [name]):
        key = propose_key(frame, propose_date(frame, "day"), wanted)
        assert (key.columns, key.names) == ((name,), (in_tables,))
        assert key.key_from == ({} if name == in_tables else {in_tables: name})


def test_a_key_that_is_given_and_not_unique_is_told(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(FIRST, 1), (FIRST, 1)], "day DATE, id INT")
    key = propose_key(frame, propose_date(frame, None), ["id"])
    assert key.warning.startswith("key id: 1 distinct in 2 rows")


@pytest.fixture(scope="module")
def winds(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([("1.5", 2, "3")], "`wind speed` STRING, wind INT, `größe` STRING")


def wanted(name: str, *, required: bool = True) -> list[ModelInput]:
    return [ModelInput(name, T.DoubleType(), required)]


def test_enter_takes_the_nearest_column_quoted_and_cast(winds: DataFrame) -> None:
    ask, _ = answers("")
    (feature,) = propose_features(winds, wanted("wind_speeds"), {}, ask)
    assert (feature.sql, feature.comment) == (
        "TRY_CAST(`wind speed` AS DOUBLE)", "as given; the source has string, the model takes double; 1 of 1 readable"
    )  # fmt: skip


def test_a_cast_is_proposed_with_what_it_keeps_and_refused_where_it_keeps_nothing(spark: SparkSession) -> None:
    rows = [(text, rooms) for text, rooms in (("12,50", 5.9), ("3.5%", 4.0), ("1,234", None), (None, 2.5))]
    frame = spark.createDataFrame(rows, "price STRING, rooms DOUBLE")
    with pytest.raises(UsageError, match="0 of 3 readable") as caught:
        propose_features(frame, wanted("price"), {}, None)
    assert "--feature price=SQL, such as CAST(replace(price, ',', '.') AS DOUBLE)" in str(caught.value)
    (feature,) = propose_features(frame, [ModelInput("rooms", T.LongType())], {}, None)
    assert feature.sql == "CAST(rooms AS BIGINT)"
    assert feature.comment == "the source has double, the model takes bigint; 1 of 3 kept as they are"
    assert feature.warning == (
        "input rooms: 1 of 3 kept as they are by CAST(rooms AS BIGINT); the others' rows are refused"
    )
    (feature,) = propose_features(frame, wanted("rooms"), {}, None)
    assert (feature.comment, feature.warning) == ("", "")


def test_a_column_given_by_an_option_is_one_too(winds: DataFrame) -> None:
    (feature,) = propose_features(winds, wanted("x"), {"x": "größe"}, None)
    assert feature.sql == "TRY_CAST(`größe` AS DOUBLE)"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("wnd + 1", "neither a column of the source nor an SQL expression"),
        ("wind spd", "neither a column of the source nor an SQL expression"),
        ("wind +", "neither a column of the source nor an SQL expression"),
        ("sum(wind)", "neither a column of the source nor an SQL expression"),
        ("explode(array(wind))", "neither a column of the source nor an SQL expression"),
        ("wind), (wind", "neither a column of the source nor an SQL expression"),
        ("upper(`wind speed`)", "the model takes double; found: upper(`wind speed`), which is string (write CAST("),
    ],
)
def test_a_wrong_answer_is_asked_again(winds: DataFrame, answer: str, problem: str) -> None:
    ask, questions = answers(answer, "wind * 2 -- knots")
    (feature,) = propose_features(winds, wanted("x"), {}, ask)
    assert problem in questions[1]
    assert questions[1].endswith(questions[0])
    assert (feature.sql, feature.comment) == ("wind * 2 -- knots", "as given")
    with pytest.raises(UsageError, match="input 'x'"):
        propose_features(winds, wanted("x"), {"x": answer}, None)


def test_no_answer_leaves_out_only_what_the_model_can_go_without(winds: DataFrame) -> None:
    ask, _ = answers("")
    assert propose_features(winds, wanted("qqq", required=False), {}, ask) == []
    ask, questions = answers("", "", "")
    with pytest.raises(UsageError, match="neither a column"):
        propose_features(winds, wanted("qqq"), {}, ask)
    assert len(questions) == 3
