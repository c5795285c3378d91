"""A contract that asks a peer for what it refuses."""

from __future__ import annotations

from tests.ledger.kv import Kv
from ufmi.contract import Context, evaluate
from ufmi.ledger.protos import chaincode_shim


class Meddler(Kv):
    """`Kv` with one function more."""

    SOURCES = ("tests.ledger.kv",)

    @evaluate
    def rich_query(self, context: Context) -> bytes:
        """A rich query, which LevelDB does not have."""
        request = chaincode_shim.GetQueryResult(query="{}").SerializeToString()
        kind = chaincode_shim.ChaincodeMessage.GET_QUERY_RESULT
        return context._stub._ask(kind, request)  # type: ignore[attr-defined, no-any-return]
