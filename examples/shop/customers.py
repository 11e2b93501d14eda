"""The shop's customers: a steady mix of requests, a slow page, and bursts of failing payments."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Self

import httpx

_EVERY_SECONDS = 0.05
_BURST_EVERY_SECONDS = 120.0
_BURST_SECONDS = 15.0


class Customers:
    """Customers that shop until they are sent home.

    Args:
        gateway: The gateway's URL.
        bursts: Whether the bank breaks down by itself, every two minutes for a quarter of a minute.
    """

    def __init__(self, gateway: str, *, bursts: bool) -> None:
        self._client = httpx.Client(base_url=gateway, timeout=10)
        self._bursts = bursts
        self._closed = threading.Event()
        self._bank_broken = threading.Event()
        self._thread = threading.Thread(target=self._shop, name="customers", daemon=True)
        self._started = time.monotonic()
        self.answered = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        self._client.close()

    def break_bank(self) -> None:
        """From now on most payments fail."""
        self._bank_broken.set()

    def repair_bank(self) -> None:
        """From now on payments succeed again."""
        self._bank_broken.clear()

    @property
    def _bank_is_broken(self) -> bool:
        scheduled = (time.monotonic() - self._started) % _BURST_EVERY_SECONDS > _BURST_EVERY_SECONDS - _BURST_SECONDS
        return self._bank_broken.is_set() or (self._bursts and scheduled)

    def _shop(self) -> None:
        chance = random.Random(1)
        for number in itertools.count():
            if self._closed.wait(_EVERY_SECONDS):
                return
            try:
                self._visit(number, chance)
                self.answered += 1
            except httpx.HTTPError:
                # A shop that is starting or going down; a customer comes back later.
                continue

    def _visit(self, number: int, chance: random.Random) -> None:
        match number % 20:
            case 5 | 15:
                self._client.get(f"/orders/{chance.randint(1, 20)}")
            case 9:
                self._client.get("/orders/999999999")
            case 13:
                self._client.get("/recommendations")
            case 17:
                self._client.get(f"/no-such-page/{number}")
            case _:
                broken = self._bank_is_broken and number % 5
                self._client.post(
                    "/checkout",
                    json={
                        "item": chance.choice(("tea", "teapot", "cup")),
                        "amount": round(chance.lognormvariate(3, 1), 2),
                        "method": "card" if broken or chance.random() < 0.8 else "invoice",
                        "card": "bank-out-of-order" if broken else "",
                    },
                )
