"""The operator: admits institutions, changes keys, statuses and rules, m of n."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ufmi import frontend_key
from ufmi.crypto import Signer, Sm2PublicKey
from ufmi.frontend import Executed
from ufmi.node import Node
from ufmi.protocol import Message, Role
from ufmi.protocol.governance import Activate, Admit, Revoke, Status
from ufmi.sdk.party import Client

# Makes one key's approval: sender, valid_until.
_Build = Callable[[str, int], Message]


class Operator:
    """The holders of operator keys, acting together.

    Args:
        signers: of as many operator keys as the threshold asks for, or more.
    """

    def __init__(self, node: Node, signers: Sequence[Signer]) -> None:
        self.node = node
        self._clients = [Client(node, signer.address, signer) for signer in signers]

    @property
    def client(self) -> Client:
        """The first key's own connection."""
        return self._clients[0]

    def admit(
        self, party: str, role: Role | str, key: Sm2PublicKey, name: str, market: str = ""
    ) -> Executed:
        """Admits a market or institution, or gives it a new key after a revocation.

        Raises:
            Refused: by the contract, with the result code.
        """
        tx = self._clients[0].new_tx()
        return self._approve(
            lambda sender, until: Admit(
                tx=tx,
                party=party,
                role=str(role),
                market=market,
                name=name,
                key=key.to_hex(),
                network=self.node.network,
                sender=sender,
                valid_until=until,
            )
        )

    def revoke(self, subject: str, key: Sm2PublicKey) -> Executed:
        """Revokes the valid key of a party, an address or an operator. Raises Refused."""
        tx = self._clients[0].new_tx()
        return self._approve(
            lambda sender, until: Revoke(
                tx=tx,
                subject=subject,
                key=key.to_hex(),
                network=self.node.network,
                sender=sender,
                valid_until=until,
            )
        )

    def rotate(
        self, subject: str, old: Sm2PublicKey, new: Signer, certificate: str = ""
    ) -> Executed:
        """Gives an operator or the front-end another key. Raises Refused.

        Args:
            subject: the address of the old key.
            certificate: SHA-256 of the front-end's new X.509 certificate, hex.
        """
        first = self._clients[0]
        message = first.rotation(subject, old, new, first.new_tx(), certificate)
        return self._approve(
            lambda sender, until: replace(message, sender=sender, valid_until=until)
        )

    def rotate_frontend_key(self, password: str | None = None) -> Executed:
        """Gives the front-end of this node another key, kept in the node's folder.

        Args:
            password: protects the key's file, as it does the old one.

        Raises:
            Refused: the ledger keeps the old one.
        """
        node = self.node
        new = Signer.of(frontend_key.prepare(node.folder, password, node.random_bytes))
        executed = self.rotate(node.frontend_key.address, node.frontend_key, new)
        frontend_key.put_in_place(node.folder)
        node.frontend_key = new.public_key
        node.frontend.sign_with(new)
        return executed

    def set_status(self, kind: str, subject: str, status: str) -> Executed:
        """STATUS of a PARTY, ADDRESS, ASSET or the NETWORK. Raises Refused.

        Args:
            status: ACTIVE, SUSPENDED, REMOVED, FROZEN or HALTED.
        """
        tx = self._clients[0].new_tx()
        return self._approve(
            lambda sender, until: Status(
                tx=tx,
                kind=kind,
                subject=subject,
                status=status,
                network=self.node.network,
                sender=sender,
                valid_until=until,
            )
        )

    def activate(self, rules: int) -> Executed:
        """Puts new rules in force. Raises Refused where the contract does not know them."""
        tx = self._clients[0].new_tx()
        return self._approve(
            lambda sender, until: Activate(
                tx=tx,
                rules=rules,
                network=self.node.network,
                sender=sender,
                valid_until=until,
            )
        )

    def _approve(self, build: _Build) -> Executed:
        """Sends the approvals one after the other until they are enough."""
        until = self._clients[0].valid_until()
        executed = self._clients[0].send(build(self._clients[0].id, until))
        for client in self._clients[1:]:
            if executed.result.code == "OK":
                break
            executed = client.send(build(client.id, until))
        return executed
