"""Learning from the stream between two trainings: small, guarded changes of what the ranker predicts."""
