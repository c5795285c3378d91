"""The role clients for asyncio: nothing here blocks the event loop.

    executed = await aio.call(broker.deposit, unified=unified, address=address, amount=1, …)
    executed = await aio.send(broker, message)
    async for delivery in aio.deliveries(node, "NLOTUSCNBXXX"): …

Many messages can be on their way at once: `asyncio.gather` over `send`. The node's front-end needs
threads of its own for that (`Node.open(…, in_flight=1)` or more).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from ufmi.errors import Backpressure, Refused
from ufmi.frontend import Delivery, Executed, Ticket
from ufmi.node import Node
from ufmi.protocol import UNRECORDED, Line, Message
from ufmi.sdk.party import Client

DELIVERIES_MAX = 10_000

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


async def call(
    method: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Calls a method of a role client in a thread of its own. Raises what it raises."""
    return await asyncio.to_thread(method, *args, **kwargs)


async def submit(node: Node, lines: list[Line]) -> list[Ticket]:
    """Takes messages in; when it returns, each has a durable receipt or is refused.

    Raises:
        Backpressure, StorageFailed, LedgerError: none of these was taken in.
    """
    return await asyncio.to_thread(node.frontend.submit, lines)


async def outcome(ticket: Ticket) -> Executed:
    """Waits for a message's result without a thread.

    Raises:
        Refused: the front-end did not take it in.
        UfmiError: it was taken in and its result is not known.
    """
    if ticket.done is None:
        return ticket.outcome()
    loop = asyncio.get_running_loop()
    settled = asyncio.Event()

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(settled.set)

    ticket.done.add_done_callback(wake)
    await settled.wait()
    return ticket.outcome(0)


async def send(client: Client, message: Message, documents: tuple[str, ...] = ()) -> Executed:
    """Signs, sends and waits for the result. Raises as `Client.send`."""
    line = await asyncio.to_thread(client.sign, message, documents)
    executed = await outcome((await submit(client.node, [line]))[0])
    result = executed.result
    if not result.accepted:
        raise Refused(
            result.code,
            result.detail,
            recorded=result.code not in UNRECORDED,
            transaction_id=executed.transaction_id,
        )
    return executed


async def deliveries(node: Node, party: str) -> AsyncIterator[Delivery]:
    """What UFMI sends to a party from now on, in order, without end.

    Raises:
        Backpressure: more came than was taken; ask for what was missed by its numbers.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Delivery] = asyncio.Queue(DELIVERIES_MAX)
    lost = False

    def put(delivery: Delivery) -> None:
        nonlocal lost
        lost = lost or waiting.full()
        if not lost:
            waiting.put_nowait(delivery)

    def handler(delivery: Delivery) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(put, delivery)

    node.frontend.connect(party, handler)
    try:
        while not (lost and waiting.empty()):
            yield await waiting.get()
        raise Backpressure(f"more than {DELIVERIES_MAX} deliveries waited for {party}")
    finally:
        node.frontend.disconnect(party, handler)
