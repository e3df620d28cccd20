"""Selectors: which candidates go on, and in what order."""
