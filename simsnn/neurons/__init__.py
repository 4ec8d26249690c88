"""Neuron models: one file and two lines here each."""

from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Tag

from simsnn.neurons.iir import IirNeuron
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.neurons.parallel import PsuNeuron
from simsnn.neurons.parallel_learned import MaskedPsnNeuron, PsnNeuron
from simsnn.neurons.parallel_reset import IpsuNeuron, RpsuNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron
from simsnn.neurons.sliding_psn import SlidingPsnNeuron
from simsnn.registry import Registry


def _kind(value: Any) -> Any:
    """Kind of a neuron as a file gives it; ``lif`` where it names none, as it was when there was no other."""
    if isinstance(value, BaseModel):
        return getattr(value, "kind", None)
    return value.get("kind", "lif") if isinstance(value, dict) else None


Neuron = Annotated[
    Annotated[LifNeuron, Tag("lif")]
    | Annotated[IirNeuron, Tag("iir")]
    | Annotated[ReversibleLeiNeuron, Tag("reversible_lei")]
    | Annotated[ReversibleIntegerNeuron, Tag("reversible_integer")]
    | Annotated[IntegerLifNeuron, Tag("lif_integer")]
    | Annotated[PsuNeuron, Tag("psu")]
    | Annotated[IpsuNeuron, Tag("ipsu")]
    | Annotated[RpsuNeuron, Tag("rpsu")]
    | Annotated[PsnNeuron, Tag("psn")]
    | Annotated[MaskedPsnNeuron, Tag("masked_psn")]
    | Annotated[SlidingPsnNeuron, Tag("sliding_psn")],
    Discriminator(_kind),
]
"""Any neuron, as a file describes it."""

Reversible = ReversibleLeiNeuron | ReversibleIntegerNeuron | IntegerLifNeuron
"""Neurons that fulfil :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
REVERSIBLE = ("reversible_lei", "reversible_integer", "lif_integer")

Parallel = PsuNeuron | IpsuNeuron | RpsuNeuron | PsnNeuron | MaskedPsnNeuron | SlidingPsnNeuron
"""Units below :class:`simsnn.neurons.parallel.ParallelUnit`: they take all time steps at once."""
PARALLEL = ("psu", "ipsu", "rpsu", "psn", "masked_psn", "sliding_psn")

AnyNeuron = LifNeuron | IirNeuron | Reversible | Parallel
NEURONS: Registry[type[AnyNeuron]] = Registry("neuron")
NEURONS.add("lif", LifNeuron)
NEURONS.add("iir", IirNeuron)
NEURONS.add("reversible_lei", ReversibleLeiNeuron)
NEURONS.add("reversible_integer", ReversibleIntegerNeuron)
NEURONS.add("lif_integer", IntegerLifNeuron)
NEURONS.add("psu", PsuNeuron)
NEURONS.add("ipsu", IpsuNeuron)
NEURONS.add("rpsu", RpsuNeuron)
NEURONS.add("psn", PsnNeuron)
NEURONS.add("masked_psn", MaskedPsnNeuron)
NEURONS.add("sliding_psn", SlidingPsnNeuron)
