"""Recorders for models of SpikingJelly and snnTorch: spikes, surrogate masks and gradients of one training step.

.. code-block:: python

    with record(model, timesteps=4) as recorder:
        loss(model(x), y).backward()
    recorder.save("trace.npz")

Nothing else of simsnn needs torch. Proof: ``tests/torch/test_frameworks.py``.
"""

from simsnn.importers.frameworks.recorder import Recorder as Recorder
from simsnn.importers.frameworks.recorder import record as record
