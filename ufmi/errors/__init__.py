"""Every error that UFMI raises: one tree, each class with a stable code.

UfmiError
├── CryptoError          UFMI-1000
│   ├── InvalidKey           1001   not a key, or not on the curve
│   ├── InvalidSignature     1002   the signature does not fit key and message
│   ├── WrongPassword        1003   a key file does not open with this password
│   ├── ProviderError        1004   no SM2 implementation works here
│   ├── DecryptionFailed     1005   a ciphertext was changed, or is for another key
│   └── EnvelopeError        1006   an envelope cannot be made, or does not open
├── ProtocolError        UFMI-2000
│   ├── MalformedText        2001   not a message in its one canonical form
│   ├── InvalidField         2002   a field breaks its rule
│   ├── InvalidAmount        2003   an amount for people does not fit its unit
│   └── MalformedDocument    2004   not a document in its one canonical form
├── ContractError        UFMI-3000
│   ├── UndeclaredKey        3001   a contract touched a key that it had not declared
│   ├── LimitExceeded        3002   more keys, bytes or messages than a transaction may have
│   ├── UnknownFunction      3003   the contract has no such function
│   ├── CallerNotAllowed     3004   this X.509 identity may not call the function
│   ├── ContractFailure      3005   the call fails as a whole, with a reason for its caller
│   └── OutOfTime            3006   a transaction's time is too far from the server's clock
├── LedgerError          UFMI-4000
│   ├── LedgerInUse          4001   another process owns the ledger folder
│   ├── StoreCorrupted       4002   what is on disk contradicts itself
│   ├── StorageFailed        4003   the disk is full or refuses
│   ├── NotFound             4004   no such ledger, channel, block or transaction
│   ├── AccessDenied         4005   unknown organisation, bad certificate or signature
│   ├── PolicyError          4006   an endorsement policy cannot be read or met
│   ├── BackupDamaged        4007   a backup is damaged, or is none
│   ├── BlockNotProven       4008   a block is not what the channel's orderers signed
│   ├── EvaluateError        4010   a query failed
│   ├── EndorseError         4011   the contract or the endorsers refused the proposal
│   ├── SubmitError          4012   the orderer refused the transaction
│   ├── CommitStatusError    4013   what became of a transaction is not known
│   ├── CommitError          4014   the transaction was ordered and found invalid
│   ├── ConnectionLost       4015   a peer cannot be reached, or went away
│   ├── TooManyRequests      4016   more calls are under way than the peer or client allows
│   └── NetworkError         4020   a Fabric network cannot be brought up or changed
│       ├── FabricMissing        4021   no binaries of Fabric
│       ├── PortInUse            4022   another process has a port that the network needs
│       └── ProcessDied          4023   a process of the network ended by itself
├── FrontendError        UFMI-5000
│   ├── Refused              5001   a message was refused, by the front-end or the contract
│   ├── Backpressure         5002   too much is waiting; send again later
│   ├── SetAside             5003   a message was taken out because its execution failed
│   ├── JournalCorrupted     5004   the intake journal contradicts itself
│   └── DocumentErased       5005   the document was erased and is not kept again
├── UsageError           UFMI-6000
│   ├── ScenarioError        6001   a scenario file is wrong
│   ├── BookError            6002   a bank's or registry's own book refuses
│   ├── BadReceipt           6003   an arrival receipt does not prove what it should
│   └── SearchError          6004   a search asks for what cannot be looked for
├── RegulatoryError      UFMI-7000
│   ├── MalformedObject      7001   not a data object in JSON that can be kept exactly
│   ├── InvalidObject        7002   a data object breaks the object model
│   ├── LifecycleError       7003   a snapshot does not fit the earlier ones of its object
│   └── InvalidSeal          7004   an owner's signature on a data object does not hold
└── SnapshotError        UFMI-7100
    ├── InvalidSnapshot      7101   no snapshot can have this id, version, hash or size
    ├── SnapshotMissing      7102   the store does not have the snapshot
    ├── SnapshotDamaged      7103   what the store has does not fit its hash
    ├── StoreRefused         7104   the store does not let us in, or is set up wrongly
    └── StoreUnavailable     7105   the store cannot be reached or does not answer
"""

