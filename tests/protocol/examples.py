"""One example of every form."""

from __future__ import annotations

from functools import cache

from ufmi.protocol import Form, Message

from . import builders, transfers, updates


@cache
def messages() -> tuple[Message, ...]:
    """Of every message that is submitted."""
    return (
        *(builders.x1(), builders.x1_bank(), builders.x1_registry()),
        *(updates.x2(), updates.x2_bank(), updates.x2_registry(), updates.x2_update()),
        *(builders.p1(), builders.p1_registry()),
        *(updates.p2(), updates.p2_registry(), updates.p2_update()),
        *(builders.y1(), builders.y1_locked()),
        *(transfers.receive(), transfers.y2()),
        *(transfers.y2_burn(), transfers.y2_moved(), transfers.y2_credited()),
        *(builders.z1(), builders.z1_locked(), transfers.z2()),
        *(builders.s1(), transfers.s2(), transfers.cancel(), transfers.s2_removed()),
        *(transfers.s3(), transfers.s4_adopted(), builders.t1()),
        *(builders.admit(), builders.revoke(), builders.expire()),
        *(updates.rotate(), updates.status(), updates.activate()),
    )


@cache
def queries() -> tuple[Message, ...]:
    """Of every message that only asks."""
    return (updates.x3(), updates.p3())


@cache
def others() -> tuple[Form, ...]:
    """Of everything that is not sent to UFMI: what wallets sign, what UFMI answers."""
    return (
        *(builders.bind(), builders.order()),
        *(updates.consent(), updates.possess(), transfers.withdraw()),
        *(builders.x1_result(), updates.x2_result(), updates.x3_result()),
        *(builders.p1_result(), updates.p2_result(), updates.p3_result()),
        *(builders.y1_result(), transfers.y2_checked(), transfers.y2_received()),
        *(transfers.y2_status(), transfers.y2_result(), transfers.receive_result()),
        *(builders.z1_result(), transfers.z2_result(), transfers.z3()),
        *(builders.s1_result(), transfers.s2_result(), transfers.s2_cancelled()),
        *(transfers.s3_result(), transfers.s4()),
        *(builders.t1_result(), transfers.t1_settled()),
        *(builders.outcome(), builders.ended(), updates.changed()),
    )


@cache
def forms() -> tuple[Form, ...]:
    """Of every form."""
    return (*messages(), *queries(), *others())
