"""Hydrators: columns that candidates need before they can be scored."""
