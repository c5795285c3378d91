"""The messages: one module a protocol of the guide; texts, signing, roles, declared keys, records.

Importing the package registers every form.
"""

from ufmi.protocol import (
    assets,
    funds,
    governance,
    holdings,
    orders,
    settlement,
    users,
    withdrawals,
)
from ufmi.protocol.kinds import AMOUNT_MAX, Role, Side
from ufmi.protocol.lines import (
    Line,
    SignedMessage,
    message_of,
    read_line,
    read_signed,
    remember,
    sign,
)
from ufmi.protocol.message import (
    FORMS,
    Claim,
    Entry,
    Form,
    Keys,
    Message,
    TooLong,
    UnknownName,
    decode,
)
from ufmi.protocol.results import ACCEPTED, UNRECORDED, Code, Result

__all__ = [
    "ACCEPTED",
    "AMOUNT_MAX",
    "FORMS",
    "UNRECORDED",
    "Claim",
    "Code",
    "Entry",
    "Form",
    "Keys",
    "Line",
    "Message",
    "Result",
    "Role",
    "Side",
    "SignedMessage",
    "TooLong",
    "UnknownName",
    "assets",
    "decode",
    "funds",
    "governance",
    "holdings",
    "message_of",
    "orders",
    "read_line",
    "read_signed",
    "remember",
    "settlement",
    "sign",
    "users",
    "withdrawals",
]
