"""Airflow's DAGs, and what they are made of."""
