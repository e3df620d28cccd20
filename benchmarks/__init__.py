"""Load generator, micro-benchmarks and comparisons, each beside its physical ceiling."""
