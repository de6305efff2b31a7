"""The public keys that the gateway's tokens are verified with."""

import asyncio
import http.client
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from intentgate import strict
from intentgate.identity import Authorities
from intentgate.line import Log

_MAX_DOCUMENT = 64 << 10
_FETCH_TIMEOUT = 5.0  # seconds
_REFRESH = 5 * 60.0  # seconds between two fetches
_AGAIN = 1.0  # seconds between two readings of a file
# How often the keys are read for a token of a key that is not known, at most, in seconds: anybody could name one.
_ASK_AGAIN = 10.0

_COORDINATE = 32  # bytes

PublicKeys = dict[str, ec.EllipticCurvePublicKey]
"""Keys by their IDs."""


class Keys:
    """The public keys of a gateway, by their IDs, for one event loop. Where they cannot be read the last ones stay."""

    def __init__(
        self, source: str, authorities: Callable[[], Authorities], log: Log, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Reads a file at once. A URL is read by watch, or for the first token.

        Args:
            source: a file, or a URL with https://.
            authorities: by which a URL's server is judged, asked at each fetch.
            log: is told of new keys, and of those that cannot be read.
            clock: in seconds.

        Raises:
            ValueError: the file is no good, or the URL.
        """
        self._source, self._authorities, self._log, self._clock = source, authorities, log, clock
        self._current: PublicKeys = {}
        self._document: bytes | None = None
        self._fault = ""
        self._reading: asyncio.Task[None] | None = None
        self._asked = -_ASK_AGAIN
        self._of_url = "://" in source
        if not self._of_url:
            try:
                self._take(self._open())
            except (ValueError, OSError) as error:
                raise ValueError(f"keys of callers' tokens: {source}: {_fault(error)}") from None
            return
        url = urlsplit(source)
        if url.scheme != "https" or not url.hostname or "@" in url.netloc:
            raise ValueError(
                f"keys of callers' tokens: {source!r}: want a file, or a URL such as "
                "https://gateway.internal:9900/.well-known/jwks.json"
            )

    def get(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        """Returns a key, the same object as long as it stays, or None: it is not known."""
        return self._current.get(key_id)

    async def find(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        """Returns a key like get, and has the keys read for one that is not known, unless they were just now."""
        if key_id not in self._current and self._clock() - self._asked >= _ASK_AGAIN:
            self._asked = self._clock()
            self._read()
        if key_id not in self._current and self._reading:
            await asyncio.wait((self._reading,), timeout=_FETCH_TIMEOUT)  # which others may wait for, too
        return self._current.get(key_id)

    async def watch(self) -> None:
        """Reads the keys now and again, until it is cancelled. What comes of it is logged."""
        try:
            while True:
                await asyncio.wait((self._read(),))
                await asyncio.sleep(_REFRESH if self._of_url else _AGAIN)
        finally:
            if self._reading:
                self._reading.cancel()

    def _read(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._reload())
        return self._reading

    async def _reload(self) -> None:
        try:
            self._take(await asyncio.to_thread(self._fetch if self._of_url else self._open))
        except (ValueError, OSError, http.client.HTTPException) as error:
            fault = _fault(error)
            if self._of_url or fault != self._fault:  # a file is read every second
                self._log.warning(
                    "Could not read the keys of callers' tokens", source=self._source, keys=len(self._current), error=fault
                )
            self._fault = fault
        else:
            self._fault = ""

    def _take(self, document: bytes) -> None:
        if document == self._document:
            return
        keys = parse_keys(document)
        for key_id, key in self._current.items():  # one that stays is the same object, by which verdicts know it
            if keys.get(key_id) == key:
                keys[key_id] = key
        self._document, changed = document, keys != self._current
        self._current = keys
        if changed:
            self._log.info("Read the keys of callers' tokens", source=self._source, keys=len(keys))

    def _open(self) -> bytes:
        with Path(self._source).open("rb") as file:
            return _bounded(file)

    def _fetch(self) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it verifies the certificate, and the name in it
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as gRPC has it for the same authorities
        certificates = self._authorities().certificates
        context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in certificates))
        # The next fetch is minutes away, and may need other authorities: nothing of it is kept.
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())
        try:
            with opener.open(self._source, timeout=_FETCH_TIMEOUT) as response:
                if response.status == http.HTTPStatus.OK:
                    return _bounded(response)
                status = response.status
        except urllib.error.HTTPError as error:
            error.close()
            status = error.code
        raise ValueError(f"HTTP status {status}; want 200 and the keys themselves")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Has a redirect be the answer."""


def _fault(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _bounded(source: Any) -> bytes:  # noqa: ANN401 # whatever can be read
    end = time.monotonic() + _FETCH_TIMEOUT
    document = b""
    while part := source.read1(_MAX_DOCUMENT + 1 - len(document)):
        document += part
        if len(document) > _MAX_DOCUMENT:
            raise ValueError("more than 64 KiB; want a JWK set")
        if time.monotonic() > end:
            raise ValueError(f"not there within {_FETCH_TIMEOUT:g}s")
    return document


def parse_keys(document: bytes) -> PublicKeys:
    """Reads the P-256 keys of a JWK set (RFC 7517), by their IDs. Keys of other kinds and for other uses are passed over.

    Raises:
        ValueError: it is none, two keys have one ID, or there is no key.
    """
    try:
        keys = _keys_of(strict.parse(document))
    except ValueError as problem:
        raise ValueError(f'no JWK set: {problem}; want {{"keys": […]}} as `intentgate jwks` prints it') from None
    found: PublicKeys = {}
    for jwk in keys:
        key = _public(jwk)
        if key is None:
            continue
        if jwk["kid"] in found:
            raise ValueError(f"two keys are called {jwk['kid'][:64]!r}; want each once")
        found[jwk["kid"]] = key
    if not found:
        raise ValueError("no key of the curve P-256 with a kid; want those that `intentgate jwks` prints")
    return found


def _keys_of(document: Any) -> list[Any]:  # noqa: ANN401 # of any JSON
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise ValueError("there is no list of keys")  # noqa: TRY004 # of a document, not of an argument
    return keys


def _public(jwk: Any) -> ec.EllipticCurvePublicKey | None:  # noqa: ANN401 # of any JSON
    """Returns a key of ES256, or None for any other."""
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256") or "d" in jwk:
        return None
    key_id = jwk.get("kid")
    if not isinstance(key_id, str) or not key_id or jwk.get("use") not in (None, "", "sig"):
        return None
    if jwk.get("alg") not in (None, "", "ES256"):
        return None
    try:
        x, y = base64url(jwk.get("x")), base64url(jwk.get("y"))
        if len(x) != _COORDINATE or len(y) != _COORDINATE:
            return None
        return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()).public_key()
    except ValueError:  # no point of the curve
        return None


def base64url(text: object) -> bytes:
    """Reads base64url without padding, of which each value has one spelling.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str):
        raise ValueError("no text")  # noqa: TRY004 # of a document, not of an argument
    value = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if urlsafe_b64encode(value).rstrip(b"=").decode() != text:
        raise ValueError("no base64url")
    return value
