"""Consumers of the streams: each keeps something up to date that follows from what was appended."""
