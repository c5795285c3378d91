"""The embedded ledger as a peer: Fabric's gRPC services over TLS, for clients of any language.

Needs the extra `fabric` (grpcio), so nothing else of the ledger imports this package.
"""

from ufmi.ledger.embedded.serve.limits import Limits
from ufmi.ledger.embedded.serve.places import Place, Places, layout, parse_listen
from ufmi.ledger.embedded.serve.server import Server

__all__ = ["Limits", "Place", "Places", "Server", "layout", "parse_listen"]
