"""Training steps and the Ray Train loops behind them."""
