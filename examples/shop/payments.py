"""Charges cards at a bank that is sometimes out of order."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

import obs

obs.init(service="payments")

log = obs.get_logger()
amounts = obs.histogram(
    "shop_payment_amount", "What customers paid, in euro.", labels=("currency",), buckets=(1, 5, 10, 25, 50, 100, 250)
)

app = FastAPI(title="Payments")


class BankOutOfOrderError(Exception):
    """The bank does not answer."""


class Charge(BaseModel):
    """What to charge, and where."""

    amount: float
    card: str = ""


@app.post("/charges")
async def charge(wanted: Charge) -> dict[str, object]:
    """Charge a card."""
    with obs.span("ask the bank", amount=wanted.amount):
        if wanted.card == "bank-out-of-order":
            raise BankOutOfOrderError("the bank does not answer")
    amounts.record(wanted.amount, currency="EUR")
    log.info("charged", amount=wanted.amount)
    return {"charged": wanted.amount}
