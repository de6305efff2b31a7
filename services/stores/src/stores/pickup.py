"""Tells the clerk at the counter whether an order has come: a program that calls another team's service.

It calls TrackOrder of the orders service, which is written in another language, through the generated client and with a
certificate of its own. No agent and no gateway are part of it.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import grpc

from intentgate import Channel, Files
from shop.orders.v1 import order_service_pb2 as pb
from shop.orders.v1 import order_service_pb2_grpc as pb_grpc

_TIMEOUT = 5  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit status."""
    flags = argparse.ArgumentParser(
        prog="pickup",
        description="Tells whether an order has come, as the orders service knows it.",
        epilog="example: pickup --cert pickup.pem --key pickup.key --ca internal-ca.pem A-1042\n\n"
        "The orders service was started with --allow and the name in pickup.pem.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    flags.add_argument("--target", default="orders.internal:8443", help="the orders service (default %(default)s)")
    flags.add_argument("--server-name", default="", help="the DNS name in its certificate (default: the host of the target)")
    flags.add_argument("--cert", required=True, help="the program's own certificate, in PEM")
    flags.add_argument("--key", required=True, help="that certificate's private key")
    flags.add_argument("--ca", required=True, help="the authorities that issue the orders service's certificate")
    flags.add_argument("order", help="its number, such as A-1042")
    given = flags.parse_args(arguments)
    try:
        sys.stdout.write(asyncio.run(_ask(given)) + "\n")
    except grpc.aio.AioRpcError as error:
        sys.stderr.write(f"pickup: {error.code().name}: {error.details()}\n")
        return 1
    except ValueError as error:
        sys.stderr.write(f"pickup: {error}\n")
        return 1
    return 0


async def _ask(given: argparse.Namespace) -> str:
    files = Files(given.cert, given.key, given.ca)
    async with Channel(given.target, files, server_name=given.server_name) as channel:
        orders = pb_grpc.OrderServiceStub(channel)
        order = await orders.TrackOrder(pb.TrackOrderRequest(order_id=given.order), timeout=_TIMEOUT)
    if order.status == pb.ORDER_STATUS_DELIVERED:
        return f"{order.order_id}: hand it out. {order.text}"
    return f"{order.order_id}: not here. {order.text}"


if __name__ == "__main__":
    sys.exit(main())
