"""The dated report of each benchmark."""
