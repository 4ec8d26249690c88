"""Backward modes executed on real tensors: one file per way to keep less (:mod:`simsnn.workload.backward_modes`)."""
