"""Dated reports of benchmarks: one kind of document for all, as JSON, as Markdown with charts, and as one page."""
