"""When a call may go, and what was spent."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from customer_assets.errors import (
    QuotaError,
)


@dataclass
class Meter:
    """What a run spent, and what the system says is left.

    Attributes:
        budget: calls this run may spend (None: no limit).
        halt: why no further call may be made, once that is so.
        calls, received: calls made, bytes received.
        quota_left: calls left today, as the system last said.
        on_call: told after each call, for progress bars.
    """

    system: str
    budget: int | None = None
    halt: str | None = None
    calls: int = 0
    received: int = 0
    quota_left: int | None = None
    on_call: Callable[[Meter], None] | None = None

    def spend(self) -> None:
        """Count one call.

        Raises:
            QuotaError: the run's budget is used up, or the day's quota is down to its reserve.
        """
        if self.halt is not None:
            raise QuotaError(self.halt, system=self.system)
        if self.budget is not None and self.calls >= self.budget:
            raise QuotaError(
                f"{self.system}: this run's call budget of {self.budget} is used up "
                f"({self.system.upper()}_CALL_BUDGET); the next run goes on from here",
                system=self.system,
            )
        self.calls += 1
        if self.on_call is not None:
            self.on_call(self)


@dataclass
class Pacer:
    """A token bucket: `burst` calls at once, then `rate` a second. Waiting callers go in the order they came."""

    rate: float
    burst: int
    _level: float = field(init=False)
    _at: float = field(init=False)
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._level = float(self.burst)
        self._at = time.monotonic()

    def wait(self) -> float:
        """Seconds until a call may go."""
        self._refill()
        return max(0.0, 1 - self._level) / self.rate

    async def turn(self) -> None:
        """Wait for this call's turn."""
        async with self._lock:
            if wait := self.wait():
                await asyncio.sleep(wait)
                self._refill()
            self._level -= 1

    def correct(self, remaining: float) -> None:
        """The system says how many calls it still takes right now: never believe in more than that."""
        self._refill()
        self._level = min(self._level, remaining)

    def note_spent(self, calls: int, seconds_ago: float) -> None:
        """Others made so many calls, the last of them so long ago: they count as ours."""
        self._level = min(self._level, max(0.0, self.burst - calls) + seconds_ago * self.rate)

    def slow_down(self, rate: float) -> None:
        """From now on at most `rate` calls a second, and no burst."""
        self.rate, self.burst = min(self.rate, rate), 1
        self._level = min(self._level, 1.0)

    def _refill(self) -> None:
        now = time.monotonic()
        self._level = min(float(self.burst), self._level + (now - self._at) * self.rate)
        self._at = now


@dataclass
class Resting(Pacer):
    """A bucket that rests for `rest` seconds, a third more or less, after each `stretch` calls."""

    stretch: int
    rest: float
    _made: int = field(init=False, default=0)

    def wait(self) -> float:
        """Seconds until a call may go, about."""
        return super().wait() + (self.rest if self._made >= self.stretch else 0)

    async def turn(self) -> None:
        """Wait for this call's turn."""
        if self._made >= self.stretch:
            self._made = 0
            await asyncio.sleep(self.rest * random.uniform(0.7, 1.3))  # noqa: S311 (no secret)
        await super().turn()
        self._made += 1

    def note_spent(self, calls: int, seconds_ago: float) -> None:
        """Others made so many calls, the last of them so long ago: they count as ours."""
        super().note_spent(calls, seconds_ago)
        self._made += (
            (calls - 1) % self.stretch + 1 if calls else 0
        )  # they rested after each whole stretch but the last


@dataclass
class Window(Pacer):
    """At most `burst` calls in any `burst / rate` seconds: for a system that counts the calls of the last minute.

    A bucket would let go another `rate` a second while the burst is still counted.
    """

    _times: deque[float] = field(init=False, default_factory=deque)

    def wait(self) -> float:
        """Seconds until a call may go."""
        if len(self._times) < self.burst:
            return 0.0
        return max(0.0, self._times[-self.burst] + self.burst / self.rate - time.monotonic())

    async def turn(self) -> None:
        """Wait for this call's turn."""
        async with self._lock:
            if wait := self.wait():
                await asyncio.sleep(wait)
            self._note(time.monotonic(), 1)

    def correct(self, remaining: float) -> None:
        """The system says how many calls it still takes right now: never believe in more than that."""
        now = time.monotonic()
        counted = sum(at > now - self.burst / self.rate for at in self._times)
        self._note(now, max(0, int(self.burst - counted - remaining)))

    def note_spent(self, calls: int, seconds_ago: float) -> None:
        """Others made so many calls, the last of them so long ago: they count as ours."""
        self._note(time.monotonic() - seconds_ago, min(calls, self.burst))

    def _note(self, at: float, calls: int) -> None:
        self._times.extend([at] * calls)
        while len(self._times) > self.burst:
            self._times.popleft()
