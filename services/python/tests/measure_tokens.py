"""Measures what a token costs a service: `python tests/measure_tokens.py`."""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness import CALLER, GATEWAY, ref
from intentgate import Peer, outgoing_metadata
from intentgate.keys import Keys
from intentgate.line import Log
from intentgate.policy import Policy
from intentgate.signed import SignedCallers
from intentgate.tokens import Verifier
from signing import DOMAIN, SERVICE, Signing, write_jwks

COUNT = 5000


async def cost(policy: Policy, tokens: Sequence[str]) -> float:
    """Returns the microseconds of CPU time that a call is judged in."""
    peer, metadata = Peer((GATEWAY,)), outgoing_metadata(CALLER, ref("1.x"))
    begin = time.process_time()
    for token in tokens:
        await policy.judge(peer, (*metadata, ("intentgate-token", token)), f"/{SERVICE}/Fulfill")
    return (time.process_time() - begin) / len(tokens) * 1e6


async def main() -> None:
    key, metadata = Signing(), outgoing_metadata(CALLER, ref("1.x"))
    tokens = [key.token(metadata, jti=str(number)) for number in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        keys = Keys(write_jwks(Path(folder, "jwks.json"), key), sys.exit, Log(logging.getLogger(), "measure"))
    verifier = Verifier(keys, DOMAIN, "", lambda: datetime.now(UTC))
    without = await cost(Policy(asserting=frozenset((GATEWAY,))), tokens)
    policy = Policy(asserting=frozenset((GATEWAY,)), signed=SignedCallers(verifier, ()))
    first, again = await cost(policy, tokens), await cost(policy, tokens)
    sys.stdout.write(
        f"a call without tokens {without:.1f} µs, a token that is new {first - without:.1f} µs more, "
        f"one that is known {again - without:.1f} µs more\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
