"""Measures: functions from arrays to a flat dict of scores. They never receive a model."""
