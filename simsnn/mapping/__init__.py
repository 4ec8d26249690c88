"""Which engine runs what, in which chunks: operations in, task graph out."""
