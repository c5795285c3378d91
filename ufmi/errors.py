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
│   └── InvalidAmount        2003   an amount for people does not fit its unit
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
│   └── JournalCorrupted     5004   the intake journal contradicts itself
├── UsageError           UFMI-6000
│   ├── ScenarioError        6001   a scenario file is wrong
│   ├── BookError            6002   a bank's or registry's own book refuses
│   └── BadReceipt           6003   an arrival receipt does not prove what it should
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

from collections.abc import Sequence
from typing import NamedTuple


class UfmiError(Exception):
    """Base of the tree.

    `code` is stable and may be matched on; `hint` says what to do; `transaction_id` is the ledger
    transaction concerned, where there is one; `retryable` says whether the same call can succeed
    later without any change.
    """

    code = "UFMI-0000"
    hint_default = ""
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        transaction_id: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.hint_default
        self.transaction_id = transaction_id
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        if self.transaction_id:
            text += f" (transaction {self.transaction_id})"
        return f"{text}. {self.hint}" if self.hint else text


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


class UsageError(UfmiError):
    code = "UFMI-6000"


class ScenarioError(UsageError):
    code = "UFMI-6001"


class BookError(UsageError):
    code = "UFMI-6002"


class BadReceipt(UsageError):
    code = "UFMI-6003"


class RegulatoryError(UfmiError):
    code = "UFMI-7000"


class MalformedObject(RegulatoryError):
    code = "UFMI-7001"
    hint_default = "Numbers are whole or Decimal; docs/objects.md has the form"


class Finding(NamedTuple):
    """One thing found wrong with a data object; `pointer` is a JSON pointer (RFC 6901).

    A warning does not make the object invalid.
    """

    pointer: str
    code: str
    message: str
    warning: bool = False


class InvalidObject(RegulatoryError):
    """A data object breaks the object model. `findings` has every place, with stable codes."""

    code = "UFMI-7002"
    hint_default = "docs/objects.md lists the codes of findings"

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        super().__init__(f"{first.pointer or '/'} {first.code}: {first.message}{more}")
        self.findings = tuple(findings)


class LifecycleError(RegulatoryError):
    """A snapshot does not fit the earlier ones. `rule` is stable; docs/objects.md lists them."""

    code = "UFMI-7003"

    def __init__(self, rule: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{rule}: {problem}", hint=hint)
        self.rule = rule


class InvalidSeal(RegulatoryError):
    code = "UFMI-7004"
    hint_default = "Seal the finished snapshot; any change afterwards needs a new seal"


class SnapshotError(UfmiError):
    code = "UFMI-7100"


class InvalidSnapshot(SnapshotError):
    code = "UFMI-7101"


class SnapshotMissing(SnapshotError):
    code = "UFMI-7102"
    hint_default = "Check the object's id, version and hash, and that this is the right store"


class SnapshotDamaged(SnapshotError):
    code = "UFMI-7103"
    hint_default = "Put the same bytes again, from a copy or from whoever made the report"


class StoreRefused(SnapshotError):
    code = "UFMI-7104"
    hint_default = "Check bucket, region and credentials, and what they may do"


class StoreUnavailable(SnapshotError):
    code = "UFMI-7105"
    hint_default = "Check that the endpoint is right and the store runs, then try again"
    retryable = True
