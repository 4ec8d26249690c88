"""A run in sentences: network, neuron, time steps, batch, machine, schedule, level, activity, backward mode.

Taken from the resolved configuration as far as it says something, and from the report; a part that is missing is left
out. Proof: ``tests/unit/test_html_words.py``.
"""

from __future__ import annotations

from typing import Any

from simsnn.results.prefix import count
from simsnn.results.report import Report
from simsnn.viz.html.element import Markup, element, joined
from simsnn.viz.html.machine import Machine, Tree

_LEVELS = {
    "closed_form": "closed form: each task alone by its formula, memory left out",
    "critical_path": "critical path: the longest chain of tasks, without contention",
    "event": "event: every chunk with contention for memory and links",
}
_BACKWARD = {
    "bptt": "backpropagation through time with everything stored",
    "layer_checkpoint": "checkpoints of layers, the rest made again",
    "time_checkpoint": "checkpoints in time, the rest made again",
    "reversible": "reversible neurons, potentials made from outputs and the last state",
    "block_reversible": "reversible blocks of two streams",
    "temporal_reversible": "reversal in time, step by step",
    "sltt": "spatial learning through time, without a gradient between time steps",
    "ottt": "online training through time, with traces of inputs",
}
_NEURONS = {"lif": "leaky integrate-and-fire"}
_LETTERS = {"F": "forward", "B": "backward", "W": "weight gradient", "U": "update"}
_NOT_TOLD = ("schema", "kind")


def run_sentences(report: Report, tree: Tree, machine: Machine | None) -> Markup:
    """The lead of a run's page."""
    first = " ".join(part for part in (_what(report, tree), _workload(tree)) if part)
    second = " ".join((_hardware(report, machine), _precision(tree))).strip()
    return joined(
        element("p", {}, first),
        element("p", {}, second),
        element("p", {}, _how(report, tree)),
        element("p", {}, *activity_words(report, tree)),
    )


def _what(report: Report, tree: Tree) -> str:
    network = _map(tree, "network")
    layers = [layer for layer in _list(network, "layers") if isinstance(layer, dict)]
    if not layers:
        return f"This page shows run {report.id}."
    kinds = [str(layer.get("kind", "?")).replace("_", " ") for layer in layers]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    neuron = _neurons(network, layers)
    whole = f"The network {network.get('name', 'network')} has {count(len(layers), 'layer')} ({counts})"
    return f"{whole}{f' with {neuron}' if neuron else ''}."


def _neurons(network: Tree, layers: list[Tree]) -> str:
    """Kinds of the neurons that stand in the file, with what they are told."""
    found = [network.get("neuron"), *(layer.get("neuron") for layer in layers)]
    kinds: dict[str, str] = {}
    for neuron in found:
        if isinstance(neuron, dict):
            kind = str(neuron.get("kind", "?"))
            kinds.setdefault(kind, f"{_NEURONS.get(kind, kind.replace('_', ' '))} neurons{_neuron_numbers(neuron)}")
    return " and ".join(kinds.values())


def _neuron_numbers(neuron: Tree) -> str:
    told = [f"{key} {neuron[key]}" for key in ("leak", "threshold", "reset") if key in neuron]
    surrogate = neuron.get("surrogate")
    if isinstance(surrogate, dict) and "kind" in surrogate:
        told.append(f"{surrogate['kind']} surrogate")
    return f" ({', '.join(told)})" if told else ""


def _workload(tree: Tree) -> str:
    workload = _map(tree, "workload")
    if not workload:
        return ""
    passes = [str(letter) for letter in _list(workload, "passes")]
    named = ", ".join(f"{letter} ({_LETTERS[letter]})" if letter in _LETTERS else letter for letter in passes)
    steps, batch = _counted(workload, "timesteps", "time step"), _counted(workload, "batch", "sample")
    size = f"It runs T = {steps} on a batch of {batch}"
    return f"{size} with {workload.get('encoding', 'direct')} encoding, in the passes {named}."


