"""How fast models score on Spark: ours beside MLflow's UDF, Spark's batch UDF, pandas by hand, and no Spark at all.

    python -m benchmarks.scoring [--quick] [--models NAME ...] [--shapes NAME ...] [--rounds N]
    python -m benchmarks.scoring.memory
    python -m benchmarks.scoring.isolated

Each peer runs in processes of its own, over the same Delta table and the same model, on two cores with one thread a
task: first twice for nothing, then as often as asked. Each round is a
run of its own: it makes its UDF anew, and what a peer keeps from run to run it keeps by itself. All peers must give the
same predictions. Beside them stands what Spark needs to read every column, and the predictor alone then to predict the
rows from memory in two processes: as quick as a way over Spark's rows could be.
"""
