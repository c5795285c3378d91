"""The part of the model about assets: registration, new information, who follows transfers."""

from __future__ import annotations

from typing import Any

from ufmi.protocol import Code

from .model_value import Plan, Value, nothing


class Assets(Value):
    """UAR."""

    # -- assets -------------------------------------------------------------------------------

    def on_p1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self.admitted(m.registry, "REGISTRY")
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        known = self.assets.get(m.asset)
        if known is not None and known["currency"] != m.currency:
            broken.add(Code.CURRENCY_MISMATCH)
        if known is not None and (m.bank, m.currency) in self.marks:
            broken.add(Code.ASSET_EXISTS)

        def effect() -> None:
            self.marks.add((m.bank, m.currency))
            if known is None:
                self.pending["listing", m.ag, m.tx] = {
                    "state": "open", "answered": digest, "until": m.valid_until,
                    "asset": m.asset, "registry": m.registry, "currency": m.currency,
                }  # fmt: skip

        return Plan(broken, effect, Code.PENDING if known is None else Code.OK)

    def on_p1_registry(self, m: Any, digest: str) -> Plan:
        key = ("listing", m.ag, m.tx)
        broken = self._answered(m, key, "registry")
        pending = self.pending.get(key, {})
        if pending and pending["asset"] != m.asset:
            broken.add(Code.TERMS_DIFFER)
        if m.accepted and pending and pending["currency"] != m.currency:
            broken.add(Code.CURRENCY_MISMATCH)
        late = m.accepted and m.asset in self.assets

        def effect() -> None:
            pending["state"] = "done" if m.accepted and not late else "refused"
            if m.accepted and not late:
                self.assets[m.asset] = {
                    "registry": m.sender, "registry_asset": m.registry_asset, "name": m.name,
                    "asset_class": m.asset_class, "decimals": m.decimals, "currency": m.currency,
                    "document": m.document, "flags": set(), "tracked": False,
                }  # fmt: skip

        return Plan(broken, effect)

    def on_p2(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self.admitted(m.registry, "REGISTRY")
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        if m.asset not in self.assets:
            broken.add(Code.ASSET_UNKNOWN)

        def effect() -> None:
            self.pending["amendment", m.ag, m.tx] = {
                "state": "open", "answered": digest, "until": m.valid_until, "asset": m.asset,
                "registry": m.registry, "says": "", "name": "", "document": "",
            }  # fmt: skip

        return Plan(broken, effect, Code.PENDING)

    def on_p2_registry(self, m: Any, digest: str) -> Plan:
        key = ("amendment", m.ag, m.tx)
        broken = self._answered(m, key, "registry")
        pending = self.pending.get(key, {})
        if pending and pending["says"]:
            broken.add(Code.NOT_PENDING)
        if pending and pending["asset"] != m.asset:
            broken.add(Code.TERMS_DIFFER)

        def effect() -> None:
            pending["says"] = "Y" if m.accepted else "N"
            pending.update(name=m.name, document=m.document)
            if not m.accepted:
                pending["state"] = "refused"

        return Plan(broken, effect, data={} if m.accepted else {"outcome": Code.NOT_AGREED})

    def on_p2_update(self, m: Any, digest: str) -> Plan:
        key = ("amendment", m.sender, m.tx)
        pending = self.pending.get(key)
        if pending is None:
            return Plan({Code.NOT_PENDING}, nothing)
        broken = set()
        if pending["state"] != "open":
            broken.add(Code.NOT_PENDING)
        elif pending["says"] != "Y":
            broken.add(Code.NOT_ANSWERED)
        if pending["answered"] != m.answered:
            broken.add(Code.DIGEST_MISMATCH)
        if (pending["asset"], pending["name"], pending["document"]) != (
            m.asset, m.name, m.document
        ):  # fmt: skip
            broken.add(Code.TERMS_DIFFER)

        def effect() -> None:
            pending["state"] = "done"
            self.assets[m.asset].update(name=m.name, document=m.document)

        return Plan(broken, effect)

    def on_z2(self, m: Any, digest: str) -> Plan:
        broken = set()
        if m.manager != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        asset = self.assets.get(m.asset)
        if asset is None:
            return Plan(broken | {Code.ASSET_UNKNOWN}, nothing)
        if asset["registry"] != m.sender:
            broken.add(Code.NOT_REGISTRAR)
        return Plan(broken, lambda: asset.update(tracked=m.subscribe))
