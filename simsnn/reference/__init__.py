"""Register-level twins: one clock per step, two-phase, values and cycles and counts."""
