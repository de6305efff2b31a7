"""What a call passes through before it reaches its method."""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from intentgate import names
from intentgate.caller import Call, Peer, calling
from intentgate.line import Duration, Log
from intentgate.methods import Context, Continuation, Handler, behaviour, handler_of, leaving_behind
from intentgate.policy import Policy
from intentgate.refusal import Refusal
from intentgate.status import StatusError
from intentgate.trust import Trust
from intentgate.v1 import caller_pb2, platform_pb2

_End = tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]  # as abort takes it
_Codes = {code.value[0]: code for code in grpc.StatusCode}

# How much attention the outcome of a call wants: a bug here, or something to look at; all else is business.
_LEVELS = {
    grpc.StatusCode.UNKNOWN: logging.ERROR,
    grpc.StatusCode.INTERNAL: logging.ERROR,
    grpc.StatusCode.DATA_LOSS: logging.ERROR,
    grpc.StatusCode.PERMISSION_DENIED: logging.WARNING,
    grpc.StatusCode.UNAUTHENTICATED: logging.WARNING,
    grpc.StatusCode.UNIMPLEMENTED: logging.WARNING,
    grpc.StatusCode.DEADLINE_EXCEEDED: logging.WARNING,
    grpc.StatusCode.RESOURCE_EXHAUSTED: logging.WARNING,
    grpc.StatusCode.UNAVAILABLE: logging.WARNING,
}


class Chain(grpc.aio.ServerInterceptor):
    """Stands before everything that a server registers, health and reflection too.

    Each call leaves one line, the refused and the failed ones as well; nothing of what is asked or answered goes into it, but
    for what the message of a status says. No method runs, and no request is decoded, for somebody who is not on the lists. An
    exception that a method did not foresee is INTERNAL for the caller, and told to the log alone.
    """

    def __init__(self, policy: Policy, trust: Trust, log: Log) -> None:
        """Makes the chain of a server."""
        self._policy, self._trust, self._log = policy, trust, log
        self.left_behind: set[asyncio.Future[Any]] = set()
        """What goes on though its call has ended."""
        self.answering = asyncio.Event()
        """While it is not set, answers are held back."""
        self.answering.set()

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """Returns a handler that judges a call before it hands it on."""
        method = handler_call_details.method
        # None: a method that is not there goes through the chain, too, so that strangers learn nothing, and the log does.
        handler = await continuation(handler_call_details)
        if handler is None:
            return grpc.stream_stream_rpc_method_handler(self._handler(method, _unknown(method)))
        # Messages are decoded and encoded within the chain, those of streams excepted.
        decode, encode = handler.request_deserializer, handler.response_serializer
        takes, gives = handler.request_streaming, handler.response_streaming
        inner = self._handler(method, behaviour(handler), None if takes else decode, None if gives else encode, streams=gives)
        return handler_of(handler, inner, decode if takes else None, encode if gives else None)

    def _handler(
        self,
        method: str,
        function: Callable[..., Any],
        decode: Callable[[bytes], Any] | None = None,
        encode: Callable[[Any], bytes] | None = None,
        *,
        streams: bool = True,
    ) -> Callable[[Any, Context], Awaitable[Any]]:
        async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 # of any method
            line = _Line(method, context)
            end: _End | None = None
            response: Any = None
            try:
                peer = line.peer = self._trust.peer(context.auth_context())
                call = line.call = await self._policy.judge(peer, context.invocation_metadata() or (), method)
                leaving_behind(self.left_behind)
                with calling(call):
                    request = decode(request) if decode else request
                    response = await (_stream if streams else _single)(function, request, context)
                    if encode and _code(context) is grpc.StatusCode.OK:  # else it is not sent
                        response = encode(response)
            except Refusal as refusal:
                line.refused(refusal)
                told = refusal.status()
                end = told.code, told.message, told.trailing_metadata()
            except StatusError as error:
                line.ended(error.code, error.message)
                end = error.code, error.message, error.trailing_metadata()
            except grpc.aio.AbortError:  # by the method itself
                line.ended(_code(context), context.details())
                raise
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task and task.cancelling():  # by gRPC
                    line.ended(_given_up(context), "the caller waits no longer")
                    raise
                # Something that the method waited for was, and the caller waits for an answer still.
                end = line.failed(error)
            except Exception as error:  # noqa: BLE001 # whatever a method did not foresee
                end = line.failed(error)
            finally:
                line.write(self._log)
            await self.answering.wait()
            if end:
                await context.abort(*end)
            return response

        return answer


