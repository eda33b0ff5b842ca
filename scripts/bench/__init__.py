"""Measurements, each against a baseline in the same run: `make bench`, or `make bench ARGS="relay crypto"`."""
