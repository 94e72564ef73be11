"""Everything the operator raises, as a short tree that matches what a caller does about it.

ClusterError          the API server answered with a failure, or did not answer
  MissingError        404: the object is gone; look again
  ConflictError       409: somebody else changed or made it first; look again
  RejectedError       400, 403, 422: the same request would be refused again; tell the user
  UnavailableError    429, 5xx, no answer: wait and try again
LeadershipLostError   another replica has taken over; stop writing
"""

from http import HTTPStatus


class ClusterError(Exception):
    """A request to the API server failed."""

    def __init__(self, request: str, status: int, message: str, retry_after_seconds: float | None = None) -> None:
        self.status = status
        """HTTP status; 0 when there was no answer."""
        self.retry_after_seconds = retry_after_seconds
        """How long the API server asks to wait; None when it does not say."""
        super().__init__(f"{request}: {status or 'no answer'}: {message}")


class MissingError(ClusterError):
    """The object does not exist."""


class ConflictError(ClusterError):
    """The object exists already, or has changed since it was read."""


class RejectedError(ClusterError):
    """The request is wrong, or not allowed."""


class UnavailableError(ClusterError):
    """The API server can't answer now."""


class LeadershipLostError(Exception):
    """This replica no longer leads."""


_ERRORS: dict[int, type[ClusterError]] = {
    HTTPStatus.NOT_FOUND: MissingError,
    HTTPStatus.GONE: MissingError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.BAD_REQUEST: RejectedError,
    HTTPStatus.FORBIDDEN: RejectedError,
    HTTPStatus.UNPROCESSABLE_ENTITY: RejectedError,
}


def cluster_error(request: str, status: int, message: str, retry_after_seconds: float | None = None) -> ClusterError:
    """The error that an answer means; what is not known by name may pass, so it is worth another try."""
    return _ERRORS.get(status, UnavailableError)(request, status, message, retry_after_seconds)