def _precision(tree: Tree) -> str:
    widths = {key: value for key, value in _map(tree, "precision").items() if key != "quantise"}
    if not widths:
        return ""
    rounds = "values are rounded to them" if _map(tree, "precision").get("quantise") else "as cost only"
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in widths.items())
    return f"Widths are {told}, {rounds}."


def _hardware(report: Report, machine: Machine | None) -> str:
    clock = f"{report.clock_hz / 1e6:g} MHz"
    if machine is None:
        return f"The machine runs at {clock}."
    node = f" ({machine.technology})" if machine.technology else ""
    if not machine.several:
        engines = ", ".join(f"{engine.name} ({engine.size})" for engine in machine.clusters[0].engines)
        memory = f"{count(len(machine.clusters[0].srams), 'SRAM')} and {machine.dram.name} at {machine.dram.size}"
        return f"The machine {machine.name} runs at {clock}{node}, with {engines}, {memory}."
    groups = ", ".join(
        f"{cluster.count} x {cluster.name} ({'; '.join(engine.size for engine in cluster.engines)})"
        for cluster in machine.clusters
    )
    links = " and ".join(f"a {link.kind.replace('_', ' ')} {link.name}" for link in machine.links) or "no links"
    return f"The machine {machine.name} runs at {clock}{node}, with the processors {groups}, joined by {links}."


def _how(report: Report, tree: Tree) -> str:
    schedule = _map(tree, "schedule")
    told = _told(schedule)
    named = f"The schedule is {schedule['kind']}{f' ({told})' if told else ''}." if "kind" in schedule else ""
    backward = _backward(_map(tree, "workload"))
    level = f"Simulated at level {_LEVELS.get(report.level, report.level)}."
    return " ".join(part for part in (named, backward, level) if part)


def _backward(workload: Tree) -> str:
    if not {"B", "W"} & set(map(str, _list(workload, "passes"))):
        return ""
    mode = workload.get("backward")
    if not isinstance(mode, dict):
        mode = {"kind": "layer_checkpoint" if workload.get("stash") == "recompute" else "bptt"}
    kind, told = str(mode.get("kind")), _told(mode)
    return f"Backward mode: {_BACKWARD.get(kind, kind)}{f' ({told})' if told else ''}."


def _told(tree: Tree) -> str:
    """What a component is told besides its kind."""
    plain = ((key, value) for key, value in tree.items() if key not in _NOT_TOLD and not isinstance(value, dict | list))
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in plain)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def activity_words(report: Report, tree: Tree) -> tuple[Markup | str, ...]:
    """Where the spikes come from; what is synthetic is marked."""
    activity = report.activity
    if activity.synthetic:
        mark = element("span", {"class": "synthetic"}, "SYNTHETIC")
        return ("Activity: ", mark, " Spikes and masks were made up to given rates and not recorded in training.")
    if activity.kind == "none":
        return ("No activity was needed: operands count as dense.",)
    data = _map(_map(tree, "activity"), "dataset")
    source = f" on the dataset {data['kind']}" if "kind" in data else ""
    accuracy = (
        f", with an accuracy of {activity.accuracy * 100:.1f}% on its test set" if activity.accuracy is not None else ""
    )
    kinds = {"train": f"recorded in training{source}{accuracy}", "file": f"read from a trace file{accuracy}"}
    return (f"Activity: {kinds.get(activity.kind, activity.kind)}.",)


def _counted(tree: Tree, key: str, noun: str) -> str:
    value = tree.get(key, 1)
    return count(value, noun) if isinstance(value, int) else f"{value} {noun}s"


def _list(tree: Tree, key: str) -> list[Any]:
    value = tree.get(key)
    return value if isinstance(value, list) else []


def _map(tree: Tree, key: str) -> Tree:
    value = tree.get(key)
    return value if isinstance(value, dict) else {}
