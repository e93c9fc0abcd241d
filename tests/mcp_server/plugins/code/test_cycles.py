from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.plugins.code.cycles import components, cycles

GRAPHS = st.dictionaries(st.sampled_from("abcdefg"), st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=7)


def reaches(graph: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Every pair of nodes with a path of at least one edge from the first to the second, by repeated joining."""
    pairs = {(node, other) for node, others in graph.items() for other in others}
    while True:
        more = {(a, d) for (a, b), (c, d) in product(pairs, pairs) if b == c} - pairs
        if not more:
            return pairs
        pairs |= more


@given(GRAPHS)
def test_components_are_the_nodes_that_reach_each_other(graph: dict[str, list[str]]) -> None:
    pairs = reaches(graph)
    nodes = {*graph, *(other for others in graph.values() for other in others)}
    expected = {frozenset({node, *(o for o in nodes if (node, o) in pairs and (o, node) in pairs)}) for node in nodes}
    found = components(graph)
    assert {frozenset(group) for group in found} == expected
    assert sum(map(len, found)) == len(nodes)


@given(GRAPHS)
def test_each_group_is_named_by_a_shortest_cycle_through_its_least_node(graph: dict[str, list[str]]) -> None:
    pairs = reaches(graph)
    found = cycles(graph)
    groups = {frozenset(o for o in graph if (n, o) in pairs and (o, n) in pairs) for n in graph if (n, n) in pairs}
    assert [cycle[0] for cycle in found] == sorted(min(group) for group in groups)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(other in graph[node] for node, other in pairwise(cycle))
        assert len(cycle) - 1 == shortest(graph, cycle[0])


def shortest(graph: dict[str, list[str]], node: str) -> int:
    """The length of a shortest cycle through ``node``, by widening a set."""
    reached, length = set(graph[node]), 1
    while node not in reached:
        reached = {other for each in reached for other in graph.get(each, [])}
        length += 1
    return length


def test_a_ring_of_very_many_is_found_without_recursion() -> None:
    ring = {f"{n:06}": [f"{(n + 1) % 50_000:06}"] for n in range(50_000)}
    (cycle,) = cycles(ring)
    assert len(cycle) == 50_001
