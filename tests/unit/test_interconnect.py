"""Channels of each topology, ways and routes, times of a message alone, and what is refused."""

from __future__ import annotations

from itertools import permutations

import pytest
from pydantic import ValidationError

from simsnn.errors import ConfigError
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig
from simsnn.memory.routes import LOCAL, Hop
from simsnn.memory.topologies import Mesh, Ring, square_columns

CLOCK_HZ = 10**9


def names(count: int) -> tuple[str, ...]:
    return tuple(f"p{number}" for number in range(count))


def component(name: str = "net", kind: str = "ring", **others: object) -> LinkConfig:
    return LinkConfig.model_validate({"name": name, "kind": kind, "bandwidth": "4 B/cycle", "packet": "8 B", **others})


def joined(count: int, *components: LinkConfig) -> Interconnect:
    return Interconnect.of(components, names(count), CLOCK_HZ)


def channels(interconnect: Interconnect, source: int, destination: int) -> list[str]:
    return [interconnect.links[link].name for link in interconnect.way(source, destination)]


@pytest.mark.parametrize(
    ("kind", "count", "channel_count"),
    [("point_to_point", 2, 2), ("bus", 5, 1), ("ring", 2, 2), ("ring", 5, 10), ("mesh", 6, 14), ("crossbar", 4, 8)],
)
def test_a_component_has_the_channels_of_its_topology(kind: str, count: int, channel_count: int) -> None:
    found = [link.name for link in joined(count, component(kind=kind)).links]
    assert len(found) == len(set(found)) == channel_count


def test_a_ring_goes_the_shorter_way_and_up_where_both_are_as_long() -> None:
    ring = joined(6, component())
    assert channels(ring, 0, 2) == ["net p0->p1", "net p1->p2"]
    assert channels(ring, 1, 5) == ["net p1->p0", "net p0->p5"]
    assert channels(ring, 4, 1) == ["net p4->p5", "net p5->p0", "net p0->p1"]


def test_a_mesh_goes_along_the_row_first() -> None:
    mesh = joined(6, component(kind="mesh", columns=3))
    assert channels(mesh, 0, 5) == ["net p0->p1", "net p1->p2", "net p2->p5"]
    assert channels(mesh, 5, 0) == ["net p5->p4", "net p4->p3", "net p3->p0"]


def test_a_mesh_without_columns_is_as_square_as_it_can_be() -> None:
    assert [square_columns(ends) for ends in (2, 4, 6, 7, 12, 16)] == [2, 2, 3, 7, 4, 4]


@pytest.mark.parametrize("count", [2, 3, 6, 7, 12])
def test_every_way_is_a_path_of_channels_between_neighbours(count: int) -> None:
    ends = names(count)
    shapes = [Ring(ends), *(Mesh(ends, columns) for columns in range(1, count + 1) if count % columns == 0)]
    for shape in shapes:
        for source, destination in permutations(range(count), 2):
            way, place = shape.way(source, destination), ends[source]
            for channel in way:
                start, end = shape.channels[channel].split("->")
                assert start == place
                place = end
            assert place == ends[destination]
            assert len(way) == shape.hops(source, destination)


def test_a_crossbar_is_crossed_through_two_ports_with_one_latency() -> None:
    crossbar = joined(3, component(kind="crossbar", latency_cycles=5))
    assert channels(crossbar, 0, 2) == ["net p0 out", "net p2 in"]
    assert [crossbar.links[link].latency_cycles for link in crossbar.way(0, 2)] == [0, 5]


def test_of_two_ways_the_one_with_fewer_hops_is_taken_then_the_first_component() -> None:
    direct = component("direct", "point_to_point", ends=("p0", "p2"))
    both = joined(4, component(), direct, component("late", "bus", ends=("p0", "p1")))
    assert channels(both, 0, 2) == ["direct p0->p2"]
    assert channels(both, 0, 1) == ["net p0->p1"]


def test_ways_lead_through_processors_that_two_components_join() -> None:
    chain = joined(3, component("a", "point_to_point", ends=("p0", "p1")),
                   component("b", "bus", ends=("p1", "p2")))  # fmt: skip
    assert channels(chain, 0, 2) == ["a p0->p1", "b bus"]
    assert channels(chain, 2, 0) == ["b bus", "a p1->p0"]


def test_a_multicast_joins_the_ways_where_they_start_alike() -> None:
    mesh = joined(6, component(kind="mesh", columns=3))
    (route,) = mesh.routes(0, (1, 2, 4))
    ends = [(mesh.links[hop.link].name, hop.parent, hop.delivers) for hop in route.hops]
    assert ends == [("net p0->p1", LOCAL, (1,)), ("net p1->p2", 0, (2,)), ("net p1->p4", 0, (4,))]


def test_a_bus_that_multicasts_carries_a_packet_once_for_all() -> None:
    (route,) = joined(4, component(kind="bus")).routes(1, (0, 2, 3))
    assert route.hops == (Hop(0, LOCAL, (0, 2, 3)),)


def test_without_multicast_every_destination_has_a_route_of_its_own() -> None:
    routes = joined(4, component(kind="bus", multicast=False)).routes(1, (0, 2, 3))
    assert [route.hops for route in routes] == [(Hop(0, LOCAL, (end,)),) for end in (0, 2, 3)]


