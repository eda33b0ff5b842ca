"""The order of a conversation: gaps, replays, reorderings and rollbacks show (docs/threats.md A12, A13, A14)."""

import hashlib
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balon.protocol.encoding import ZERO_HASH
from balon_client.chain import Chain, Link
from balon_client.keyring_model import Mark

ALICE, BOB = UUID(int=0xA), UUID(int=0xB)


def honest(senders, *, lag=()) -> list[Link]:
    """A history as honest clients write it; a sender in `lag` did not see the newest message of another."""
    links: list[Link] = []
    for position, sender in enumerate(senders, 1):
        seen = links[:-1] if position in lag and links and links[-1].sender_id != sender else links
        links.append(
            Link(
                position=position,
                message_id=UUID(int=1000 + position),
                sender_id=sender,
                seq=1 + sum(link.sender_id == sender for link in links),
                prev_hash=seen[-1].hash if seen else ZERO_HASH,
                hash=hashlib.sha256(str(position).encode()).digest(),
            )
        )
    return links


def numbered(links) -> list[Link]:
    """The server's numbers over whatever it gives: gapless, so that positions tell nothing."""
    return [replace(link, position=position) for position, link in enumerate(links, 1)]


def head_of(links, who=ALICE) -> Mark | None:
    own = [link for link in links if link.sender_id == who]
    return Mark(own[-1].seq, own[-1].hash) if own else None


def whole(links, own_head=None) -> Chain:
    chain = Chain(ALICE, own_head)
    chain.begin(links, more=False)
    return chain


def paged(links, size, own_head=None) -> tuple[Chain, list[Link]]:
    chain = Chain(ALICE, own_head)
    shown = chain.begin(links[-size:], more=len(links) > size)
    end = len(links) - size
    while end > 0:
        start = max(0, end - size)
        shown = chain.prepend(links[start:end], more=start > 0) + shown
        end = start
    return chain, shown


def codes(chain) -> set[str]:
    return {alarm.code for alarm in chain.alarms}


senders = st.lists(st.sampled_from([ALICE, BOB]), min_size=1, max_size=14)


@given(senders, st.sets(st.integers(1, 14)), st.integers(1, 5))
def test_an_honest_history_raises_nothing_whole_or_paged(who, lag, size):
    links = honest(who, lag=lag)
    assert codes(whole(links, head_of(links))) == set()
    chain, shown = paged(links, size, head_of(links))
    assert codes(chain) == set()
    assert shown == links
    assert chain.is_complete
    assert chain.high == len(links)
    assert chain.head_hash == links[-1].hash


@given(senders, st.integers(0, 13))
def test_an_honest_history_raises_nothing_when_it_grows(who, known):
    links = honest(who)
    known = min(known, len(links))
    chain = whole(links[:known], head_of(links[:known]))
    assert chain.append(links[known:]) == links[known:]
    assert codes(chain) == set()
    assert chain.next_own_seq == who.count(ALICE) + 1


@settings(max_examples=300)
@given(st.integers(2, 10), st.data(), st.integers(1, 4))
def test_any_other_order_of_one_persons_messages_is_an_alarm(count, data, size):
    links = honest([ALICE] * count)
    order = data.draw(st.permutations(links).filter(lambda other: list(other) != links))
    assert codes(whole(numbered(order), head_of(links)))
    assert codes(paged(numbered(order), size, head_of(links))[0])


@settings(max_examples=300)
@given(st.integers(1, 10), st.data(), st.integers(1, 4))
def test_any_message_left_out_is_an_alarm(count, data, size):
    links = honest([ALICE] * count)
    kept = data.draw(st.lists(st.sampled_from(links), unique=True, max_size=count - 1))
    kept.sort(key=lambda link: link.position)
    for given_links in (kept, numbered(kept)):
        assert codes(whole(given_links, head_of(links)))
        assert codes(paged(given_links, size, head_of(links))[0])


@given(senders, st.data())
def test_a_message_left_out_among_several_people_is_an_alarm(who, data):
    links = honest([*who, ALICE])
    lost = data.draw(st.integers(0, len(links) - 2))
    kept = numbered(links[:lost] + links[lost + 1 :])
    assert codes(whole(kept, head_of(links)))


