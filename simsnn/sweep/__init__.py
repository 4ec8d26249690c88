"""Sweeps: many points of one experiment, run in parallel, resumable, into one table."""
