"""Typed configuration: light to import, so that a DAG file may."""

from pipelines.config.loading import load_pipeline, load_project, pipeline_names, sql_text, suite_path
from pipelines.config.models import (
    Environment,
    FeatureFunction,
    Model,
    Output,
    Pipeline,
    Project,
    Reader,
    SliceFilter,
    Source,
    TableName,
)
from pipelines.config.policy import HistoryGate, Limits, Policy
from pipelines.config.scheduling import OnFailure, Scheduling
from pipelines.config.text_format import TextFormat

__all__ = [
    "Environment",
    "FeatureFunction",
    "HistoryGate",
    "Limits",
    "Model",
    "OnFailure",
    "Output",
    "Pipeline",
    "Policy",
    "Project",
    "Reader",
    "Scheduling",
    "SliceFilter",
    "Source",
    "TableName",
    "TextFormat",
    "load_pipeline",
    "load_project",
    "pipeline_names",
    "sql_text",
    "suite_path",
]
