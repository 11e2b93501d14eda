"""Keeps the shop's orders, and has `payments` charge them."""

from __future__ import annotations

import os

import httpx
from flask import Flask, request
from flask.typing import ResponseReturnValue

import obs
from examples.shop import database

obs.init(service="orders")

log = obs.get_logger()
placed = obs.counter("shop_orders_placed", "Orders that were paid and kept.", labels=("method",))

app = Flask(__name__)
payments = httpx.Client(base_url=os.environ.get("SHOP_PAYMENTS_URL", "http://127.0.0.1:8002"), timeout=5)


@app.post("/orders")
def place() -> ResponseReturnValue:
    """Charge an order and keep it."""
    basket = request.get_json()
    charge = payments.post("/charges", json={"amount": basket["amount"], "card": basket["card"]})
    if charge.status_code >= 500:
        log.error("payment failed", item=basket["item"], answer=charge.status_code)
        return {"error": "the payment failed"}, 502
    with obs.span("insert order", item=basket["item"]):
        order = database.insert(basket["item"], basket["amount"])
    placed.add(1, method=basket["method"])
    log.info("order kept", order=order, item=basket["item"])
    return {"order": order, "state": "paid"}, 201


@app.get("/orders/<int:order>")
def show(order: int) -> ResponseReturnValue:
    """Tell the state of an order."""
    state = database.state(order)
    if state is None:
        return {"error": "no such order"}, 404
    return {"order": order, "state": state}


@app.get("/stock/<item>")
def stock(item: str) -> ResponseReturnValue:
    """Tell how many of an item are left; always plenty."""
    return {"item": item, "left": 100}
