"""How fast simsnn is: every figure beside its goal and beside a yardstick measured in the same run."""
