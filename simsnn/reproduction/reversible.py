"""Reversible training (arXiv 2308.08649) and its rivals held against the simulator: ``simsnn reproduce reversible``.

What is exact and what is assumed is said per check; nothing is fitted. The node is a reconstruction, networks and
machine (``configs/hardware/reversible_base.yaml``) are ours.
"""

from __future__ import annotations

from simsnn.config.dump import to_yaml
from simsnn.neurons.inversion import failure_table
from simsnn.reproduction.outcome import Reproduction
from simsnn.reproduction.reversible_cases import case_of, mode_experiment
from simsnn.reproduction.reversible_claims import (
    NETWORK_STEPS,
    block_claims,
    flip_claims,
    memory_claims,
    rate_claims,
    time_claims,
)
from simsnn.reproduction.reversible_exact import exact_claims
from simsnn.reproduction.reversible_figures import drawings
from simsnn.reproduction.reversible_memory import (
    REVERSED,
    STORED,
    TIMESTEPS,
    guess_table,
    kept_bits,
    measure_memory,
    memory_table,
    ratio_table,
)
from simsnn.reproduction.reversible_passes import pass_claims
from simsnn.reproduction.reversible_rates import RATES_GB_PER_S, measure_rates, rate_table
from simsnn.reproduction.reversible_recipes import (
    DATA,
    TRAINED,
    dense_table,
    recipe_experiment,
    recipe_table,
    train_recipes,
)
from simsnn.reproduction.reversible_runs import NETWORKS, modes_table, networks, run_modes
from simsnn.reproduction.reversible_tables import flip_table, saving_table, throughput_table
from simsnn.reproduction.reversible_time import (
    SAVINGS,
    SQUARE,
    THROUGHPUTS,
    WIDE,
    Saving,
    Throughput,
    measure_saving,
    measure_throughput,
)
from simsnn.reproduction.stages import Stage, Stages


def reproduce_reversible(tell: Stage) -> Reproduction:
    """Train, simulate, compare; nothing is written."""
    trainings, steps = len(DATA) * len(TRAINED), len(SAVINGS) + len(THROUGHPUTS)
    stages = Stages(
        tell,
        sum(len(network.cases) for network in networks())
        + len(TIMESTEPS)
        + len(RATES_GB_PER_S)
        + trainings
        + steps
        + 3,
    )
    runs = run_modes(stages)
    points = measure_memory(stages)
    savings, throughputs = _times(stages)
    rates = measure_rates(stages)
    recipes = train_recipes(stages)
    stages.next("products that read real outputs")
    dense = dense_table()
    stages.next("float inversion")
    flips = (*failure_table("hard"), *failure_table("soft"))
    stages.next("exact checks")
    claims = (
        *exact_claims(tuple(run.real for run in runs)),
        *pass_claims(),
        *time_claims(savings, throughputs),
        *block_claims(),
        *rate_claims(rates),
        *memory_claims(points, kept_bits(STORED, NETWORK_STEPS), kept_bits(REVERSED, NETWORK_STEPS)),
        *flip_claims(flips),
    )
    tables = (
        modes_table(runs),
        memory_table(points),
        ratio_table(points),
        guess_table(),
        saving_table(savings),
        throughput_table(throughputs),
        rate_table(rates),
        flip_table(flips),
        recipe_table(recipes),
        dense,
    )
    return Reproduction("reversible", claims, (), tables, drawings(runs, points, savings, rates, flips), _configs())


def _times(stages: Stages) -> tuple[tuple[Saving, ...], tuple[Throughput, ...]]:
    savings, throughputs = [], []
    for id_, network, machine, neuron in SAVINGS:
        stages.next(f"{network}: plain and streamlined, {machine.name}")
        savings.append(measure_saving(id_, network, machine, neuron))
    for network, machine in THROUGHPUTS:
        stages.next(f"{network}: checkpointing, {machine.name}")
        throughputs.append(measure_throughput(network, machine))
    return tuple(savings), tuple(throughputs)


def _configs() -> tuple[tuple[str, str], ...]:
    """One resolved experiment per network; the tables say what else changes."""
    found = [(each.file, mode_experiment(each.file, REVERSED.neuron, REVERSED.mode)) for each in NETWORKS]
    checkpoint = case_of("LIF", "layer checkpoint")
    found.append((SQUARE, mode_experiment(SQUARE, checkpoint.neuron, checkpoint.mode, *WIDE.overrides)))
    found += [(f"reversible_recipe_{each.name}", recipe_experiment(each, TRAINED[0])) for each in DATA]
    return tuple((name, to_yaml(experiment)) for name, experiment in found)
