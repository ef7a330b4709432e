"""Which plans take each row of a table by itself: for all others, slices must not share a scan."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from pipelines.inputs.row_wise import is_row_wise

pytestmark = pytest.mark.spark

ALIAS = "__orders_0123"
EACH_ROW_BY_ITSELF = [
    "SELECT * FROM orders",
    "SELECT o.day, o.id + 1 AS id FROM orders o WHERE id > 1",
    "SELECT * FROM (SELECT * FROM orders WHERE id > 1) x WHERE shop = 1",
    "SELECT o.*, s.size FROM orders o LEFT JOIN shops s ON o.shop = s.shop",
    "SELECT o.*, s.size FROM shops s JOIN orders o ON o.shop = s.shop",
    "SELECT o.*, s.size FROM shops s RIGHT JOIN orders o ON o.shop = s.shop",
    "SELECT * FROM orders CROSS JOIN shops",
    "SELECT * FROM orders o LEFT SEMI JOIN shops s ON o.shop = s.shop",
    "SELECT * FROM orders o LEFT ANTI JOIN shops s ON o.shop = s.shop",
    "SELECT * FROM orders LEFT JOIN (SELECT shop, max(size) AS most FROM shops GROUP BY shop) USING (shop)",
]
NOT_CERTAIN = [
    "SELECT *, row_number() OVER (PARTITION BY shop ORDER BY id) AS place FROM orders",
    "SELECT * FROM (SELECT *, max(id) OVER () AS most FROM orders) orders",  # an alias of the table's own name
    "SELECT * FROM (SELECT * FROM orders LIMIT 3) orders",
    "SELECT day, max(id) AS id FROM orders GROUP BY day",
    "SELECT DISTINCT * FROM orders",
    "SELECT * FROM orders LIMIT 3",
    "SELECT * FROM orders ORDER BY id",
    "SELECT * FROM orders UNION ALL SELECT * FROM orders",
    "WITH some AS (SELECT * FROM orders) SELECT * FROM some",
    "SELECT a.* FROM orders a JOIN orders b ON a.shop = b.shop",
    "SELECT * FROM orders a LEFT JOIN (SELECT shop, count(*) AS n FROM orders GROUP BY shop) USING (shop)",
    "SELECT o.*, s.size FROM shops s LEFT JOIN orders o ON o.shop = s.shop",
    "SELECT * FROM orders FULL JOIN shops USING (shop)",
    "SELECT * FROM orders WHERE id > (SELECT avg(id) FROM orders)",
    "SELECT *, (SELECT max(id) FROM orders) AS most FROM orders",
    "SELECT * FROM orders WHERE shop IN (SELECT shop FROM shops)",
    "SELECT * FROM orders o LEFT JOIN (SELECT shop, (SELECT max(id) FROM orders) AS m FROM shops) USING (shop)",
    "SELECT o.* FROM orders o JOIN (SELECT s.shop, l.m FROM shops s, LATERAL (SELECT max(id) AS m FROM orders "
    "WHERE orders.shop = s.shop) l) x ON o.shop = x.shop",
    "SELECT *, rand() AS chance FROM orders",
    "SELECT *, uuid() AS name FROM orders",
    "SELECT day, explode(array(1, 2)) AS copy FROM orders",
    # The day is not the table's own any more.
    "SELECT date_add(day, 0) AS day, id FROM orders",
    "SELECT id FROM orders",
    "SELECT o.id, s.opened AS day FROM orders o JOIN shops s ON o.shop = s.shop",
]


@pytest.fixture(scope="module")
def session(spark: SparkSession) -> SparkSession:
    """A session with a view of some days of orders, and one of shops."""
    mine = spark.newSession()
    orders = mine.range(10).selectExpr("DATE'2024-03-01' + CAST(id AS INT) AS day", "id", "id % 3 AS shop")
    orders.where("day < DATE'2024-03-06'").alias(ALIAS).createOrReplaceTempView("orders")
    shops = mine.range(3).selectExpr("id AS shop", "10 * id AS size", "DATE'2020-01-01' AS opened")
    shops.createOrReplaceTempView("shops")
    return mine


@pytest.mark.parametrize("query", EACH_ROW_BY_ITSELF)
def test_a_plan_that_takes_each_row_by_itself_is_seen(session: SparkSession, query: str) -> None:
    assert is_row_wise(session.sql(query), ALIAS, "day")


@pytest.mark.parametrize("query", NOT_CERTAIN)
def test_a_plan_of_which_that_is_not_certain_is_none(session: SparkSession, query: str) -> None:
    assert not is_row_wise(session.sql(query), ALIAS, "day")


def test_what_is_made_of_the_rows_counts_too(session: SparkSession) -> None:
    rows = session.sql("SELECT * FROM orders")
    assert is_row_wise(rows.selectExpr("*", "id * 2 AS twice").where("twice > 2"), ALIAS)
    assert not is_row_wise(rows.selectExpr("*", "sum(id) OVER (PARTITION BY shop) AS total"), ALIAS)
    assert not is_row_wise(rows.dropDuplicates(["shop"]), ALIAS)
    assert not is_row_wise(rows.sample(0.5), ALIAS)


def test_rows_of_another_table_are_none_of_it(session: SparkSession) -> None:
    assert not is_row_wise(session.sql("SELECT * FROM shops"), ALIAS)
