"""What methods are, whichever way they are written: coroutine functions, and what they leave behind."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, NoReturn, TypeAlias

import grpc

from intentgate.status import StatusError

_THREADS = 32  # methods at one time that are no coroutines

Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # which has no parameters at run time
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

_left_behind: ContextVar["set[asyncio.Future[Any]]"] = ContextVar("intentgate.left_behind")


def leaving_behind(work: "set[asyncio.Future[Any]]") -> None:
    """Has the current call note there what goes on when it ends."""
    _left_behind.set(work)


def goes_on(work: "asyncio.Future[Any]") -> None:
    """Notes work that goes on when the current call ends: a server that stops waits for it."""
    noted = _left_behind.get(None)
    if noted is not None:
        noted.add(work)
        work.add_done_callback(noted.discard)


def behaviour(handler: Handler) -> Callable[..., Any]:
    """Returns the function of a handler."""
    if handler.response_streaming:
        found: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream
    else:
        found = handler.stream_unary if handler.request_streaming else handler.unary_unary
    return found  # type: ignore[no-any-return]


def handler_of(handler: Handler, function: Callable[..., Any], decode: Any, encode: Any) -> Handler:  # noqa: ANN401
    """Returns a handler of the same kind with another function."""
    made: Callable[..., Handler] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    return made(function, request_deserializer=decode, response_serializer=encode)


class Methods(grpc.aio.ServerInterceptor):
    """Stands innermost, so that other interceptors find coroutine functions, and in the context how a call has ended."""

    def __init__(self) -> None:
        """Makes that of a server."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intentgate")

    def close(self) -> None:
        """Lets threads end that do nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Returns the handler of a method, whose function may wait."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.response_streaming:
            return handler
        return handler_of(handler, self._waiting(behaviour(handler)), handler.request_deserializer, handler.response_serializer)

    def _waiting(self, method: Callable[..., Any]) -> Callable[[Any, Context], Awaitable[Any]]:
        async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 # of any method
            try:
                if inspect.iscoroutinefunction(method):
                    return await method(request, context)
                # A plain function may block, so that it has a thread; what it returns may still be something to wait for.
                result = await self._in_thread(method, request, _ThreadContext(context))
                return await result if inspect.isawaitable(result) else result
            except StatusError as error:
                context.set_code(error.code)
                context.set_details(error.message)
                raise
            except Exception:
                code: Any = context.code()  # None until it is set
                if code in (None, grpc.StatusCode.OK):
                    context.set_code(grpc.StatusCode.INTERNAL)
                raise

        return answer

    async def _in_thread(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        work = self._threads.submit(copy_context().run, function, *arguments)
        result = asyncio.wrap_future(work)
        goes_on(result)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            work.cancel()  # unless a thread has begun, and cannot be interrupted
            raise


class _ThreadContext:
    """The context of a method that is a plain function, whose abort has to end it, as in grpc's server of threads."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # whatever a context has
        return getattr(self._context, name)

    def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:  # noqa: ANN401
        if trailing_metadata:
            self._context.set_trailing_metadata(trailing_metadata)
        raise StatusError(code, details)

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        self.abort(status.code, status.details, status.trailing_metadata)
