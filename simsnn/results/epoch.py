"""An epoch of a pipelined run: its steady state repeated as often as the epoch needs.

A run of N + k q iterations is the run of N iterations with k periods of q iterations in its middle
(:mod:`simsnn.sim.steady_state`), so the kept program is simulated with the fewest iterations that differ from the
epoch's by whole periods, and its makespan extended. Nothing is guessed: without a cut there is no epoch, but a note.

Proof: ``tests/integration/test_epoch.py``, against epochs simulated in full.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simsnn.results.simulated import SimulatedProgram
from simsnn.sim.steady_state import NotSteady


@dataclass(frozen=True, slots=True)
class EpochRun:
    """An epoch from a simulated run.

    Parameters
    ----------
    samples, iterations : int
        Samples asked for, and the batches that hold them.
    cycles : int
        Makespan of all of them, start-up and drain included.
    simulated_iterations : int
        Iterations that were simulated for it; all, if equal to ``iterations``.
    proven : bool
        Whether the run shows everything on which its repetition depends; true where all was simulated.
    """

    samples: int
    iterations: int
    cycles: int
    simulated_iterations: int
    proven: bool


def epoch_run(
    run: SimulatedProgram, samples: int, batch: int, simulate: Callable[[int], SimulatedProgram]
) -> EpochRun | str:
    """Extend a run to an epoch.

    Parameters
    ----------
    run : SimulatedProgram
        The kept program as it ran.
    samples, batch : int
        Of the epoch and of an iteration; the last batch counts in full.
    simulate : callable
        The same program with so many iterations.

    Returns
    -------
    EpochRun or str
        The epoch, or why there is none.
    """
    iterations = -(-samples // batch)
    if iterations <= run.program.iterations:
        return _simulated(samples, iterations, simulate(iterations))
    steady = run.steady
    if isinstance(steady, NotSteady):
        return _refused(run, steady.more_iterations, steady.reason)
    wanted = steady.congruent(iterations)
    if wanted == iterations:
        return _simulated(samples, iterations, simulate(iterations))
    if wanted != run.program.iterations:
        run = simulate(wanted)
        steady = run.steady
        if isinstance(steady, NotSteady):
            return _refused(run, steady.more_iterations, steady.reason)
    if steady.cut is None:
        return _refused(run, steady.more_iterations, "too few of its iterations repeat")
    if (iterations - wanted) % steady.period.iterations:
        return _refused(run, steady.period.iterations, "with more iterations its period is another")
    cycles = steady.makespan_cycles(run.execution.makespan_cycles, iterations)
    return EpochRun(samples, iterations, cycles, wanted, steady.proven)


def _simulated(samples: int, iterations: int, run: SimulatedProgram) -> EpochRun:
    return EpochRun(samples, iterations, run.execution.makespan_cycles, iterations, True)


def _refused(run: SimulatedProgram, more: int, reason: str) -> str:
    wanted = run.program.iterations + more
    return (
        f"no epoch: the run of {run.program.iterations} iterations shows no steady state to repeat ({reason}); simulate"
        f" {more} more, schedule.iterations={wanted}"
    )
