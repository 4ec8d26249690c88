"""Which layer with weights each layer of a network goes with: in the tasks of a pipeline, and in its delays.

Proof: ``tests/unit/test_training_delayed.py``, ``tests/unit/test_step_tasks.py``.
"""

from __future__ import annotations

from simsnn.workload.network import Network


def weight_groups(network: Network) -> tuple[int, ...]:
    """Layer with weights (its position among those) to which each layer of the network belongs.

    What stands before any layer with weights belongs to the first.
    """
    groups: list[int] = []
    weights = 0
    for layer in network.layers:
        before = [groups[i] for i in layer.inputs if i >= 0]
        groups.append(weights if layer.has_weights else max(before, default=0))
        weights += layer.has_weights
    return tuple(groups)
