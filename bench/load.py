"""Closed-loop load: each connection sends its next request when the answer to the last is there.

All connections are driven by one loop over epoll in this process: eight clients then cost the
machine little more than one, and the second core stays the server's.
"""

from __future__ import annotations

import gc
import select
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from bench.raw_client import STALL_S, Address, BrokenAnswer, Connection, Response

Plan = Generator[bytes, Response, None]
"""Yields request bytes, is sent the answer to each. It sees only answers of status 200 or 201, and
it sees them all: what it counts is what was acknowledged."""


class WrongAnswer(Exception):
    """A server did not do what it was asked to: no number may come of this."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a stretch of load showed; latencies in seconds, in order of completion."""

    latencies_s: list[float]
    elapsed_s: float
    client_cpu_s: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies_s) / self.elapsed_s

    def percentile_ms(self, percent: float) -> float:
        """The smallest latency that `percent` of the requests do not exceed (nearest rank)."""
        ranked = sorted(self.latencies_s)
        rank = max(1, -(-len(ranked) * percent // 100))
        return ranked[int(rank) - 1] * 1000


class _Lane:
    """A connection and its plan; `counted` when its latencies are what is measured."""

    def __init__(self, address: Address, plan: Plan, counted: bool) -> None:
        self.connection = Connection(address)
        self.plan = plan
        self.counted = counted
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.connection.send(request)


def accept(response: Response) -> Response:
    """The response itself. Raises WrongAnswer unless its status is 200 or 201."""
    if response.status in (200, 201):
        return response
    raise WrongAnswer(f"answered {response.status}: {bytes(response.body[:300])!r}")


def drive(
    address: Address, plans: Sequence[Plan], seconds: float, background: Sequence[Plan] = ()
) -> Load:
    """Run every plan on a connection of its own until it ends or `seconds` are over.

    At least one request per plan is completed. `background` plans run beside them and are cut off,
    uncounted, when the others are done. Raises WrongAnswer, BrokenAnswer.
    """
    lanes = [_Lane(address, plan, True) for plan in plans]
    lanes += [_Lane(address, plan, False) for plan in background]
    gc.collect()
    gc.disable()
    try:
        return _loop(lanes, seconds)
    finally:
        gc.enable()
        for lane in lanes:
            lane.plan.close()
            lane.connection.close()


def _loop(lanes: Sequence[_Lane], seconds: float) -> Load:
    poll = select.epoll()
    by_fd = {lane.connection.fileno(): lane for lane in lanes}
    latencies: list[float] = []
    left = sum(lane.counted for lane in lanes)
    cpu_started = time.process_time()
    started = time.perf_counter()
    for fd, lane in by_fd.items():
        poll.register(fd, select.EPOLLIN)
        lane.send(next(lane.plan))
    while left:
        events = poll.poll(STALL_S)
        if not events:
            raise BrokenAnswer(f"no byte came for {STALL_S} s")
        for fd, _ in events:
            lane = by_fd[fd]
            response = lane.connection.receive()
            if response is None:
                continue
            now = time.perf_counter()
            if lane.counted:
                latencies.append(now - lane.sent_at)
            request = _next(lane.plan, accept(response))
            if request is not None and (now - started < seconds or not lane.counted):
                lane.send(request)
            else:
                poll.unregister(fd)
                left -= lane.counted
    # Not `now`: what the last plan did with its last answer, such as parsing it, is its time too.
    elapsed = time.perf_counter() - started
    poll.close()
    return Load(latencies, elapsed, time.process_time() - cpu_started)


def _next(plan: Plan, response: Response) -> bytes | None:
    try:
        return plan.send(response)
    except StopIteration:
        return None