@given(st.integers(1, 8), st.data())
def test_a_message_given_twice_is_shown_once(count, data):
    links = honest([ALICE] * count)
    again = data.draw(st.sampled_from(links))
    chain = whole(links, head_of(links))
    assert chain.append([again]) == []
    assert codes(chain) == set()
    assert chain.append([replace(again, position=count + 1)]) == []
    assert codes(chain) == {"history-replay"}


def test_the_same_message_in_two_places_of_a_page_is_shown_once():
    links = honest([ALICE] * 4)
    chain = Chain(ALICE, None)
    shown = chain.begin(numbered([links[0], links[1], links[1], links[2], links[3]]), more=False)
    assert [link.hash for link in shown] == [link.hash for link in links]
    assert "history-replay" in codes(chain)


def test_a_lost_tail_is_a_rollback():
    links = honest([ALICE] * 6)
    assert codes(whole(links[:4], head_of(links))) == {"history-rollback"}
    assert codes(whole([], head_of(links))) == {"history-rollback"}
    assert codes(whole([])) == set()


def test_a_lost_tail_among_others_is_a_rollback_for_whoever_saw_it():
    links = honest([ALICE, BOB, BOB])
    chain = whole(links[:2], head_of(links))
    chain.check_seen(3, links[2].hash)
    assert codes(chain) == {"history-rollback"}


def test_another_message_in_the_place_of_an_own_one_is_a_replay():
    links = honest([ALICE] * 3)
    forged = replace(links[2], hash=bytes(31) + b"\x01")
    assert codes(whole([*links[:2], forged], head_of(links))) == {"history-replay"}


def test_a_head_below_the_known_one_is_a_rollback_and_a_later_one_is_news():
    links = honest([ALICE] * 3)
    chain = whole(links, head_of(links))
    chain.check_head(3, links[2].hash)
    chain.check_head(9, bytes(32))
    assert codes(chain) == set()
    chain.check_head(2, links[1].hash)
    assert codes(chain) == {"history-rollback"}


def test_a_beginning_that_is_hidden_is_a_gap():
    links = honest([ALICE] * 6)
    chain = Chain(ALICE, head_of(links))
    chain.begin(links[3:], more=False)
    assert codes(chain) == {"history-gap"}


def test_an_empty_older_page_that_was_promised_is_a_gap():
    links = honest([ALICE] * 6)
    chain = Chain(ALICE, head_of(links))
    chain.begin(links[3:], more=True)
    assert codes(chain) == set()
    chain.prepend([], more=True)
    assert codes(chain) == {"history-gap"}


def test_one_that_does_not_open_is_the_only_alarm_and_the_others_stay():
    links = honest([ALICE] * 6)
    broken = [*links[:3], replace(links[3], genuine=False, hash=bytes(31) + b"\x01"), *links[4:]]
    chain = whole(broken, head_of(links))
    assert codes(chain) == {"message-refused"}
    assert chain.high == 6


def test_a_reference_to_an_older_message_than_the_senders_own_last_is_an_alarm():
    links = honest([BOB, ALICE, ALICE])
    stale = replace(links[2], prev_hash=links[0].hash)
    assert codes(whole([*links[:2], stale])) == {"history-order"}
    chain = whole(links[:2])
    chain.append([stale])
    assert codes(chain) == {"history-order"}


def test_a_reference_to_nothing_after_the_first_message_is_an_alarm():
    links = honest([ALICE, ALICE])
    cut = replace(links[1], prev_hash=ZERO_HASH)
    assert codes(whole([links[0], cut])) == {"history-gap"}
    chain = whole(links[:1])
    chain.append([cut])
    assert codes(chain) == {"history-gap"}


def test_what_was_verified_stays_after_an_alarm():
    links = honest([ALICE] * 3)
    chain = whole(links, head_of(links))
    chain.append([replace(links[1], position=4)])
    assert chain.high == 3
    assert all(link.message_id in chain for link in links)


@pytest.mark.parametrize("more", [True, False])
def test_the_next_number_is_known_once_an_own_message_or_the_beginning_is(more):
    links = honest([ALICE, BOB, BOB])
    chain = Chain(ALICE, None)
    chain.begin(links[1:], more=True)
    assert chain.next_own_seq is None
    chain.prepend(links[:1], more=more)
    assert chain.next_own_seq == 2
