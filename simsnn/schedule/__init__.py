"""Schedules of a training step, and the task graph they end in."""
