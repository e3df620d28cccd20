"""Whole feeds of days gone by, made by the pipeline that serves."""
