"""Features offline: the log as columns, its state at a moment, and the examples that models train on."""
