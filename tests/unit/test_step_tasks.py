"""Tasks of a pipeline and delays of a training agree on what goes with which layer."""

from __future__ import annotations

import pytest

from simsnn.api import load
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.step_tasks import TaskNumbers
from simsnn.pipeline_preparation import prepare_pipeline
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.validity import check_program
from simsnn.workload.operation import Pass
from simsnn.workload.weight_groups import weight_groups
from tests.pipelines import cores, experiment, network

NORMS_BEHIND_BOTH_WAYS = (
    "{name: stem, kind: conv2d, channels: 6, kernel: 3, padding: 1},"
    " {name: conv1, kind: conv2d, channels: 6, kernel: 3, padding: 1, inputs: [stem]},"
    " {name: skip, kind: conv2d, channels: 6, kernel: 1, padding: 0, inputs: [stem]},"
    " {name: norm1, kind: batch_norm, inputs: [conv1]}, {name: norm2, kind: batch_norm, inputs: [skip]},"
    " {name: sum, kind: add, inputs: [norm1, norm2]}, {name: flat, kind: flatten},"
    " {name: fc, kind: linear, features: 10}"
)


def test_a_normalisation_goes_with_the_layer_that_it_reads_wherever_it_stands_in_the_file() -> None:
    prepared = prepare_pipeline(experiment(network(NORMS_BEHIND_BOTH_WAYS), cores(3)))
    numbers = prepared.numbers
    assert numbers == TaskNumbers.of(prepared.network, numbers.samples)
    assert tuple(numbers.owner.values()) == weight_groups(prepared.network) == (0, 1, 2, 1, 2, 2, 2, 3)
    mapped = prepared.parts[0].mapped
    for pass_ in (Pass.F, Pass.B, Pass.U):
        tasks = {
            numbers.task_of(i.operation) for i in mapped if (i.operation.layer, i.operation.pass_) == ("norm1", pass_)
        }
        assert tasks == {numbers.number(1, pass_)}
    for program in prepared.programs:
        check_program(prepared.step, program, (), NoLinks())


@pytest.mark.parametrize("every", [1, 2])
def test_what_is_made_again_for_another_layer_is_refused(every: int) -> None:
    """Segments of two layers: the first one's products would be needed before its own task runs."""
    mode = (f"workload.backward={{kind: layer_checkpoint, every: {every}}}", "activity=null")
    experiment, _ = load("combined_systolic_x4", mode)
    if every == 1:
        assert prepare_pipeline(experiment).step.tasks
        return
    with pytest.raises(
        UnsupportedOperation, match="what layer 'pool3' makes again is read in the backward pass of layer 'fc1'"
    ):
        prepare_pipeline(experiment)
