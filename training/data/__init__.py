"""Data sets: the import schema, the importers, the synthetic world, and the log as columns."""
