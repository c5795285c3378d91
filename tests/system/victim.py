"""The process that gets killed: submits messages and notes each receipt, until the end."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from tests.system.market import BROKER, MARKET, MATCHER, Market
from ufmi import Node
from ufmi.protocol import Line
from ufmi.protocol.codes import CURRENCIES
from ufmi.protocol.funds import Y1
from ufmi.protocol.orders import S1


def lines(market: Market, chance: random.Random) -> list[Line]:
    """Some orders, now and then a deposit."""
    made = []
    for _ in range(chance.randrange(1, 8)):
        if chance.random() < 0.3:
            made.append(market.broker.sign(deposit_of(market, chance.randrange(1, 100))))
            continue
        signed = market.order(chance.randrange(1, 5))
        order = signed.order
        message = S1(
            tx=market.matcher.new_tx(),
            number=order.number,
            asset_class=order.asset_class,
            asset=order.asset,
            side=order.side,
            network=market.node.network,
            sender=MATCHER,
            valid_until=market.matcher.valid_until(),
            market=MARKET,
            order=order,
            signature=signed.signature,
        )
        made.append(market.matcher.sign(message))
    return made


def deposit_of(market: Market, amount: int) -> Y1:
    return Y1(
        tx=market.broker.new_tx(),
        ag=BROKER,
        bank=market.bank.id,
        unified="L000000001",
        broker_user="client",
        bank_user="at-bank",
        currency="CNY",
        amount=amount,
        unit=CURRENCIES["CNY"],
        address=market.wallet.address,
        network=market.node.network,
        sender=BROKER,
        valid_until=market.broker.valid_until(),
    )


def main() -> None:
    folder, notes, in_flight, seed = sys.argv[1:]
    chance = random.Random(int(seed))
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Node.open(Path(folder), in_flight=int(in_flight)) as node:
        market = Market(node)
        market.catch_up()
        while True:
            tickets = node.frontend.submit(lines(market, chance))
            for ticket in tickets:
                assert ticket.receipt is not None, ticket.refusal
                os.write(descriptor, f"{ticket.receipt.number} {ticket.receipt.digest}\n".encode())


if __name__ == "__main__":
    main()