from __future__ import annotations

from typing import NamedTuple

from ufmi.errors.base import UfmiError as UfmiError
from ufmi.errors.regulatory import (
    Finding as Finding,
)
from ufmi.errors.regulatory import (
    InvalidObject as InvalidObject,
)
from ufmi.errors.regulatory import (
    InvalidSeal as InvalidSeal,
)
from ufmi.errors.regulatory import (
    InvalidSnapshot as InvalidSnapshot,
)
from ufmi.errors.regulatory import (
    LifecycleError as LifecycleError,
)
from ufmi.errors.regulatory import (
    MalformedObject as MalformedObject,
)
from ufmi.errors.regulatory import (
    RegulatoryError as RegulatoryError,
)
from ufmi.errors.regulatory import (
    SnapshotDamaged as SnapshotDamaged,
)
from ufmi.errors.regulatory import (
    SnapshotError as SnapshotError,
)
from ufmi.errors.regulatory import (
    SnapshotMissing as SnapshotMissing,
)
from ufmi.errors.regulatory import (
    StoreRefused as StoreRefused,
)
from ufmi.errors.regulatory import (
    StoreUnavailable as StoreUnavailable,
)


class CryptoError(UfmiError):
    code = "UFMI-1000"


class InvalidKey(CryptoError):
    code = "UFMI-1001"
    hint_default = "Check that the key was copied whole and belongs to the curve SM2"


class InvalidSignature(CryptoError):
    code = "UFMI-1002"
    hint_default = "Sign exactly the bytes of the text with the sender's own key"


class WrongPassword(CryptoError):
    code = "UFMI-1003"
    hint_default = "Give the password that the key file was saved with"


class ProviderError(CryptoError):
    code = "UFMI-1004"
    hint_default = "Install the package's dependencies again; `ufmi version` shows what is found"


class DecryptionFailed(CryptoError):
    code = "UFMI-1005"
    hint_default = "Check that it arrived whole and was made for this key"


class EnvelopeError(CryptoError):
    code = "UFMI-1006"


class ProtocolError(UfmiError):
    code = "UFMI-2000"


class MalformedText(ProtocolError):
    code = "UFMI-2001"
    hint_default = "docs/messages.md shows the form of every message"


class InvalidField(ProtocolError):
    """A field breaks its rule. `field` names it."""

    code = "UFMI-2002"

    def __init__(self, field: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"field {field}: {problem}", hint=hint)
        self.field = field


class InvalidAmount(ProtocolError):
    code = "UFMI-2003"


class MalformedDocument(ProtocolError):
    code = "UFMI-2004"
    hint_default = "docs/documents.md shows the form of a document"


class ContractError(UfmiError):
    code = "UFMI-3000"


class UndeclaredKey(ContractError):
    code = "UFMI-3001"


class LimitExceeded(ContractError):
    code = "UFMI-3002"
    hint_default = "Send fewer or smaller messages in one transaction"


class UnknownFunction(ContractError):
    code = "UFMI-3003"


class CallerNotAllowed(ContractError):
    code = "UFMI-3004"


class ContractFailure(ContractError):
    code = "UFMI-3005"


class NodeMessage(NamedTuple):
    """What one node of a network said about a failure."""

    address: str
    msp: str
    message: str


class OutOfTime(ContractError):
    code = "UFMI-3006"
    hint_default = "Set the clocks of client and chaincode server by the same time server"


class LedgerError(UfmiError):
    """`nodes` has each node's own message, `grpc_code` the code by name, where a peer answered."""

    code = "UFMI-4000"
    nodes: tuple[NodeMessage, ...] = ()
    grpc_code = ""


class LedgerInUse(LedgerError):
    code = "UFMI-4001"
    hint_default = "Stop the other process, or work on another folder with --data"
    retryable = True


class StoreCorrupted(LedgerError):
    code = "UFMI-4002"
    hint_default = "Restore the folder from a backup; do not write to it"


