"""What computes the ranker's predictions: which backend, whether it may, and how processes of its own are asked."""
