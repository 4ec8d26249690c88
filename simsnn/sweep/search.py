"""Genetic search for the Pareto front (NSGA-II, by Optuna), a generation at a time.

Designs are asked for, run, and told back in the same order, so the same seed asks the same questions: a search that
was interrupted is replayed from the log and goes on. A design is every axis but seeds; its objectives are means over
the seeds. Proof: ``tests/integration/test_sweep_search.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna

from simsnn.config.sweep import GeneticSampling
from simsnn.results.sweep_table import ObjectiveInfo
from simsnn.sweep.points import Choice, Space

ASKED_PER_POINT = 20
"""Questions per point before a search counts as exhausted: repeated and forbidden designs cost no run."""


class GeneticSearch:
    """Asks for designs, generation by generation.

    Parameters
    ----------
    sampling : GeneticSampling
        Number of designs, population, seed.
    space : Space
        Axes and condition.
    objectives : sequence of ObjectiveInfo
        What to look for.
    """

    def __init__(self, sampling: GeneticSampling, space: Space, objectives: Sequence[ObjectiveInfo]) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        population = min(sampling.population, sampling.points)
        sampler = optuna.samplers.NSGAIISampler(population_size=max(2, population), seed=sampling.seed)
        directions = ["minimize" if entry.goal == "min" else "maximize" for entry in objectives]
        self._study: Any = optuna.create_study(sampler=sampler, directions=directions)
        self._space = space
        self._sampling = sampling
        self._population = population
        self._seen: set[Choice] = set()
        self._asked: list[tuple[Any, Choice]] = []
        self._questions = 0

    def ask(self) -> tuple[Choice, ...]:
        """Designs of the next generation, each once; empty when the search is over."""
        self._asked = []
        while self._going and len(self._asked) < self._population:
            trial = self._study.ask()
            self._questions += 1
            design = self._design(trial)
            if not self._space.repeats(design):
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            self._asked.append((trial, design))
            self._seen.add(design)
        return tuple(dict.fromkeys(design for _, design in self._asked))

    @property
    def _going(self) -> bool:
        few = self._questions < ASKED_PER_POINT * self._sampling.points
        return few and len(self._seen) < self._sampling.points

    def tell(self, objectives: dict[Choice, tuple[float, ...] | None]) -> None:
        """Objectives of the designs asked for; None for one that did not run."""
        for trial, design in self._asked:
            values = objectives[design]
            if values is None:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(trial, values)

    def _design(self, trial: Any) -> Choice:
        seeds = self._space.seeds
        return tuple(
            0
            if index in seeds
            else trial.suggest_int(axis.name, 0, len(axis) - 1)
            if axis.info.numeric
            else trial.suggest_categorical(axis.name, list(range(len(axis))))
            for index, axis in enumerate(self._space.axes)
        )
