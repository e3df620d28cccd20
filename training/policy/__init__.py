"""Bandits before they serve: what they would earn in a synthetic world, and what logs can tell of it."""
