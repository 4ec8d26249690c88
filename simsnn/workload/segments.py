"""Segments of layers made again in the backward pass, where only what enters a segment was kept or is given back.

The forward operations of the segment run once more as pass R, and leave for its backward operations what the
first time left nothing of. What crosses a border of segments was kept: it is read where it stands and not
written again. Every tensor inside has the suffix ``again``, and so has one that an inverse (pass I) gives back.

Source: docs/machines section 8 (pass R). Proof: ``tests/unit/test_mode_operations.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, Sparsity, VectorOperation

AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Segment:
    """Layers that are made again together.

    Parameters
    ----------
    layers : frozenset of str
        Their names.
    first_made : tuple of Operation
        Their forward operations, with what they would leave for backward if everything were stored.
    crossing : frozenset of str
        Tensors that a later segment reads.
    given_back : frozenset of str
        Tensors from outside that were not kept and that an inverse makes again.
    carried : frozenset of str
        States that the operations of the segment read and write in place.
    suffix : str
        Of the tensors inside.
    """

    layers: frozenset[str]
    first_made: tuple[Operation, ...]
    crossing: frozenset[str]
    given_back: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()
    suffix: str = AGAIN

    @property
    def inner(self) -> frozenset[str]:
        """Tensors that exist again only behind pass R."""
        return frozenset(o.tensor for op in self.first_made for o in _written(op)) - self.crossing - self.carried

    def operations(self, behind: Iterable[Operation], wanted: Iterable[str] = ()) -> list[Operation]:
        """The operations of pass R that what runs behind them has a use for, or that write what is ``wanted``.

        An inverse among them stays one.
        """
        wanted = {*wanted, *self.carried, *(operand.tensor for operation in behind for operand in _read(operation))}
        found: list[Operation] = []
        for operation in reversed(self.first_made):
            again = self.renamed(operation)
            again = again if again.pass_ is Pass.I else replace(again, pass_=Pass.R)
            useful = tuple(o for o in _written(again) if o.tensor in wanted and o.tensor not in self.crossing)
            if useful:
                found.append(replace(again, writes=useful) if isinstance(again, VectorOperation) else again)
                wanted |= {operand.tensor for operand in _read(again)}
        return found[::-1]

    def renamed(self, operation: Operation) -> Operation:
        """The same operation on tensors made again."""
        inner = self.inner
        if isinstance(operation, VectorOperation):
            reads, writes = (tuple(self._again(o, inner) for o in ops) for ops in (operation.reads, operation.writes))
            return replace(operation, reads=reads, writes=writes)
        left, right, output = (self._again(o, inner) for o in (operation.left, operation.right, operation.output))
        known = operation.sparsity and self._known(operation.sparsity, inner)
        return replace(operation, left=left, right=right, output=output, sparsity=known)

    def _again(self, operand: Operand, inner: frozenset[str]) -> Operand:
        return replace(operand, tensor=self._name(operand.tensor, inner))

    def _name(self, tensor: str, inner: frozenset[str]) -> str:
        if tensor in inner:
            return f"{tensor}.{self.suffix}"
        return f"{tensor}.{AGAIN}" if tensor in self.given_back else tensor

    def _known(self, known: Sparsity, inner: frozenset[str]) -> Sparsity:
        """Masks of a tensor made again are made with it."""
        source = self._name(known.source, inner)
        if source == known.source:
            return known
        needed = known.needed and replace(known.needed, tensor=f"{source}.needed")
        return replace(known, needed=needed, source=source)


def _read(operation: Operation) -> tuple[Operand, ...]:
    return (operation.left, operation.right) if isinstance(operation, GemmOperation) else operation.reads


def _written(operation: Operation) -> tuple[Operand, ...]:
    return (operation.output,) if isinstance(operation, GemmOperation) else operation.writes
