"""What an intent service needs around its methods, in Python.

That is a gRPC server that speaks mutual TLS and nothing else, answers only the callers it was told of, reloads its
certificates, and stops without cutting off a call; who calls, and on whose behalf; statuses that a user hears; things that
are done once.

The main of a service is one call of main:

    def register(server):
        add_StoreServiceServicer_to_server(Stores(), server)

    if __name__ == "__main__":
        sys.exit(main("stores", register))
"""

from intentgate.caller import Call, Peer, calling, current_call, forward, outgoing_metadata
from intentgate.client import Channel
from intentgate.command import main
from intentgate.identity import Files
from intentgate.line import Formatter
from intentgate.once import MemoryStore, Once, Store
from intentgate.request_key import RequestKey, request_id
from intentgate.rules import Method, Proofs, parse_methods
from intentgate.server import Config, CutOffError, Server
from intentgate.signed import Tokens
from intentgate.status import StatusError, in_language, refuse

__all__ = [
    "Call",
    "Channel",
    "Config",
    "CutOffError",
    "Files",
    "Formatter",
    "MemoryStore",
    "Method",
    "Once",
    "Peer",
    "Proofs",
    "RequestKey",
    "Server",
    "StatusError",
    "Store",
    "Tokens",
    "calling",
    "current_call",
    "forward",
    "in_language",
    "main",
    "outgoing_metadata",
    "parse_methods",
    "refuse",
    "request_id",
]
