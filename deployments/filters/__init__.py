"""Filters: what this user must not be shown."""
