"""Sends out what was paid: a plain script without a web framework."""

from __future__ import annotations

import time

import obs
from examples.shop import database

obs.init(service="shipping")

log = obs.get_logger()
shipped = obs.counter("shop_parcels_shipped", "Parcels that left the house.")
backlog = obs.gauge("shop_shipping_backlog", "Paid orders that wait for shipping.")


@obs.traced("ship orders")
def ship() -> None:
    """Ship every order that is paid."""
    waiting = database.paid()
    backlog.set(len(waiting))
    for order in waiting:
        database.mark_shipped(order)
        shipped.add(1)
        log.info("parcel shipped", order=order)
    backlog.set(0)


def main() -> None:
    """Look for paid orders twice a second, until stopped."""
    while True:
        if database.paid():
            ship()
        time.sleep(0.5)


if __name__ == "__main__":
    main()
