"""Neuron models: one file and two lines here each."""

from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Tag

from simsnn.neurons.iir import IirNeuron
from simsnn.neurons.lif import LifNeuron
from simsnn.registry import Registry


def _kind(value: Any) -> Any:
    """Kind of a neuron as a file gives it; ``lif`` where it names none, as it was when there was no other."""
    if isinstance(value, BaseModel):
        return getattr(value, "kind", None)
    return value.get("kind", "lif") if isinstance(value, dict) else None


Neuron = Annotated[Annotated[LifNeuron, Tag("lif")] | Annotated[IirNeuron, Tag("iir")], Discriminator(_kind)]
"""Any neuron, as a file describes it."""

NEURONS: Registry[type[LifNeuron] | type[IirNeuron]] = Registry("neuron")
NEURONS.add("lif", LifNeuron)
NEURONS.add("iir", IirNeuron)
