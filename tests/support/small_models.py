"""The models of the small project: classifiers that are right, one that tells of every row, and many that go wrong."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

from support.registries import use_registry

TOLD = "LAKESCORE_TOLD"
"""The environment variable with the file that the model `counting` tells: each process of tests has its own."""

# A model that tells a file of each load, and of each row that it is asked about.
COUNTING = """
import os
from pathlib import Path

import mlflow

TOLD = Path(os.environ[{variable!r}])
with TOLD.with_suffix(".loads").open("a") as file:
    file.write("load\\n")


class Counting(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        with TOLD.open("a") as file:
            file.write("".join(f"{{value}}\\n" for value in model_input["id"]))
        return model_input["amount"].to_numpy() / 1000


mlflow.models.set_model(Counting())
"""
FUNCTION = """
import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        amount = model_input["amount"].to_numpy()
        {body}


mlflow.models.set_model(Model())
"""
FUNCTIONS = {
    "one_row_short": "return amount[1:] / 1000",
    "slow": '__import__("time").sleep(1)\n        return amount / 1000',
    "lagging": """import pathlib, time
        if 1.0 in set(amount):  # who comes first to this batch takes very long
            try:
                pathlib.Path(__import__("os").environ.get("LAGGED", "/dev/null")).touch(exist_ok=False)
                time.sleep(120)
            except FileExistsError:
                pass
        return amount / 1000""",
    "raising": 'raise RuntimeError("the tree has no root")',
    "sometimes_null": "return [None if value > 380 else value / 1000 for value in amount]",
    "out_of_range": "return amount",
    "wordy": 'return ["much"] * len(amount)',
    "halving": "return amount / 2000",
    "plain": "return amount / 2000",
    "scaled": "return amount / params['scale']",
    "sorting": "return sorted(amount / 1000)",
    "leaking": "return (amount - amount.mean()) / 1000 + 0.5",
    "random": "import numpy; return numpy.random.default_rng().random(len(amount))",
    "poisoned": "return [value / 1000 if value % 100 != 51 else [][int(value)] for value in amount]",
    "deadly": "import os; return [value / 1000 if value != 131 else os._exit(9) for value in amount]",
}
"""Models that go wrong, each in its way, and one that does not."""


def register_models(root: Path, uri: str) -> None:
    """Train or write every model, and register it.

    Args:
        root: the project's folder.
        uri: the registry's.
    """
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    use_registry(uri)
    mlflow.create_experiment("small", artifact_location=(root / "artifacts").as_uri())
    mlflow.set_experiment("small")
    registry = mlflow.MlflowClient()
    pinned = {"pip_requirements": [f"scikit-learn=={importlib.metadata.version('scikit-learn')}"]}

    rng = np.random.default_rng(7)
    inputs = pd.DataFrame(
        {
            "amount": rng.uniform(0, 500, 200),
            "quantity": rng.integers(1, 5, 200).astype("int64"),
            "is_web": rng.integers(0, 2, 200).astype("int32"),
        }
    )
    returned = (inputs["amount"] / 500 + 0.2 * inputs["is_web"] + rng.normal(0, 0.2, 200) > 0.6).astype(int)
    for strength, alias in ((1.0, "champion"), (0.01, "challenger")):
        model = LogisticRegression(C=strength, max_iter=5000).fit(inputs, returned)
        # Of few bits, so that sums are exact: else their last bit depends on which rows share a batch.
        model.coef_, model.intercept_ = (np.round(values * 2**12) / 2**12 for values in (model.coef_, model.intercept_))
        signature = infer_signature(inputs, model.predict(inputs))
        mlflow.sklearn.log_model(model, name="m", signature=signature, registered_model_name="returns", **pinned)
        version = registry.search_model_versions("name = 'returns'", order_by=["version_number DESC"])[0].version
        registry.set_registered_model_alias("returns", alias, version)
    mlflow.sklearn.log_model(model, name="m", registered_model_name="unsigned", **pinned)

    amount = pd.DataFrame({"amount": [1.0]})
    models = {name: (FUNCTION.format(body=body), amount) for name, body in FUNCTIONS.items()}
    counting = COUNTING.format(variable=TOLD)
    for name in ("counting", "counting_again"):
        models[name] = (counting + f"# {name}\n", pd.DataFrame({"id": [1], "amount": [1.0]}))
    for name, (code, example) in models.items():
        file = root / "told" / f"{name}.py"
        file.write_text(code)
        mlflow.pyfunc.log_model(
            name="m",
            python_model=str(file),
            signature=infer_signature(example, np.array([0.5]), params={"scale": 1000.0} if name == "scaled" else None),
            registered_model_name=name,
            **pinned,
        )
    told = Path(os.environ[TOLD])
    told.unlink(missing_ok=True)
    told.with_suffix(".loads").unlink(missing_ok=True)
