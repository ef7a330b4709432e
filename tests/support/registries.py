"""Which registry MLflow's own calls look into."""

from __future__ import annotations


def use_registry(uri: str) -> None:
    """Have MLflow in this process log into this registry, and look `models:/…` up in it.

    Both are one setting of the process, whatever a call is given besides. A test that looks a model up says so first:
    what it finds is else of the test before it, and which one that is depends on the order of the modules.

    Args:
        uri: the registry's.
    """
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
