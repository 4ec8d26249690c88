"""Neuron models: one file and two lines here each."""

from typing import Annotated

from pydantic import Field

from simsnn.neurons.iir import IirNeuron
from simsnn.neurons.lif import LifNeuron
from simsnn.registry import Registry

Neuron = Annotated[LifNeuron | IirNeuron, Field(discriminator="kind")]
"""Any neuron, as a file describes it."""

NEURONS: Registry[type[LifNeuron] | type[IirNeuron]] = Registry("neuron")
NEURONS.add("lif", LifNeuron)
NEURONS.add("iir", IirNeuron)