class StorageFailed(LedgerError):
    code = "UFMI-4003"
    hint_default = "Free space on the disk and start again; everything acknowledged is kept"


class NotFound(LedgerError):
    code = "UFMI-4004"


class AccessDenied(LedgerError):
    code = "UFMI-4005"


class PolicyError(LedgerError):
    code = "UFMI-4006"


class BackupDamaged(LedgerError):
    code = "UFMI-4007"
    hint_default = "Take another backup; this one cannot be trusted"


class BlockNotProven(LedgerError):
    code = "UFMI-4008"
    hint_default = "Ask another peer for the block; the one that gave it may lie"


class EvaluateError(LedgerError):
    code = "UFMI-4010"


class EndorseError(LedgerError):
    code = "UFMI-4011"


class SubmitError(LedgerError):
    code = "UFMI-4012"


class CommitStatusError(LedgerError):
    code = "UFMI-4013"
    hint_default = "Ask for the status of the transaction again, by its id"
    retryable = True


class CommitError(LedgerError):
    """The transaction is in a block and invalid. `status` is Fabric's validation code by name."""

    code = "UFMI-4014"

    def __init__(self, status: str, *, transaction_id: str, block: int) -> None:
        retryable = status in ("MVCC_READ_CONFLICT", "PHANTOM_READ_CONFLICT")
        super().__init__(
            f"the transaction was found invalid in block {block}: {status}",
            hint="Make and send the transaction anew" if retryable else "",
            transaction_id=transaction_id,
            retryable=retryable,
        )
        self.status = status
        self.block = block


class ConnectionLost(LedgerError):
    code = "UFMI-4015"
    hint_default = "Check that the peer runs and can be reached"
    retryable = True


class TooManyRequests(LedgerError):
    code = "UFMI-4016"
    hint_default = "Have fewer calls under way at once"
    retryable = True


class NetworkError(LedgerError):
    code = "UFMI-4020"


class FabricMissing(NetworkError):
    code = "UFMI-4021"
    hint_default = (
        "Build Fabric with `ufmi network build` (needs Go), or name a folder with its binaries"
        " in UFMI_FABRIC_BIN"
    )


class PortInUse(NetworkError):
    code = "UFMI-4022"
    hint_default = "Stop that process, or take other ports with --ports"


class ProcessDied(NetworkError):
    code = "UFMI-4023"


class FrontendError(UfmiError):
    code = "UFMI-5000"


class Refused(FrontendError):
    """A message that was refused. `result_code` says why; docs/codes.md lists them.

    `recorded` tells whether the refusal is on the ledger. Where it is not, the message's id is
    free and the message, put right, may be sent again; where it is, it needs a new id.
    """

    code = "UFMI-5001"

    def __init__(
        self, result_code: str, problem: str, *, recorded: bool = False, transaction_id: str = ""
    ) -> None:
        super().__init__(
            f"refused with {result_code}: {problem}",
            hint="Take a new transaction id for another try" if recorded else "",
            transaction_id=transaction_id,
        )
        self.result_code = result_code
        self.problem = problem
        self.recorded = recorded


class Backpressure(FrontendError):
    code = "UFMI-5002"
    hint_default = "Wait for results of what was sent, then send again"
    retryable = True


class SetAside(FrontendError):
    code = "UFMI-5003"
    hint_default = "The operator finds the message and the reason with `ufmi show set-aside`"


class JournalCorrupted(FrontendError):
    code = "UFMI-5004"
    hint_default = "Restore the folder from a backup; do not write to it"


class DocumentErased(FrontendError):
    code = "UFMI-5005"
    hint_default = "Send the line without the document; its digest stays valid"


class UsageError(UfmiError):
    code = "UFMI-6000"


class ScenarioError(UsageError):
    code = "UFMI-6001"


class BookError(UsageError):
    code = "UFMI-6002"


class BadReceipt(UsageError):
    code = "UFMI-6003"


class SearchError(UsageError):
    code = "UFMI-6004"
    hint_default = "docs/documents.md shows how to search"
