"""Experiments: who is in which arm of a running one, starting and stopping, and results; see docs/experiments.md."""
