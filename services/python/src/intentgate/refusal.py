"""How a call ends that is not accepted."""

import grpc
from google.rpc import error_details_pb2

from intentgate.status import StatusError


class Refusal(Exception):  # noqa: N818 # it is how a call ends, as a rule nobody's error
    """A call is not accepted. The peer is told little; the text, which is for the log, says what was seen and wanted."""

    def __init__(self, code: grpc.StatusCode, reason: str, *, saw: str, wanted: str) -> None:
        """Makes a refusal.

        Args:
            code: UNAUTHENTICATED, PERMISSION_DENIED or INVALID_ARGUMENT.
            reason: one of a stable set, such as not_allowed, to count by. One in capitals is told to the peer.
            saw: what was seen.
            wanted: what was wanted.
        """
        super().__init__(f"caller refused ({reason}): saw {saw}, wanted {wanted}")
        self.code, self.reason, self.saw, self.wanted = code, reason, saw, wanted

    def status(self) -> StatusError:
        """Returns what the peer is told: one who may call hears the reason as a google.rpc.ErrorInfo."""
        message = {
            grpc.StatusCode.UNAUTHENTICATED: "a client certificate is required",
            grpc.StatusCode.PERMISSION_DENIED: "caller is not allowed",
        }.get(self.code, "caller metadata is malformed")
        told = [error_details_pb2.ErrorInfo(domain="intentgate", reason=self.reason)] if self.reason.isupper() else []
        return StatusError(self.code, message, told)


def malformed(reason: str, *, saw: str, wanted: str) -> Refusal:
    """Returns the refusal of metadata that are not what they have to be."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, reason, saw=saw, wanted=wanted)


def denied(reason: str, *, saw: str, wanted: str) -> Refusal:
    """Returns the refusal of somebody who may not do what the call asks for."""
    return Refusal(grpc.StatusCode.PERMISSION_DENIED, reason, saw=saw, wanted=wanted)
