"""simsnn: a cycle-accurate simulator of accelerators that train spiking neural networks."""

__version__ = "0.1.0"
