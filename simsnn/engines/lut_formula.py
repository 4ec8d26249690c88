"""Cycle formulas of a LUT engine with their numbers in them, for ``simsnn explain``."""

from __future__ import annotations

from simsnn.engines.lut_plan import LutCore, breakdown, closed_form


def _sum(core: LutCore) -> str:
    cycles = breakdown(closed_form(core))
    names = ("fill", "stream", "build", "reload", "scan", "drain")
    parts = " + ".join(f"{name} {getattr(cycles, name):,}" for name in names if getattr(cycles, name))
    return f"{parts} = {cycles.total:,} cycles"


def _rule(core: LutCore) -> str:
    config = core.config
    double = "e = max(e', q'') + tb, q = max(e, q') + s"
    rule = "e = q' + tb, q = e + s" if config.tables == "single" else double
    skip = f"s from the flags, window {config.window}" if config.window else "s = n"
    return (
        f"tables of 2^{config.address_bits} entries, {config.build_ports} build ports: tb = {config.build_cycles};"
        f" {rule}; {skip}; D = ceil(log2 {config.groups}) + 1 = {config.depth}"
    )


def _oc(core: LutCore) -> str:
    work = core.work
    times = f"{work.geometry.groups} conv groups x " if work.geometry.groups > 1 else ""
    return f"{times}ceil(Co / lanes) = ceil({work.out_channels:,} / {core.config.lanes}) = {work.oc_tiles:,}"


def forward_formula(core: LutCore, rows: int, blocks: int, group_tiles: int) -> str:
    """Tiles, table and parts of a forward product of ``rows`` operand rows."""
    config, positions = core.config, core.work.positions
    k, groups = config.address_bits, config.groups
    return "\n".join(
        (
            f"{_oc(core)} x {blocks:,} blocks of Q = {positions:,} positions"
            f" x ceil(J / (k groups)) = ceil({rows:,} / ({k} x {groups})) = {group_tiles:,}:"
            f" {core.totals.tiles:,} tiles, n = ceil(block / {config.read_ports})",
            _rule(core),
            _sum(core),
        )
    )


def update_formula(core: LutCore, rows: int, groups: int) -> str:
    """Tiles, table and parts of a weight update of ``rows`` rows of dW and so many position groups."""
    config, totals = core.config, core.totals
    dropped = f", {totals.position_groups_dropped:,} dropped over all of them" if totals.position_groups_dropped else ""
    issues = -(-rows // config.read_ports)
    return "\n".join(
        (
            f"{_oc(core)} x {groups:,} position groups of k = {config.address_bits} ({config.grouping}){dropped},"
            f" {config.groups} to a tile: {totals.tiles:,} tiles,"
            f" n = ceil(J / ports) = ceil({rows:,} / {config.read_ports}) = {issues:,}",
            f"{_rule(core)}; drain ceil(lanes J / {config.drain_width}), {config.accumulators} accumulators",
            _sum(core),
        )
    )
