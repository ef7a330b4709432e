"""What a run reads: files and tables as rows of typed columns, and what Spark's errors over them mean."""
