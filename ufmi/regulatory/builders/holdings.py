"""资产映射: an asset comes onto the ledger (10.4.1.5.3)."""

from __future__ import annotations

from ufmi.amounts import format_amount
from ufmi.protocol.holdings import Z1Locked
from ufmi.regulatory.builders.disclosures import OTHER, notice
from ufmi.regulatory.builders.moves import register
from ufmi.regulatory.builders.step import Step, builds


@builds(Z1Locked)
def locked(step: Step, answer: Z1Locked) -> None:
    """The registry locked the asset: a right on the ledger, and a notice that it is there."""
    if not answer.locked:
        return
    own = (answer.address, answer.tx)
    register(
        step, ("RE", "Z1", *own), answer.address, answer.asset, answer.quantity,
        description="资产上链",
    )  # fmt: skip
    asset = step.state.assets[answer.asset]
    quantity = format_amount(answer.quantity, asset.decimals)
    notice(
        step,
        ("DI", "Z1", *own),
        asset.registry,
        f"资产上链：{asset.name}",
        f"{step.party(asset.registry).name}锁定{asset.name}（{answer.asset}）{quantity}，已上链",
        referrer=asset.registry,
        source=OTHER,
        metadata={"asset": answer.asset, "product": step.product(answer.asset)},
    )
