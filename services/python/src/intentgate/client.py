"""Calling other services with a certificate of one's own."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from intentgate.identity import Files, Identity
from intentgate.line import Log

_AGAIN = 1.0  # seconds between two looks at the files
_GRACE = 60.0  # seconds that calls on a connection of older files may take to end

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # connections are not shared with channels of other files
    ("grpc.service_config_disable_resolution", 1),  # no DNS record decides about retries
)


class Channel(grpc.aio.Channel):
    """A channel over mutual TLS, each of whose calls goes out with the files that are current then.

        async with Channel("orders.internal:8443", Files("stores.pem", "stores.key", "internal-ca.pem")) as channel:
            orders = OrderServiceStub(channel)
            order = await orders.TrackOrder(TrackOrderRequest(order_id="A-1042"), timeout=5)

    When a certificate or an authority is replaced, calls in flight end on the old connections. It belongs to one event loop.
    """

    def __init__(
        self,
        target: str,
        files: Files,
        *,
        server_name: str = "",
        options: Sequence[tuple[str, Any]] = (),
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        logger: logging.Logger | None = None,
    ) -> None:
        """Reads the files; connections are made by calls.

        Args:
            target: of the other service, host and port or any gRPC name.
            files: the program's own certificate, and the authorities that issue the other service's.
            server_name: the DNS name in the other service's certificate; empty: the host of the target.
            options: more of gRPC's.
            interceptors: gRPC's, OpenTelemetry's for example.
            logger: is told of files that are replaced; None: that of this library.

        Raises:
            ValueError: something is wrong with the files.
        """
        self._target, self._interceptors = target, interceptors
        self._identity = Identity(files, Log(logger or logging.getLogger("intentgate"), target))
        self._options = [*_OPTIONS, *options]
        if server_name:
            self._options.append(("grpc.ssl_target_name_override", server_name))
        self._looked = time.monotonic()
        self._channel = self._open()
        self._older: dict[grpc.aio.Channel, asyncio.Task[None]] = {}  # whose calls are to end

    def _open(self) -> grpc.aio.Channel:
        credentials = self._identity.channel_credentials()
        return grpc.aio.secure_channel(self._target, credentials, options=self._options, interceptors=self._interceptors)

    def current(self) -> grpc.aio.Channel:
        """Returns a channel of the files that are current now."""
        if time.monotonic() - self._looked >= _AGAIN:
            self._looked = time.monotonic()
            if self._identity.reload():
                older, self._channel = self._channel, self._open()
                self._older[older] = asyncio.get_running_loop().create_task(self._retire(older))
        return self._channel

    async def _retire(self, older: grpc.aio.Channel) -> None:
        await asyncio.sleep(_GRACE)
        del self._older[older]
        await older.close()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, D102 # as in grpc.aio.Channel
        return _Method(self, lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, D102
        return _Method(self, lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, D102
        return _Method(self, lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, D102
        return _Method(self, lambda channel: channel.stream_stream(*args, **kwargs))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002, D102
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:  # noqa: D102
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:  # noqa: D102
        await self.current().channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Closes it, once calls in flight are done or their grace has passed."""
        for retiring in self._older.values():
            retiring.cancel()
        await asyncio.gather(*(channel.close(grace) for channel in (self._channel, *self._older)))

    async def __aenter__(self) -> Self:
        """Returns the channel."""
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Closes it."""
        await self.close()


class _Method:
    """A method of a stub, on whichever channel is current."""

    def __init__(self, channel: Channel, make: Callable[[grpc.aio.Channel], Callable[..., Any]]) -> None:
        self._channel, self._make = channel, make
        self._made_on: grpc.aio.Channel | None = None
        self._call: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 # as the method of the stub
        channel = self._channel.current()
        if channel is not self._made_on:
            self._call, self._made_on = self._make(channel), channel
        return self._call(*args, **kwargs)
