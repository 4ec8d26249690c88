"""Published numbers, held against the simulator: what is exact, what is calibrated, what is assumed."""
