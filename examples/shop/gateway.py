"""The shop's front door: takes orders from customers and asks `orders` to place them."""

from __future__ import annotations

import asyncio
import os
from typing import Literal

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

import obs

obs.init(service="gateway")

log = obs.get_logger()
checkouts = obs.counter("shop_checkouts", "Orders that customers tried to place.", labels=("method",))

app = FastAPI(title="The shop")
orders = httpx.AsyncClient(base_url=os.environ.get("SHOP_ORDERS_URL", "http://127.0.0.1:8001"), timeout=5)


class Basket(BaseModel):
    """What a customer wants to buy, and how they pay."""

    item: str
    amount: float
    method: Literal["card", "invoice"] = "card"
    card: str = ""


@app.post("/checkout", status_code=201)
async def checkout(basket: Basket) -> dict[str, object]:
    """Place an order."""
    checkouts.add(1, method=basket.method)
    answer = await orders.post("/orders", json=basket.model_dump())
    if answer.status_code != 201:
        log.error("order was not placed", item=basket.item, answer=answer.status_code)
        raise HTTPException(502, "the order could not be placed")
    order: dict[str, object] = answer.json()
    log.info("order placed", order=order["order"], item=basket.item, amount=basket.amount)
    return order


@app.get("/orders/{order}")
async def show(order: int) -> dict[str, object]:
    """Tell how an order is doing."""
    answer = await orders.get(f"/orders/{order}")
    if answer.status_code == 404:
        raise HTTPException(404, "no such order")
    shown: dict[str, object] = answer.json()
    return shown


@app.get("/recommendations")
async def recommend() -> list[str]:
    """Suggest something; slow on purpose."""
    await asyncio.sleep(0.3)
    return ["tea", "teapot"]
