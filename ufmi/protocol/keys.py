"""Names of the state keys of channel `udl`. Parts never hold a slash."""

from __future__ import annotations

from ufmi.crypto import sm3_hex

NETWORK = "network"
# Which matchers follow which orders (S3): one record, which every S1 reads.
SUBSCRIPTIONS = "subscriptions"


def signer(sender: str) -> str:
    """Where a sender's key is found: a party's record, or an address's."""
    return party(sender) if sender[0] in "NM" else address(sender)


def party(institution: str) -> str:
    return f"party/{institution}"


def address(address: str) -> str:
    return f"address/{address}"


def user(unified: str) -> str:
    return f"user/{unified}"


def person(hmac: str) -> str:
    return f"person/{hmac}"


def account(broker: str, broker_user: str) -> str:
    """Which user a broker's own id names; the id may hold anything, its digest no slash."""
    return f"account/{broker}/{sm3_hex(broker_user.encode())[:32]}"


def update(broker: str, tx: str) -> str:
    """An update of an account (X2) that waits for its answers."""
    return f"update/{broker}/{tx}"


def asset(code: str) -> str:
    return f"asset/{code}"


def mark(code: str) -> str:
    return f"mark/{code}"


def listing(broker: str, tx: str) -> str:
    """A registration of an asset (P1) that waits for its registry."""
    return f"listing/{broker}/{tx}"


def amendment(broker: str, tx: str) -> str:
    """An update of an asset (P2) that waits for its answers."""
    return f"amendment/{broker}/{tx}"


def deposit(broker: str, tx: str) -> str:
    """A deposit (Y1) that waits for its bank."""
    return f"deposit/{broker}/{tx}"


def withdrawal(address: str, tx: str) -> str:
    """A withdrawal (Y2) on its way through the banks."""
    return f"withdrawal/{address}/{tx}"


def onchain(address: str, tx: str) -> str:
    """An asset on its way onto the ledger (Z1) that waits for its registry."""
    return f"onchain/{address}/{tx}"


def cash(address: str) -> str:
    return f"cash/{address}"


def holding(address: str, asset: str) -> str:
    return f"holding/{address}/{asset}"


def order(address: str, number: str) -> str:
    return f"order/{address}/{number}"


def proposal(name: str, tx: str) -> str:
    """Approvals by operator keys, collected until there are enough."""
    return f"proposal/{name}/{tx}"


def result(identity: str) -> str:
    return f"result/{identity}"
