"""Measurements against peers on the same streams: ratios in one run, never part of the tests."""
