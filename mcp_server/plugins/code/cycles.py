"""Cycles in a graph."""

from collections import deque
from collections.abc import Mapping, Sequence

Graph = Mapping[str, Sequence[str]]


def cycles(graph: Graph) -> list[list[str]]:
    """For each group of nodes that reach each other, a shortest cycle through the group's first node.

    Each cycle ends with the node that it begins with; groups and cycles begin with the least name.
    """
    found: list[list[str]] = []
    for group in components(graph):
        first = min(group)
        if len(group) > 1 or first in graph.get(first, ()):
            found.append(_shortest(graph, first, group))
    return sorted(found)


def components(graph: Graph) -> list[set[str]]:
    """The strongly connected components, by Tarjan's algorithm (1972) with a stack of its own."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    found: list[set[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph.get(root, ())))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            node, after = work[-1]
            for other in after:
                if other not in index:
                    index[other] = low[other] = len(index)
                    path.append(other)
                    on_path.add(other)
                    work.append((other, iter(graph.get(other, ()))))
                    break
                if other in on_path:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found.append(_cut(path, on_path, node))
    return found


def _cut(path: list[str], on_path: set[str], node: str) -> set[str]:
    group: set[str] = set()
    while node not in group:
        group.add(path.pop())
    on_path -= group
    return group


def _shortest(graph: Graph, first: str, group: set[str]) -> list[str]:
    came_from: dict[str, str] = {}
    waiting = deque([first])
    while waiting:
        node = waiting.popleft()
        for other in graph.get(node, ()):
            if other == first:
                way = [first, node]
                while way[-1] != first:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if other in group and other not in came_from:
                came_from[other] = node
                waiting.append(other)
    raise AssertionError(f"{first} is in no cycle")
