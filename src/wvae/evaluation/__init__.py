"""Measures: arrays in, a flat dict of figures out. They never see a model."""
