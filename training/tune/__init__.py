"""Searching for how a model is trained best: Ray Tune with Optuna and ASHA."""
