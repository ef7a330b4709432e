"""From a pipeline's YAML to its DAG; imports Airflow and the light configuration only."""
