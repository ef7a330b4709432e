"""How a model is asked for predictions."""
