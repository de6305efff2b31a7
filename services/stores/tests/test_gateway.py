"""The service behind the gateway of this checkout, asked as Dialogflow asks."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authority import Authority
from programs import running

ROOT = Path(__file__).parents[3]
CONFIG = """
edge:
  listen: "127.0.0.1:0"
  certificate: {cert: certs/edge.pem, key: certs/edge.key}
  clients: [{name: dev, like: dialogflow, roots: {ssl_com: certs/ssl-com-root.pem, gts: certs/gts-root.pem}}]
webhooks:
  - {path: /es, platform: ES, profiles: [dev], id_token: {audiences: ["https://shop.example/es"]}, projects: [PROJECT]}
  - {path: /cx, platform: CX, profiles: [dev], id_token: {audiences: ["https://shop.example/cx"]}, projects: [PROJECT]}
id_token_keys: {file: certs/jwks.json}
services:
  - name: stores
    target: TARGET
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
    intents: {descriptor_set: stores.binpb, allow: {intents: ["store.*"], actions: ["store.*"], tags: ["*"]}}
caller_tokens: {issuer: "https://gateway.internal", trust_domain: shop.internal, keys: [tokens.key]}
"""
POLICY = """{"methods": {"shop.stores.v1.StoreService/*": {"asserted": {"project": ["ID_TOKEN"]}}}}"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    folder = tmp_path_factory.mktemp("stores")
    environment = os.environ | {"PATH": f"{ROOT / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(command: str) -> str:
        return subprocess.run(  # noqa: S602
            command, shell=True, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    subprocess.run(["go", "build", "-o", "bin/", "./gateway/cmd/intentgate"], cwd=ROOT, check=True)
    run("intentgate certs --out certs && python -m stores.service --descriptors stores.binpb")
    config = CONFIG.replace("PROJECT", "{id: shop, number: 415104041262}")
    (folder / "tokens.key").write_bytes(Authority.new().issued.key_pem)
    (folder / "intentgate.yaml").write_text(config.replace("TARGET", "127.0.0.1:1"))
    (folder / "policy.json").write_text(POLICY)
    run("intentgate jwks --config intentgate.yaml > jwks.json")
    files = "--cert certs/orders.pem --key certs/orders.key --ca certs/internal-ca.pem"
    tokens = "--jwks jwks.json --trust-domain shop.internal --issuer https://gateway.internal --policy policy.json"
    serve = f"python -m stores.service --listen 127.0.0.1:0 --assert dns:gateway.internal {files} {tokens}"
    with running(serve, folder, environment, "msg=Listening") as service:
        (folder / "intentgate.yaml").write_text(config.replace("TARGET", service["address"]))
        with running("intentgate serve", folder, environment, "msg=Serving", "Intents learnt") as gateway:

            def ask(path: str, arguments: str) -> str:
                simulate = "intentgate simulate --config intentgate.yaml --dev certs"
                told = run(f"{simulate} {arguments} {gateway['edge']}/{path}")
                return told.split("Dialogflow would", 1)[1]

            yield ask


@pytest.mark.parametrize(
    ("path", "arguments", "words"),
    [
        ("es", "--intent store.find --param city=Munich", "The nearest branch is München Glockenbach"),
        ("es", "--intent store.hours --param city=Köln --param weekday=samstags", "on Saturdays from 10:00 to 16:00"),
        ("cx", "--tag store-hours --param city=Köln --param date=2026-12-25 --language de", "Es ist 1. Weihnachtstag"),
        ("es", "--intent store.holidays --param date-period=2026-12-25/2026-12-26", "Boxing Day, Saturday, 26 December"),
        # What the service refuses, and what the gateway does.
        ("cx", "--tag find-store --param city=Rom --language de", "Rom kenne ich nicht. Wir sind in Berlin"),
        ("es", "--intent store.hours --param city=Köln --param weekday=heute --language de", "An welchem Wochentag?"),
    ],
)
def test_what_the_user_hears(path: str, arguments: str, words: str, ask: Callable[..., str]) -> None:
    assert words in ask(path, arguments)
