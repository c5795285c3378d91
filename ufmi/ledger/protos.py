"""Fabric's protobuf messages, as few names as the ledger needs, in one place."""

from __future__ import annotations

from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2, msp_principal_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_configuration_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    chaincode_shim_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from fabric_protos.peer import configuration_pb2 as peer_configuration_pb2

# The generated modules carry no types.
common: Any = common_pb2
configtx: Any = configtx_pb2
configuration: Any = configuration_pb2
policies: Any = policies_pb2
gateway: Any = gateway_pb2
rwset: Any = rwset_pb2
kvrwset: Any = kv_rwset_pb2
identities: Any = identities_pb2
msp_config: Any = msp_config_pb2
principals: Any = msp_principal_pb2
orderer: Any = ab_pb2
orderer_configuration: Any = orderer_configuration_pb2
peer_configuration: Any = peer_configuration_pb2
chaincode: Any = chaincode_pb2
chaincode_shim: Any = chaincode_shim_pb2
query_result: Any = kv_query_result_pb2
chaincode_event: Any = chaincode_event_pb2
proposal: Any = proposal_pb2
proposal_response: Any = proposal_response_pb2
transaction: Any = transaction_pb2

VALID = 0
ENDORSER_TRANSACTION = 3
CONFIG = 1
SUCCESS = 200


def validation_name(code: int) -> str:
    """Fabric's name of a validation code, such as MVCC_READ_CONFLICT."""
    return str(transaction.TxValidationCode.Name(code))