async def _single(function: Callable[..., Any], request: Any, context: Context) -> Any:  # noqa: ANN401 # of any method
    result = function(request, context)
    return await result if inspect.isawaitable(result) else result


async def _stream(function: Callable[..., Any], request: Any, context: Context) -> None:  # noqa: ANN401
    result = function(request, context)
    if inspect.isawaitable(result):
        await result
        return
    if not hasattr(result, "__aiter__"):
        raise TypeError("a method that streams its responses has to be asynchronous: write it with async def")
    async for response in result:
        await context.write(response)


class _Line:
    """What becomes of a call, for the log."""

    def __init__(self, method: str, context: Context) -> None:
        self._method, self._context = method, context
        self._start = time.perf_counter_ns()
        self._code: grpc.StatusCode | None = None
        self._more: dict[str, object] = {}
        self._stack: BaseException | None = None
        self.peer: Peer | None = None  # until its connection is trusted
        self.call: Call | None = None  # until it is believed

    def refused(self, refusal: Refusal) -> None:
        self._code = refusal.code
        self._more = {"refusal": {"reason": refusal.reason, "saw": refusal.saw, "wanted": refusal.wanted}}

    def ended(self, code: grpc.StatusCode, message: str) -> None:
        self._code, self._more = code, {"error": message}

    def failed(self, error: BaseException) -> _End:
        if isinstance(error, NotImplementedError) and _code(self._context) is grpc.StatusCode.UNIMPLEMENTED:
            # By generated code, for a method that is not written.
            self.ended(grpc.StatusCode.UNIMPLEMENTED, self._context.details())
            return grpc.StatusCode.UNIMPLEMENTED, self._context.details(), ()
        self.ended(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
        self._stack = error
        return grpc.StatusCode.INTERNAL, "internal error", ()

    def write(self, log: Log) -> None:
        code = self._code or _code(self._context)
        level = _LEVELS.get(code, logging.INFO)
        if level == logging.INFO and self._method.startswith("/grpc.health.v1.Health/"):
            level = logging.DEBUG  # the gateway and the platform ask all day long
        peer = self.peer.names if self.peer else names.of_peer(self._context.auth_context())
        data: dict[str, object] = {
            "method": self._method,
            "code": code_name(code),
            "duration": Duration(time.perf_counter_ns() - self._start),
            "peer": list(peer),
        }
        if self.call and (caller := self.call.caller):
            data["caller"] = {
                "platform": _value(platform_pb2.Platform, caller.platform),
                "project": caller.project_id.value,
                "proof": _value(caller_pb2.Caller.Proof, caller.project_id.proof),
            }
            data["request_id"] = self.call.request_id
        log.write(level, "Call", data | self._more, error=self._stack)


def _code(context: Context) -> grpc.StatusCode:
    """Returns the code that a method has set, which the context has as a number."""
    code: Any = context.code()
    return code if isinstance(code, grpc.StatusCode) else _Codes.get(code or 0, grpc.StatusCode.UNKNOWN)


def _given_up(context: Context) -> grpc.StatusCode:
    left = context.time_remaining()
    late = left is not None and left <= 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED


def code_name(code: grpc.StatusCode) -> str:
    """Returns a code as the lines of all services and of the gateway have it, such as NotFound."""
    if code is grpc.StatusCode.OK:
        return "OK"
    if code is grpc.StatusCode.CANCELLED:
        return "Canceled"
    return code.name.title().replace("_", "")


def _value(kind: Any, number: int) -> str:  # noqa: ANN401 # the wrapper of an enum
    """Returns the name of an enum's value without the prefix that they carry: PLATFORM_ES is ES, PROOF_ID_TOKEN is ID_TOKEN."""
    return kind.Name(number).partition("_")[2] if number in kind.values() else str(number)


def _unknown(method: str) -> Callable[[Any, Context], Awaitable[None]]:
    async def unknown(_request: object, _context: Context) -> None:
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"unknown method {method}")

    return unknown