def test_behind_a_link_without_multicast_the_second_destination_has_its_own_message() -> None:
    net = joined(4, component("a", "point_to_point", ends=("p0", "p1")),
                 component("b", "bus", ends=("p1", "p2", "p3"), multicast=False))  # fmt: skip
    routes = net.routes(0, (1, 2, 3))
    assert [[hop.delivers for hop in route.hops] for route in routes] == [[(1,), (2,)], [(), (3,)]]


def test_the_packet_of_a_message_is_the_smallest_on_its_way() -> None:
    net = joined(3, component("a", "point_to_point", ends=("p0", "p1"), packet="6 B"),
                 component("b", "point_to_point", ends=("p1", "p2")))  # fmt: skip
    assert net.packet_bytes(0, 2) == 6
    assert [route.packet_bytes for route in net.routes(1, (0, 2))] == [6, 8]
    assert [route.packets(13) for route in net.routes(1, (0, 2))] == [3, 2]


def test_a_message_alone_takes_the_first_packet_and_the_slowest_channel_for_the_others() -> None:
    net = joined(3, component("a", "point_to_point", ends=("p0", "p1"), latency_cycles=3),
                 component("b", "point_to_point", ends=("p1", "p2"), bandwidth="1.5 B/cycle"))  # fmt: skip
    # packets of 8 B: 2 cycles on a, ceil(8 / 1.5) = 6 on b; 20 B are 3 packets
    assert net.alone_cycles(0, 2, 20) == (2 + 3) + (6 + 1) + 2 * 6
    assert net.alone_cycles(0, 0, 20) == 0


def test_what_a_message_puts_on_the_channels() -> None:
    net = joined(3, component(kind="bus", multicast=False))
    assert [(part.busy_cycles, part.bytes, part.packets) for part in net.carried(0, (1, 2), 17)] == [(6, 17, 3)] * 2


def test_a_message_without_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte, not 0"):
        joined(2, component()).alone_cycles(0, 1, 0)


def test_an_unknown_end_is_refused_with_the_nearest_processor() -> None:
    with pytest.raises(ConfigError) as caught:
        joined(3, component(), component("b", "bus", ends=("p0", "q2")))
    assert caught.value.where.path == "hardware.links.1.ends"
    assert caught.value.nearest == "p2"


def test_a_mesh_that_is_not_full_is_refused_with_the_widths_that_are() -> None:
    with pytest.raises(ConfigError, match="6 ends in 4 columns") as caught:
        joined(6, component(kind="mesh", columns=4))
    assert caught.value.where.path == "hardware.links.0.columns"
    assert caught.value.allowed == ("1", "2", "3", "6")
    assert "2 more or 2 fewer ends" in caught.value.remedy


def test_an_unreachable_processor_is_refused_with_what_either_end_reaches() -> None:
    net = joined(5, component("a", ends=("p0", "p1", "p2")), component("b", "point_to_point", ends=("p3", "p4")))
    assert net.way(0, 1)
    assert net.way(4, 3)
    with pytest.raises(ConfigError) as caught:
        net.way(1, 4)
    assert caught.value.message == "no link leads from p1 to p4: p1 reaches p0, p2; p4 reaches p3"
    assert "ends: [p1, p4]" in caught.value.remedy
    assert caught.value.where.path == "hardware.links"
    with pytest.raises(ConfigError) as caught:
        joined(3, component(ends=("p0", "p1"))).way(0, 2)
    assert caught.value.where.path == "hardware.links.0.ends"
    with pytest.raises(ConfigError, match="p0 reaches no other processor"):
        joined(2).way(0, 1)


@pytest.mark.parametrize(
    ("others", "path"),
    [
        ({"bandwidth": "1 B/s", "packet": "64 KiB"}, "hardware.links.0.bandwidth"),
        ({"latency_cycles": 2**40}, "hardware.links.0.latency_cycles"),
    ],
)
def test_rates_and_latencies_beyond_any_sense_are_refused(others: dict[str, object], path: str) -> None:
    with pytest.raises(ConfigError, match="cycles, more than") as caught:
        joined(2, component(**others))
    assert caught.value.where.path == path


@pytest.mark.parametrize("kind", ["point_to_point", "bus", "ring", "mesh", "crossbar"])
def test_a_component_that_joins_all_is_empty_on_a_machine_of_one_processor(kind: str) -> None:
    alone = joined(1, component(kind=kind), component("b"))
    assert alone.links == ()
    assert alone.reached(0) == ()
    with pytest.raises(ConfigError, match="joins 1 processor"):
        joined(1, component(kind="bus", ends=("p0",)))


def test_a_component_of_one_end_and_a_point_to_point_link_of_three_are_refused() -> None:
    with pytest.raises(ConfigError, match="joins 1 processor"):
        joined(3, component(ends=("p1",)))
    with pytest.raises(ConfigError, match="would join all 3 processors"):
        joined(3, component(kind="point_to_point"))


@pytest.mark.parametrize(
    ("others", "key"),
    [
        ({"kind": "point_to_point", "ends": ("p0", "p1", "p2")}, "ends"),
        ({"ends": ("p0", "p0")}, "ends"),
        ({"columns": 2}, "columns"),
    ],
)
def test_what_a_file_says_of_one_component_alone_is_checked_with_the_file(others: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        component(**others)
    assert [error["loc"] for error in caught.value.errors()] == [(key,)]
