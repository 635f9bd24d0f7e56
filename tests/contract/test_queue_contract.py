"""What every queue does. Each test runs on every engine."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.core.errors import Unavailable
from chalicelib.storage.queue import (
    MAX_BODY_BYTES,
    MAX_REASON_CHARACTERS,
    MAX_RECEIVED,
    Message,
    Queue,
)
from chalicelib.storage.sqs_queue import SqsQueue
from chalicelib.storage.table_queue import TableQueue
from tests import real_engines
from tests.contract.queue_engines import ENGINES, HIDDEN_S, QueueEngine, sqs_client
from tests.contract.table_engines import sqlite_engine
from tests.folders import quick_folder

SLOW = ("sqs", "table-moto")
PARAMS = [
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    *real_engines.marked(name for name in ENGINES if name not in SLOW),
]


@pytest.fixture(params=PARAMS)
def engine(request: pytest.FixtureRequest) -> Iterator[QueueEngine]:
    """An empty queue on each engine in turn."""
    with quick_folder() as folder, ENGINES[request.param](Path(folder)) as fresh:
        yield fresh


@pytest.fixture
def queue(engine: QueueEngine) -> Queue:
    return engine.queue


def received(queue: Queue, count: int) -> list[Message]:
    """So many messages: one answer need not have them all."""
    found: list[Message] = []
    while len(found) < count:
        found += queue.receive(min(count - len(found), MAX_RECEIVED))
    return found


def test_what_is_sent_is_received(queue: Queue) -> None:
    body = '{"key": "ä/日本 😀"}\n\t'
    queue.send(body)
    (message,) = queue.receive()
    assert message.body == body
    assert message.tries == 1
    assert message.reason is None


def test_an_empty_queue_answers_with_nothing(queue: Queue) -> None:
    assert not queue.receive()
    assert queue.depth() == 0


def test_an_answer_has_at_most_what_was_asked_for(queue: Queue) -> None:
    bodies = {f"message {number}" for number in range(MAX_RECEIVED + 3)}
    for body in bodies:
        queue.send(body)
    answers = [queue.receive(4), queue.receive(1), queue.receive(1000)]
    assert [len(answer) for answer in answers[:2]] == [4, 1]
    assert len(answers[2]) <= MAX_RECEIVED
    told = [message.body for answer in answers for message in answer]
    told += [message.body for message in received(queue, len(bodies) - len(told))]
    assert sorted(told) == sorted(bodies)


def test_a_message_is_hidden_while_it_is_worked_on(engine: QueueEngine) -> None:
    engine.queue.send("once")
    received(engine.queue, 1)
    engine.advance(HIDDEN_S - 5)
    assert not engine.queue.receive()


def test_a_message_that_is_not_deleted_comes_again_and_counts_its_tries(
    engine: QueueEngine,
) -> None:
    engine.queue.send("again", "because")
    for tries in (1, 2, 3):
        (message,) = received(engine.queue, 1)
        assert (message.body, message.tries, message.reason) == ("again", tries, "because")
        engine.advance(HIDDEN_S + 1)


def test_a_deleted_message_never_comes_again(engine: QueueEngine) -> None:
    engine.queue.send("done")
    engine.queue.send("not done")
    for message in received(engine.queue, 2):
        if message.body == "done":
            engine.queue.delete(message)
    engine.advance(HIDDEN_S + 1)
    assert [message.body for message in received(engine.queue, 1)] == ["not done"]
    assert engine.queue.depth() == 1


def test_deleting_twice_is_fine(queue: Queue) -> None:
    queue.send("done")
    (message,) = received(queue, 1)
    queue.delete(message)
    queue.delete(message)
    assert queue.depth() == 0


def test_a_message_can_be_deleted_after_its_time(engine: QueueEngine) -> None:
    engine.queue.send("slow work")
    (message,) = received(engine.queue, 1)
    engine.advance(HIDDEN_S + 1)
    engine.queue.delete(message)
    assert engine.queue.depth() == 0


def test_a_reason_is_kept_and_cut(queue: Queue) -> None:
    sent = {"short": "it is no image", "long": "x" * 999 + "äö", "empty": "", "odd": "a\0b\x1bc"}
    for body, reason in sent.items():
        queue.send(body, reason)
    assert {message.body: message.reason for message in received(queue, 4)} == {
        "short": "it is no image",
        "long": ("x" * 999 + "ä")[:MAX_REASON_CHARACTERS],
        "empty": None,
        "odd": "a\ufffdb\ufffdc",
    }


def test_the_largest_message_is_taken_and_a_larger_one_refused(queue: Queue) -> None:
    largest = "ä" * (MAX_BODY_BYTES // 2)
    with pytest.raises(ValueError, match="too large"):
        queue.send(largest + "x")
    queue.send(largest, "r" * MAX_REASON_CHARACTERS)
    (message,) = received(queue, 1)
    assert message.body == largest


@pytest.mark.parametrize("body", ["", "a\0b", "\x1b", "\ufffe", "\ud800"])
def test_what_is_no_text_is_refused(queue: Queue, body: str) -> None:
    with pytest.raises(ValueError, match="a message is text"):
        queue.send(body)
    assert queue.depth() == 0


def test_the_depth_counts_what_is_hidden(queue: Queue) -> None:
    for number in range(3):
        queue.send(f"message {number}")
    assert queue.depth() == 3
    received(queue, 2)
    assert queue.depth() == 3


def test_two_receivers_never_have_one_message_at_once(queue: Queue) -> None:
    count = 12
    for number in range(count):
        queue.send(f"message {number}")
    told: Counter[str] = Counter()
    lock, start = threading.Lock(), threading.Barrier(2)

    def work() -> None:
        start.wait()
        while told.total() < count:
            for message in queue.receive(3):
                with lock:
                    told[message.body] += 1

    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(work) for _ in range(2)]:
            each.result()
    assert told == {f"message {number}": 1 for number in range(count)}


def test_senders_beside_each_other_lose_nothing(queue: Queue) -> None:
    def work(sender: int) -> None:
        for number in range(5):
            queue.send(f"{sender}: {number}")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(2)))
    told = sorted(message.body for message in received(queue, 10))
    assert told == sorted(f"{sender}: {number}" for sender in range(2) for number in range(5))


def test_queues_of_a_table_are_apart(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as on:
        one, other = (TableQueue(on.table, name, on.clock) for name in ("a", "ab"))
        one.send("for a")
        assert not other.receive()
        assert one.depth() == 1


def test_a_receipt_from_before_deletes_nothing_of_who_has_the_message_now(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as on:
        queue = TableQueue(on.table, "slow", on.clock, HIDDEN_S)
        queue.send("twice")
        (late,) = queue.receive()
        on.clock.advance(HIDDEN_S + 1)
        (now,) = queue.receive()
        queue.delete(late)
        assert queue.depth() == 1
        queue.delete(now)
        assert queue.depth() == 0


def test_a_queue_of_sqs_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with ENGINES["sqs"](tmp_path):
        client = sqs_client()
        gone = SqsQueue(lambda: client, "https://sqs.eu-central-1.amazonaws.com/1/gone")
        for call in (lambda: gone.send("x"), gone.receive, gone.depth):
            with pytest.raises(Unavailable, match="check the deployment"):
                call()


def test_sqs_that_does_not_answer_is_unavailable() -> None:
    client = sqs_client(endpoint_url="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="did not answer"):
        SqsQueue(lambda: client, "http://127.0.0.1:1/queue").send("x")


def test_no_client_is_made_without_the_address_of_a_queue() -> None:
    def client() -> None:
        raise AssertionError("a client was made")

    queue = SqsQueue(client, None)
    with pytest.raises(Unavailable, match="TRIALBOOK_ARRIVALS"):
        queue.receive()
