"""How fast models score on Spark: ours beside MLflow's UDF, Spark's batch UDF, pandas by hand, and no Spark at all.

    python -m benchmarks.scoring [--quick] [--models NAME ...] [--shapes NAME ...] [--rounds N]
    python -m benchmarks.scoring.memory
    python -m benchmarks.scoring.isolated

Each peer runs in processes of its own, over the same Delta table and the same model, on two cores with one thread a
task: first twice for nothing, then as often as asked. All peers must give the same predictions. The limit is what Spark
needs to read the rows, and the predictor alone then to predict them from memory in two processes.
"""
