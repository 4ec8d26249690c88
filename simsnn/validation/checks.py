"""The table of comparisons: a machine adds its own here, and ``simsnn validate`` runs them all."""

from __future__ import annotations

from functools import partial

from simsnn.engines import dual_sparse_check
from simsnn.engines.base import Dataflow
from simsnn.engines.lut_check import COMBINATIONS as LUT_COMBINATIONS
from simsnn.engines.lut_check import check_lut
from simsnn.engines.lut_draw import LutSwitches
from simsnn.engines.mixing_check import MIXINGS, MixingSwitches, check_mixing
from simsnn.engines.scan_check import SCANS, ScanSwitches, check_scan
from simsnn.engines.systolic_check import COMBINATIONS, Switches, check_systolic
from simsnn.engines.vector_unit_check import check_vector_unit
from simsnn.sim import link_check
from simsnn.validation.outcome import Check, Row
from simsnn.validation.scalesim import check_scalesim


def _systolic(switches: Switches, cases: int, seed: int) -> Row:
    result = check_systolic(switches, cases, seed)
    return Row("systolic", switches.name, "reference", result.cases, result.mismatches, result.max_error)


def _mixing(switches: MixingSwitches, cases: int, seed: int) -> Row:
    result = check_mixing(switches, cases, seed)
    return Row("mixing", switches.name, "reference", result.cases, result.mismatches, result.max_error)


def _vector(setting: tuple[str, bool, bool, bool], cases: int, seed: int) -> Row:
    order, reverse, waits, slow = setting
    result = check_vector_unit(cases, seed, order=order, reverse=reverse, waits=waits, slow=slow)  # type: ignore[arg-type]
    return Row("vector_unit", _vector_name(setting), "reference", result.cases, result.mismatches, result.max_error)


def _vector_name(setting: tuple[str, bool, bool, bool]) -> str:
    flags = zip(("reverse", "late operands", "narrow buffer"), setting[1:], strict=True)
    return " ".join([setting[0], *(name for name, on in flags if on)])


def _scan(switches: ScanSwitches, cases: int, seed: int) -> Row:
    result = check_scan(switches, cases, seed)
    return Row("scan", switches.name, "reference", result.cases, result.mismatches, result.max_error)


def _dual_sparse(switches: dual_sparse_check.Switches, cases: int, seed: int) -> Row:
    result = dual_sparse_check.check_dual_sparse(switches, cases, seed)
    return Row("dual_sparse", switches.name, "reference", result.cases, result.mismatches, result.max_error)


def _lut_name(switches: LutSwitches) -> str:
    return "lut_update" if switches.update else "lut_forward"


def _lut(switches: LutSwitches, cases: int, seed: int) -> Row:
    result = check_lut(switches, cases, seed)
    return Row(_lut_name(switches), switches.name, "reference", result.cases, result.mismatches, result.max_error)


def _link(switches: link_check.Switches, cases: int, seed: int) -> Row:
    result = link_check.check_links(switches, cases, seed)
    return Row("link", switches.name, "reference", result.cases, result.mismatches, result.max_error)


def _scalesim(dataflow: Dataflow, _cases: int, _seed: int) -> Row:
    return check_scalesim(dataflow)


def checks() -> tuple[Check, ...]:
    """Every comparison, in the order of the table that users see."""
    found = [Check("systolic", switches.name, partial(_systolic, switches)) for switches in COMBINATIONS]
    found += [Check("mixing", switches.name, partial(_mixing, switches)) for switches in MIXINGS]
    found += [Check("systolic", f"{flow.value} scalesim", partial(_scalesim, flow)) for flow in Dataflow]
    flags = (False, True)
    settings = [(o, r, w, s) for o in ("t_outer", "t_inner") for r in flags for w in flags for s in flags]
    found += [Check("vector_unit", _vector_name(s), partial(_vector, s)) for s in settings]
    found += [Check("scan", switches.name, partial(_scan, switches)) for switches in SCANS]
    found += [Check("dual_sparse", s.name, partial(_dual_sparse, s)) for s in dual_sparse_check.COMBINATIONS]
    found += [Check(_lut_name(switches), switches.name, partial(_lut, switches)) for switches in LUT_COMBINATIONS]
    found += [Check("link", switches.name, partial(_link, switches)) for switches in link_check.COMBINATIONS]
    return tuple(found)
