"""The command line of a service."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc

from intentgate import names, probe
from intentgate.descriptors import Register, descriptor_set, services
from intentgate.identity import Files
from intentgate.line import Formatter
from intentgate.rules import MAX_POLICY, Method, parse_methods
from intentgate.server import Config, CutOffError, Server
from intentgate.signed import Forwarder, Tokens

_USAGE = """{name} --cert FILE --key FILE --ca FILE --assert NAME [--allow NAME]... [flags]
       {name} --descriptors FILE"""

_DESCRIPTION = (
    """{name} answers intents over gRPC and mutual TLS. It talks to the callers that it is told of, and to nobody else."""
)

_EPILOG = """A NAME is dns:<name> or uri:<id>, exactly as it stands among the subject alternative names of the caller's
certificate. Files are PEM, and are read again when they change.

Example:
  {name} --cert {name}.pem --key {name}.key --ca internal-ca.pem --assert dns:gateway.internal

  Now whoever shows a certificate of internal-ca.pem for gateway.internal may call, and is believed when it says which
  Dialogflow agent it calls for. Everybody else is refused, health checks included."""


def main(
    name: str,
    register: Register,
    *,
    arguments: Sequence[str] | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> int:
    """Runs a service until it is interrupted or told to terminate, and returns the exit status of the process.

    It is 0 when all went well, 1 when it did not; a wrong command line ends the process with 2. The log goes to stderr.

    Args:
        name: the service's name in the log and in messages.
        register: registers the service's methods, by the functions of the generated code.
        arguments: of the command line; None: those of the process. See --help.
        interceptors: see Config.interceptors.
    """
    flags = _parser(name)
    given = flags.parse_args(arguments)
    if given.probe:
        register = probe.beside(register)
    try:
        if given.descriptors:
            Path(given.descriptors).write_bytes(descriptor_set(services(register)))
            return 0
        _log_to_stderr(as_json=given.log_format == "json")
        config = Config(
            name=name,
            register=register,
            files=_files(given, flags),
            listen=given.listen,
            allowed=given.allow,
            asserting=given.asserting,
            tokens=_tokens(given),
            methods=given.policy,
            interceptors=interceptors,
        )
        try:
            config.policy()
        except ValueError as problem:
            flags.error(str(problem))
        asyncio.run(_serve(config))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog=name,
        usage=_USAGE.format(name=name),
        description=_DESCRIPTION.format(name=name),
        epilog=_EPILOG.format(name=name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    flags.add_argument(
        "--listen",
        metavar="ADDRESS",
        default=":8443",
        help="where to listen; port 0 takes any free one, and the log says which (default :8443)",
    )
    flags.add_argument("--cert", metavar="FILE", help="the service's certificate, its intermediates after it")
    flags.add_argument("--key", metavar="FILE", help="the certificate's private key")
    flags.add_argument("--ca", metavar="FILE", help="the authorities that issue the callers' certificates")
    flags.add_argument(
        "--assert",
        dest="asserting",
        metavar="NAME",
        action="append",
        default=[],
        type=_name,
        help="a caller that may say for whom it calls: the gateway; may be given more than once",
    )
    flags.add_argument(
        "--allow",
        metavar="NAME",
        action="append",
        default=[],
        type=_name,
        help="a caller that calls for itself: another program of yours; may be given more than once",
    )
    _add_token_flags(flags)
    flags.add_argument("--log-format", metavar="FORMAT", choices=("text", "json"), default="text", help="text or json")
    flags.add_argument(
        "--descriptors",
        metavar="FILE",
        help="write the descriptors of the service's methods there, and exit: with them the gateway knows the service's "
        "intents (intents.descriptor_set in intentgate.yaml)",
    )
    flags.add_argument(
        "--probe",
        action="store_true",
        help="serve intentgate.conformance.v1.ProbeService besides, for `intentgate conformance`; not in production",
    )
    return flags


def _add_token_flags(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--jwks",
        metavar="SOURCE",
        default="",
        help="ask for the gateway's signature with each caller, and verify it by the keys of this file or https URL, which the "
        "gateway's caller_tokens make; --trust-domain says whom they are for",
    )
    flags.add_argument(
        "--jwks-ca",
        metavar="FILE",
        default="",
        help="the authorities by which that URL's server is judged (default those of --ca)",
    )
    flags.add_argument("--trust-domain", metavar="NAME", default="", help="the trust_domain of the gateway's caller_tokens")
    flags.add_argument("--issuer", metavar="NAME", default="", help="their issuer (default any)")
    flags.add_argument(
        "--forward",
        metavar="NAME=SERVICE",
        action="append",
        default=[],
        type=_forwarder,
        help="a service that may pass on callers, and the gRPC service that the gateway calls it by, such as "
        "dns:orders.internal=shop.orders.v1.OrderService; may be given more than once",
    )
    flags.add_argument(
        "--policy",
        metavar="FILE",
        type=_methods,
        help="which methods may be called by whom, and for whom; what it does not name nobody may call",
    )


def _tokens(given: argparse.Namespace) -> Tokens | None:
    if not any((given.jwks, given.jwks_ca, given.trust_domain, given.issuer, given.forward)):
        return None
    return Tokens(
        keys=given.jwks, trust_domain=given.trust_domain, issuer=given.issuer, ca=given.jwks_ca, forwarders=given.forward
    )


def _forwarder(text: str) -> str:
    try:
        Forwarder.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    return text


def _methods(path: str) -> dict[str, Method]:
    try:
        with Path(path).open("rb") as file:
            return parse_methods(file.read(MAX_POLICY + 1))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{path}: {problem}") from None


def _name(text: str) -> str:
    try:
        return names.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _files(given: argparse.Namespace, flags: argparse.ArgumentParser) -> Files:
    missing = [f"--{flag}" for flag in ("cert", "key", "ca") if not getattr(given, flag)]
    if missing:
        flags.error(
            f"{', '.join(missing)} is missing: want PEM files of the certificate, its key, and the callers' authorities"
        )
    return Files(given.cert, given.key, given.ca)


def _log_to_stderr(*, as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(as_json=as_json))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


async def _serve(config: Config) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        told.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)  # the second one ends the process at once

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        async with Server(config):
            await told.wait()
    except CutOffError as error:
        sys.stderr.write(f"{config.name}: {error}\n")
        sys.stderr.flush()
        os._exit(1)  # nothing that goes on, in a thread or in spite of being cancelled, is waited for
