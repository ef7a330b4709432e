"""Which engines can read a Delta table, by its protocol: what a table demands, and what each reader knows.

Source of the features' names: the Delta transaction log protocol, github.com/delta-io/delta, PROTOCOL.md, "Table
Features". What delta-rs does with each is held against real tables by the tests: only what both of its ways to read
take counts. Polars reads through delta-rs. What DuckDB's delta extension knows is by its documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pipelines.config import Reader
from pipelines.errors import TableError
from pipelines.tables.locations import for_delta_rs

DELTA_RS = frozenset({"timestampNtz"})
KNOWN: Mapping[Reader, frozenset[str] | None] = {
    "spark": None,
    "delta-rs": DELTA_RS,
    "polars": DELTA_RS,
    "duckdb": frozenset({"columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}),
}
"""The reader features that each engine knows; None for one that knows all."""
DEFAULTS = "spark.databricks.delta.properties.defaults."
"""How Spark's settings begin that give new tables their properties."""
_OFF = {"false", "none", "classic", ""}
_FEATURE_OF = {
    "columnMapping.mode": "columnMapping",
    "enableDeletionVectors": "deletionVectors",
    "checkpointPolicy": "v2Checkpoint",
    "enableTypeWidening": "typeWidening",
    "enableVariantShredding": "variantShredding-preview",
}


def demanded(location: str) -> frozenset[str]:
    """The features that whoever reads the Delta table must know.

    Args:
        location: the table's folder.

    Raises:
        TableError: delta-rs, which all of the project's own reads need, cannot even open it.
    """
    try:
        return features_of(DeltaTable(for_delta_rs(location)))
    except DeltaError as error:
        raise TableError(
            f"the table at {location} cannot be opened by delta-rs",
            expected="a Delta table without features that delta-rs does not know",
            found=error,
            remedy=f"in Spark: ALTER TABLE delta.`{location}` DROP FEATURE, of the feature that is named",
        ) from error


def features_of(table: DeltaTable) -> frozenset[str]:
    """The features that whoever reads an open Delta table must know."""
    protocol = table.protocol()
    features = set(protocol.reader_features or ())
    if protocol.min_reader_version == 2:  # noqa: PLR2004 - by the protocol, the version that means this one feature
        features.add("columnMapping")
    return frozenset(features)


def demanded_by(settings: Mapping[str, str]) -> dict[str, str]:
    """The features that tables made under these Spark settings would demand, each with the setting that says so."""
    found = {}
    for name, value in settings.items():
        if not name.startswith(DEFAULTS) or str(value).lower() in _OFF:
            continue
        known = name.removeprefix(DEFAULTS)
        feature = _FEATURE_OF.get(known) or (known.removeprefix("feature.") if known.startswith("feature.") else None)
        if feature is not None:
            found[feature] = f"{name}={value}"
    return found


def unread(features: Iterable[str], readers: Iterable[Reader]) -> dict[Reader, list[str]]:
    """The features that some of the readers do not know, by reader.

    >>> unread(["deletionVectors"], ["spark", "delta-rs"])
    {'delta-rs': ['deletionVectors']}
    """
    wanted = set(features)
    known = {reader: KNOWN[reader] for reader in readers}
    lacking = {reader: sorted(wanted - has) for reader, has in known.items() if has is not None}
    return {reader: missing for reader, missing in lacking.items() if missing}


def require_readable(location: str, readers: Iterable[Reader]) -> None:
    """Check that all of these readers can read a table.

    Raises:
        TableError: it demands a feature that one of them does not know; with the way to take it off.
    """
    lacking = unread(demanded(location), readers)
    if lacking:
        features = sorted({feature for missing in lacking.values() for feature in missing})
        drop = "; ".join(f"ALTER TABLE delta.`{location}` DROP FEATURE {feature}" for feature in features)
        raise TableError(
            f"the table at {location} cannot be read by all of the environment's 'readers'",
            expected="a table that demands nothing they do not know",
            found=_listed(lacking),
            remedy=f"in Spark: {drop}; or take these readers out of the environment's 'readers'",
        )


def require_readable_defaults(settings: Mapping[str, str], readers: Iterable[Reader]) -> None:
    """Check that tables made under these Spark settings could be read by all of the readers.

    Raises:
        TableError: a setting gives new tables a feature that one of them does not know.
    """
    demands = demanded_by(settings)
    lacking = unread(demands, readers)
    if lacking:
        blamed = sorted({demands[feature] for missing in lacking.values() for feature in missing})
        raise TableError(
            "new tables could not be read by all of the environment's 'readers'",
            expected="Spark settings that keep Delta tables plain",
            found=f"{', '.join(blamed)}: {_listed(lacking)}",
            remedy="take the setting away, or these readers out of the environment's 'readers'",
        )


def _listed(lacking: Mapping[Reader, list[str]]) -> str:
    return "; ".join(f"{reader} does not know {', '.join(features)}" for reader, features in lacking.items())
