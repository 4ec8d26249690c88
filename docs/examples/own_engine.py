"""An engine of your own, without a change in simsnn: an array with spare rows. Run: python own_engine.py.

Spare rows take the place of broken ones. They cost area and no time. A new engine mostly begins as a small change of
one that is there; docs/add_an_engine.md builds one from nothing.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import simsnn
from simsnn.config.quantities import Count
from simsnn.energy.parts import AreaPart
from simsnn.engines import ENGINES
from simsnn.engines.base import DatapathWidths
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_config import SystolicConfig


class SparedConfig(SystolicConfig):
    """A systolic array as the hardware file describes it, with the rows that are kept in reserve."""

    kind: Literal["spared"] = "spared"
    spare_rows: Count


class SparedEngine(SystolicEngine):
    """Works as a systolic array does; its area counts the spare rows."""

    kind: ClassVar[str] = "spared"
    model_version: ClassVar[int] = 1
    config_type: ClassVar[type[SparedConfig]] = SparedConfig

    def area_parts(self, widths: DatapathWidths) -> tuple[AreaPart, ...]:
        """Hardware of an array with all its rows."""
        config = self.config
        assert isinstance(config, SparedConfig)
        whole = config.model_copy(update={"rows": config.rows + config.spare_rows})
        return SystolicEngine(whole).area_parts(widths)


# the registry line; it stands outside the guard below, so that the processes of a sweep have the engine, too
ENGINES.add(SparedEngine.kind, SparedEngine)

CHEAP = ("activity=null", "optimizer={kind: adam, learning_rate: 0.01}", "simulation.level=closed_form")
SPARED = ("hardware.arrays.0.kind=spared", "hardware.arrays.0.spare_rows=2")


def main() -> None:
    """The quickstart's machine with and without spare rows."""
    plain = simsnn.simulate("quickstart", CHEAP).report
    spared = simsnn.simulate("quickstart", (*CHEAP, *SPARED)).report
    for name, report in (("systolic", plain), ("spared", spared)):
        array = sum(row.um2 for row in report.area if row.component == "array0")
        print(f"{name:>9}: {report.totals.total_cycles:,} cycles, array0 {array / 1e6:.3f} mm2")


if __name__ == "__main__":
    main()
