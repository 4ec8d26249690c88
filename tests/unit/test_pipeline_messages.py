"""Messages go to processors that read what they carry, and to no other."""

from __future__ import annotations

import pytest

from simsnn.mapping.mapped import reads
from simsnn.mapping.pipeline_graph import pipeline_graph
from simsnn.pipeline_preparation import group_tasks
from tests.pipelines import KINDS
from tests.unit.test_processors import mixed


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_sent_to_engines_that_scan_them_alone(kind: str) -> None:
    """Between unlike processors a mask is an edge of the step for all, but a message for its readers only."""
    prepared = mixed(kind)
    groups, processors = group_tasks(prepared.parts, prepared.numbers), prepared.processors
    for program in prepared.programs:
        laid_out = pipeline_graph(prepared.step, program, groups, processors)
        read = set[tuple[str, int]]()
        for number, job in enumerate(laid_out.jobs):
            processor = program.assignment[job.task]
            for task in laid_out.span(number):
                read |= {(operand.tensor, processor) for operand in reads(laid_out.items[task].operation)}
        sent = {
            (tensor, processor)
            for tensor, message in zip(laid_out.tensors, laid_out.graph.messages, strict=True)
            for processor in message.destinations
        }
        assert sent <= read
