"""Result codes: what became of a message. Stable names; never reuse one with another meaning."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Code(StrEnum):
    """Why a message was accepted or refused. The comment says what its sender can do."""

    # Accepted.
    OK = "OK"  # done
    PENDING = "PENDING"  # accepted; waits for a confirmation or for more operator keys

    # Not authenticated or not well formed: never recorded, occupies no id.
    MALFORMED = "MALFORMED"  # write the text in its one form
    UNKNOWN_MESSAGE = "UNKNOWN_MESSAGE"  # there is no message of this name
    FIELD_INVALID = "FIELD_INVALID"  # the detail names the field and its rule
    TOO_LONG = "TOO_LONG"  # stay within the limits on a text
    SIGNATURE_INVALID = "SIGNATURE_INVALID"  # sign the bytes of the text with the sender's key
    SIGNER_UNKNOWN = "SIGNER_UNKNOWN"  # be admitted or registered first
    KEY_REVOKED = "KEY_REVOKED"  # use the sender's new key
    ID_REUSED = "ID_REUSED"  # another text has this identity; take a new transaction id

    # Authenticated and refused: recorded.
    WRONG_NETWORK = "WRONG_NETWORK"  # the text was signed for another ledger
    EXPIRED = "EXPIRED"  # valid_until has passed; sign a new one
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"  # this sender may not send this message
    SENDER_MISMATCH = "SENDER_MISMATCH"  # the text speaks for somebody else than its sender
    PARTY_UNKNOWN = "PARTY_UNKNOWN"  # the party named is not admitted in the role needed
    PARTY_INACTIVE = "PARTY_INACTIVE"  # the party is suspended, removed or frozen
    PARTY_EXISTS = "PARTY_EXISTS"  # the party is admitted and has a valid key
    PROPOSAL_DIFFERS = "PROPOSAL_DIFFERS"  # operators disagree; take a new transaction id
    ALREADY_APPROVED = "ALREADY_APPROVED"  # this operator key has approved, or it took effect
    KEY_UNKNOWN = "KEY_UNKNOWN"  # there is no valid key of this subject to revoke
    TOO_FEW_OPERATORS = "TOO_FEW_OPERATORS"  # fewer keys than the threshold would remain
    MARKET_HALTED = "MARKET_HALTED"  # trading is halted
    USER_UNKNOWN = "USER_UNKNOWN"  # no user has this unified id
    USER_TAKEN = "USER_TAKEN"  # the allotted unified id is in use; the front-end allots another
    PERSON_KNOWN = "PERSON_KNOWN"  # register with the unified id that the data names
    PERSON_MISMATCH = "PERSON_MISMATCH"  # this unified id is another person's
    ACCOUNT_EXISTS = "ACCOUNT_EXISTS"  # this broker has an account of the user
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"  # the user has no such account
    ACCOUNT_INACTIVE = "ACCOUNT_INACTIVE"  # bank or registry has not confirmed it
    TOO_MANY = "TOO_MANY"  # a record would hold more than its limit
    ADDRESS_UNKNOWN = "ADDRESS_UNKNOWN"  # the address belongs to nobody here
    ADDRESS_TAKEN = "ADDRESS_TAKEN"  # the address is registered
    ADDRESS_MISMATCH = "ADDRESS_MISMATCH"  # the address is not this user's or key's
    ADDRESS_REVOKED = "ADDRESS_REVOKED"  # the address's key is revoked; use another address
    ADDRESS_FROZEN = "ADDRESS_FROZEN"  # the regulator froze the address
    PROOF_INVALID = "PROOF_INVALID"  # a carried text or its signature does not hold
    ASSET_EXISTS = "ASSET_EXISTS"  # the asset has a code; the data names it
    ASSET_UNKNOWN = "ASSET_UNKNOWN"  # the asset has no code; register it
    ASSET_INACTIVE = "ASSET_INACTIVE"  # trading in the asset is halted or frozen
    CLASS_MISMATCH = "CLASS_MISMATCH"  # the asset is of another class
    MARK_UNKNOWN = "MARK_UNKNOWN"  # the bank's money in this currency has no code
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"  # asset, order or money is in another currency
    UNIT_MISMATCH = "UNIT_MISMATCH"  # the currency unit is not the one in UAR
    NOT_PENDING = "NOT_PENDING"  # no open instruction of this id, or it is closed
    DIGEST_MISMATCH = "DIGEST_MISMATCH"  # the answer is to another text than the one recorded
    TERMS_DIFFER = "TERMS_DIFFER"  # the answer's terms are not those recorded
    TOO_LARGE = "TOO_LARGE"  # the amount would pass the greatest that can be kept
    INSUFFICIENT = "INSUFFICIENT"  # free tokens do not cover it
    NOT_DIVISIBLE = "NOT_DIVISIBLE"  # price × quantity is not a whole amount of money
    ORDER_EXISTS = "ORDER_EXISTS"  # this owner has used the order number
    ORDER_UNKNOWN = "ORDER_UNKNOWN"  # there is no such order
    ORDER_MISMATCH = "ORDER_MISMATCH"  # the order is not as the text describes it
    ORDER_USED_UP = "ORDER_USED_UP"  # earlier settlements used the order's quantity up
    ORDER_CLOSED = "ORDER_CLOSED"  # the order was cancelled or has expired
    ORDER_EXPIRED = "ORDER_EXPIRED"  # the order's own time has passed
    MATCHER_NOT_ALLOWED = "MATCHER_NOT_ALLOWED"  # the owner does not allow this matcher
    NOT_ADOPTED = "NOT_ADOPTED"  # the sender neither published nor adopted the order
    PRICE_BEYOND_LIMIT = "PRICE_BEYOND_LIMIT"  # an owner's limit forbids the price
    LEGS_MISMATCH = "LEGS_MISMATCH"  # legs, orders and totals do not agree
    NOT_AGREED = "NOT_AGREED"  # neither the owner nor bank nor registry agreed to the change
    NOT_PUBLISHER = "NOT_PUBLISHER"  # another matcher published the order
    NOT_REGISTRAR = "NOT_REGISTRAR"  # another registry registered the asset
    NO_RECEIVING_ADDRESS = "NO_RECEIVING_ADDRESS"  # the bank has named none; it sends RECEIVE
    OUT_OF_TURN = "OUT_OF_TURN"  # the withdrawal's state does not allow it; the data names it
    STATUS_INVALID = "STATUS_INVALID"  # what the text names cannot have this status
    RULES_UNKNOWN = "RULES_UNKNOWN"  # install the contracts that know these rules first
    NOT_ANSWERED = "NOT_ANSWERED"  # bank or registry has not answered; send it again then
    ACCESS_DENIED = "ACCESS_DENIED"  # only who keeps the account may ask for it
    NOT_EXPIRED = "NOT_EXPIRED"  # its time has not come


# Codes of messages that are not recorded on the ledger (docs/messages.md, rule 4): not
# authenticated, or too early.
UNRECORDED = frozenset(
    {
        Code.MALFORMED,
        Code.UNKNOWN_MESSAGE,
        Code.FIELD_INVALID,
        Code.TOO_LONG,
        Code.SIGNATURE_INVALID,
        Code.SIGNER_UNKNOWN,
        Code.KEY_REVOKED,
        Code.ID_REUSED,
        Code.NOT_ANSWERED,
        Code.ACCESS_DENIED,
    }
)

ACCEPTED = frozenset({Code.OK, Code.PENDING})


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one message, as `execute` returns it and events and notices carry it."""

    id: str  # the message's identity, or "" where it has none
    code: str
    detail: str = ""  # for people
    data: dict[str, Any] = {}  # what the code or the message brings with it
    repeated: bool = False  # the first result of a message that came again

    @property
    def accepted(self) -> bool:
        return self.code in ACCEPTED
