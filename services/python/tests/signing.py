"""A gateway's key, with which tests sign what a gateway signs, and what it does not."""

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from harness import GATEWAY

DOMAIN, SERVICE = "shop.internal", "intentgate.v1.IntentService"


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Signing:
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        members = {"crv": "P-256", "kty": "EC", "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}
        thumbprint = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
        return members | {"kid": b64(thumbprint), "alg": "ES256", "use": "sig"}

    def token(self, metadata: Sequence[tuple[str, Any]] | None = None, header: Any = None, **claims: Any) -> str:
        """Signs a token for a minute, which is bound to the caller and the turn of metadata, if there are any."""
        now = int(time.time())
        said = {"iss": "x", "iat": now, "exp": now + 60, "aud": DOMAIN, "req_wl": GATEWAY, "target": SERVICE}
        if metadata:
            sent = dict(metadata)
            said["caller_hash"] = b64(hashlib.sha256(sent["intentgate-caller-bin"]).digest())
            said |= {"txn": sent["intentgate-request-id"], "sub": "projects/shop"}
        header = header or {"alg": "ES256", "typ": "txntoken+jwt", "kid": self.jwk["kid"]}
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(said | claims).encode())}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


def jwks(*keys: Signing) -> bytes:
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


def write_jwks(file: Path, *keys: Signing) -> str:
    file.write_bytes(jwks(*keys))
    return str(file)
