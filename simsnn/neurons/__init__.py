"""Neuron models: one file and one line here each."""

from simsnn.neurons.lif import LifNeuron
from simsnn.registry import Registry

NEURONS: Registry[type[LifNeuron]] = Registry("neuron")
NEURONS.add("lif", LifNeuron)
