"""The Delta tables: their logs, slices, publishing, quarantine, ledger and stages.

Small reads and writes of metadata go through delta-rs, which needs no Spark; data goes through Spark.
"""
