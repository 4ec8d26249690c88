"""Assignment of unsplit tasks to processors: largest load first, then bytes between processors.

Four starts: the given contiguous partition; LPT (heaviest item first, to where it ends first); MULTIFIT
(first fit of the heaviest under a capacity, halving the range of capacities); the items as neighbours in
program order. Each is improved by moves and swaps away from the fullest processor until
none helps: those two that keep neighbours together by what least parts them, then all by the steepest; and
again after random kicks. At the least largest load found, moves and swaps that keep it
bring together what shares bytes. Nothing here is proven optimal; :mod:`simsnn.schedule.optimum` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from simsnn.schedule.partition import contiguous_partition
from simsnn.schedule.spikepipe_deal import Deal
from simsnn.schedule.spikepipe_items import Items

Change = tuple[int, int, int]
"""Item, its new processor, and the item that comes back from there, or -1."""

_MULTIFIT_STEPS = 12
_SWEEPS = 6
_MOST_ITEMS_KICKED = 6_000
"""Random restarts times items: large networks get fewer restarts."""
_WORK = 400_000
"""Pairs that the sweeps for fewer bytes may look at, per assignment."""


@dataclass(frozen=True)
class Assigned:
    """Processor of each item, and the largest load."""

    places: tuple[int, ...]
    period_cycles: int


def assign(items: Items, seed_places: list[int], least_cycles: int, kicks: int, seed: int) -> tuple[Assigned, ...]:
    """Assignments of the least largest load found, from different starts, duplicates removed.

    Parameters
    ----------
    items : Items
        What to deal out.
    seed_places : list of int, per item
        An assignment to start from; the result is never worse.
    least_cycles : int
        A lower bound of the largest load: what reaches it needs no improvement.
    kicks : int
        Random restarts from the best assignment, fewer where there are many items.
    seed : int
        Of the kicks.
    """
    found = [Deal(items, seed_places)]
    level_thriftily(found[0], least_cycles)
    found += [Deal(items, largest_first(items)), Deal(items, multifit(items, least_cycles))]
    if len(items.tasks) >= len(items.cycles[0]):
        found.append(Deal(items, neighbours(items)))
    for deal in found:
        level(deal, least_cycles)
        gather(deal, deal.largest_load)
    tries = min(kicks, _MOST_ITEMS_KICKED // len(items.tasks))
    best = _by_kicks(min(found, key=_rank), least_cycles, tries, Random(seed))
    period = best.largest_load
    unique = dict.fromkeys(tuple(deal.places) for deal in (best, *found) if deal.largest_load == period)
    return tuple(Assigned(places, period) for places in unique)


def _rank(deal: Deal) -> tuple[int, int]:
    """Largest load, then bytes between processors."""
    return deal.largest_load, deal.items.crossing_bytes(deal.places)


def _by_kicks(best: Deal, least_cycles: int, tries: int, rng: Random) -> Deal:
    """The best of random changes, each levelled and gathered again."""
    rank = _rank(best)
    for _ in range(tries):
        kicked = _kicked(best, rng)
        level_thriftily(kicked, least_cycles)
        level(kicked, least_cycles)
        if kicked.largest_load <= rank[0]:
            gather(kicked, kicked.largest_load)
            found = _rank(kicked)
            if found <= rank:
                best, rank = kicked, found
    return best


def largest_first(items: Items) -> list[int]:
    """LPT: each item, heaviest first, to the processor that would end it first."""
    processors = range(len(items.cycles[0]))
    loads, places = [0] * len(processors), [0] * len(items.tasks)
    for item in items.heaviest_first:
        cycles = items.cycles[item]
        chosen = min(processors, key=lambda p: (loads[p] + cycles[p], p))
        places[item] = chosen
        loads[chosen] += cycles[chosen]
    return places


def multifit(items: Items, least_cycles: int) -> list[int]:
    """MULTIFIT: the smallest capacity, of a few tried by halving, under which first fit places everything."""
    best = largest_first(items)
    low, high = least_cycles, max(items.loads(best))
    for _ in range(_MULTIFIT_STEPS):
        if low >= high:
            break
        middle = (low + high) // 2
        found = _first_fit(items, middle)
        if found is None:
            low = middle + 1
        else:
            best, high = found, max(items.loads(found))
    return best


def _first_fit(items: Items, capacity: int) -> list[int] | None:
    """Heaviest item first, to the fastest processors first."""
    count = len(items.cycles[0])
    fastest = sorted(range(count), key=lambda p: (sum(row[p] for row in items.cycles), p))
    room, places = [capacity] * count, [0] * len(items.tasks)
    for item in items.heaviest_first:
        cycles = items.cycles[item]
        chosen = next((p for p in fastest if cycles[p] <= room[p]), None)
        if chosen is None:
            return None
        places[item] = chosen
        room[chosen] -= cycles[chosen]
    return places


def neighbours(items: Items) -> list[int]:
    """The best cut of the items in program order: few bytes cross, loads are coarse."""
    cuts = contiguous_partition(items.cycles)
    return [sum(item >= first for first in cuts) - 1 for item in range(len(items.tasks))]


def level(deal: Deal, least_cycles: int) -> None:
    """Move and swap items off the fullest processor as long as its load falls, steepest first."""
    while deal.largest_load > least_cycles:
        change = _steepest(deal, deal.fullest)
        if change is None:
            return
        deal.swap(*change)


def _steepest(deal: Deal, worst: int) -> Change | None:
    """Change with the least load of the two processors; None if none is less than now."""
    best, found = deal.loads[worst], None
    cycles = deal.items.cycles
    for item in deal.on[worst]:
        own = cycles[item]
        left = deal.loads[worst] - own[worst]
        if left >= best:
            continue
        for there, load in enumerate(deal.loads):
            if there == worst:
                continue
            grown = load + own[there]
            moved = max(left, grown)
            if moved < best:
                best, found = moved, (item, there, -1)
            for other in deal.on[there]:
                back = left + cycles[other][worst]
                if back < best:
                    swapped = max(back, grown - cycles[other][there])
                    if swapped < best:
                        best, found = swapped, (item, there, other)
    return found


def level_thriftily(deal: Deal, least_cycles: int) -> None:
    """The same, but by the change that takes most off the fullest processor per byte that newly crosses."""
    sizes = [size for ties in deal.items.ties for _, size in ties]
    # so that changes without new bytes are weighed by what they take off
    base = sum(sizes) // len(sizes) + 1 if sizes else 1
    while deal.largest_load > least_cycles:
        change = _thriftiest(deal, deal.fullest, least_cycles, base)
        if change is None:
            return
        deal.swap(*change)


def _thriftiest(deal: Deal, worst: int, least_cycles: int, base: int) -> Change | None:
    full, found = deal.loads[worst], None
    most, dearest = 0, 1
    cycles, near, loads = deal.items.cycles, deal.near, deal.loads
    for item in deal.on[worst]:
        own = cycles[item]
        left = full - own[worst]
        ties = dict(deal.items.ties[item])
        for there, load in enumerate(loads):
            if there == worst:
                continue
            grown = load + own[there]
            crossing = -deal.fewer_bytes(item, there)
            off = full - max(left, grown, least_cycles)
            if off > 0 and off * dearest > most * (base + max(0, crossing)):
                most, dearest, found = off, base + max(0, crossing), (item, there, -1)
            for other in deal.on[there]:
                row = cycles[other]
                # the larger of the two loads, compared by hand: this line runs most often of all
                fuller = left + row[worst]
                if fuller < grown - row[there]:
                    fuller = grown - row[there]
                off = full - (fuller if fuller > least_cycles else least_cycles)
                if off <= 0 or off * dearest <= most * base:
                    continue
                tied = near[other]
                more = crossing + tied.get(there, 0) - tied.get(worst, 0) + 2 * ties.get(other, 0)
                if off * dearest > most * (base + max(0, more)):
                    most, dearest, found = off, base + max(0, more), (item, there, other)
    return found


def _kicked(deal: Deal, rng: Random) -> Deal:
    """A copy in which the fullest processor has given away an item and some others stand at random."""
    places = list(deal.places)
    places[rng.choice(deal.on[deal.fullest])] = rng.randrange(len(deal.loads))
    for _ in range(rng.randint(1, 4)):
        places[rng.randrange(len(places))] = rng.randrange(len(deal.loads))
    return Deal(deal.items, places)


def gather(deal: Deal, capacity: int) -> None:
    """Move and swap items so that fewer bytes cross, no load above ``capacity``."""
    left = _WORK
    for _ in range(_SWEEPS):
        changed = False
        for item in range(len(deal.places)):
            change, looked = _closest(deal, item, capacity)
            left -= looked
            if change is not None:
                deal.swap(*change)
                changed = True
        if not changed or left <= 0:
            return


def _closest(deal: Deal, item: int, capacity: int) -> tuple[Change | None, int]:
    """Change after which the fewest bytes cross, and how many pairs were looked at."""
    here, own = deal.places[item], deal.items.cycles[item]
    best, found, looked = 0, None, 0
    room = capacity - deal.loads[here] + own[here]
    ties = dict(deal.items.ties[item])
    for there, size in deal.near[item].items():
        if there == here or size == 0:
            continue
        gain = deal.fewer_bytes(item, there)
        grown = deal.loads[there] + own[there]
        if gain > best and grown <= capacity:
            best, found = gain, (item, there, -1)
        for other in deal.on[there]:
            looked += 1
            cycles = deal.items.cycles[other]
            if cycles[here] > room or grown - cycles[there] > capacity:
                continue
            both = gain + deal.fewer_bytes(other, here) - 2 * ties.get(other, 0)
            if both > best:
                best, found = both, (item, there, other)
    return found, looked
