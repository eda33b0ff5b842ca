"""The branch that was on screen, out of any tree."""

from hypothesis import given
from hypothesis import strategies as st

from balon_client.imports.trees import Node, choose_branch, name_in_list

SIZES = st.integers(1, 40)


@st.composite
def forests(draw):
    """Nodes whose parents come before them, in any order, some of them no messages."""
    size = draw(SIZES)
    parents = [draw(st.none() | st.integers(0, number - 1)) if number else None for number in range(size)]
    nodes = [
        Node(
            str(number),
            None if parent is None else str(parent),
            {},
            draw(st.none() | st.integers(0, 5)),
            draw(st.booleans()),
        )
        for number, parent in enumerate(parents)
    ]
    return {node.id: node for node in draw(st.permutations(nodes))}


@st.composite
def graphs(draw):
    """Nodes with any parents: missing ones, themselves, circles."""
    size = draw(SIZES)
    names = [str(number) for number in range(size)]
    parent = st.none() | st.sampled_from([*names, "gone"])
    return {
        name: Node(name, draw(parent), {}, draw(st.none() | st.integers(0, 5)), draw(st.booleans())) for name in names
    }


@given(forests(), st.data())
def test_the_branch_is_the_way_from_a_beginning_to_the_current_node(nodes, data):
    current = data.draw(st.sampled_from(sorted(nodes)))
    branch = choose_branch(nodes, current)
    ids = [node.id for node in branch.nodes]
    assert ids[-1] == current
    assert nodes[ids[0]].parent is None
    assert [nodes[each].parent for each in ids[1:]] == ids[:-1]
    assert branch.whole


@given(graphs(), st.none() | st.sampled_from(["0", "gone"]))
def test_every_message_is_on_the_branch_or_counted_once(nodes, current):
    branch = choose_branch(nodes, current)
    ids = [node.id for node in branch.nodes]
    assert len(set(ids)) == len(ids) > 0
    on_it = sum(node.counts for node in branch.nodes)
    assert on_it + sum(branch.forks.values()) + branch.loose == sum(node.counts for node in nodes.values())
    assert set(branch.forks) <= set(ids)
    assert branch.whole == (nodes[ids[0]].parent is None)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_is_no_matter(nodes, random):
    shuffled = list(nodes.values())
    random.shuffle(shuffled)
    assert choose_branch({node.id: node for node in shuffled}, None) == choose_branch(nodes, None)


@given(forests())
def test_without_a_current_node_the_branch_ends_in_a_newest_leaf(nodes):
    inner = {node.parent for node in nodes.values()}
    leaves = [node for node in nodes.values() if node.id not in inner]
    end = choose_branch(nodes, None).nodes[-1]
    assert end in leaves
    assert (end.created_ms or -1) == max(node.created_ms or -1 for node in leaves) or end.created_ms == 0


def test_no_nodes_are_no_branch():
    branch = choose_branch({}, "a")
    assert (branch.nodes, branch.loose) == ((), 0)


def test_names_in_a_list_are_never_taken_twice():
    taken: list[str] = []
    for place, own in enumerate(["a", "a", "#1", "#4", None, "b"]):
        taken.append(name_in_list(own, place, taken))
    assert taken == ["a", "#1", "#2", "#3", "#4", "b"]


def test_many_nodes_take_time_in_proportion():
    """One long branch with as many nodes beside it, and a circle: whatever walks to the root for each takes hours."""
    count = 100_000
    nodes = {str(n): Node(str(n), str(n - 1) if n else None, {}, n, counts=True) for n in range(count)}
    nodes |= {f"b{n}": Node(f"b{n}", str(n), {}, 0, counts=True) for n in range(count)}
    nodes |= {f"c{n}": Node(f"c{n}", f"c{(n + 1) % count}", {}, 0, counts=True) for n in range(count)}
    branch = choose_branch(nodes, str(count - 1))
    assert (len(branch.nodes), sum(branch.forks.values()), branch.loose) == (count, count, count)
