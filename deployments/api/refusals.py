"""How an error of the services is told to whoever asked; each protocol has a code for each reason."""

from enum import Enum, auto
from typing import Final, NamedTuple

from cluster.errors import CascadeError, InvalidField, NotFound, TooLarge, Unreadable
from cluster.store.breaker import StoreUnavailable
from deployments.admission.admission import RETRY_AFTER_S, TooBusy
from deployments.api.pressure import Overloaded
from deployments.catalogue.publisher import Contended

#: When to try again while consumers are behind, and while others change the same posts, in seconds.
OVERLOADED_S: Final = 2
CONTENDED_S: Final = 1


class Reason(Enum):
    INVALID = auto()  # a value that is not allowed
    TOO_LARGE = auto()
    NOT_FOUND = auto()
    UNREADABLE = auto()  # what is stored is damaged
    OVERLOADED = auto()  # try again later
    UNAVAILABLE = auto()  # likewise; something is gone


class Refusal(NamedTuple):
    reason: Reason
    fault: InvalidField  # what is told
    retry_after_s: int | None = None


#: What `refusal` takes.
REFUSED: Final = (InvalidField, Overloaded, StoreUnavailable, Contended, TooBusy)
_INVALID: Final = {NotFound: Reason.NOT_FOUND, Unreadable: Reason.UNREADABLE, TooLarge: Reason.TOO_LARGE}


def refusal(error: CascadeError) -> Refusal:
    """Why something is refused, and when to ask again. `error` is one of `REFUSED`."""
    match error:
        case InvalidField():
            reasons = (reason for kind, reason in _INVALID.items() if isinstance(error, kind))
            return Refusal(next(reasons, Reason.INVALID), error)
        case Overloaded():
            return Refusal(Reason.OVERLOADED, InvalidField("events", None, str(error)), OVERLOADED_S)
        case TooBusy():
            fault = InvalidField("deadline_ms", error.deadline_ms, f"{error}; {error.remedy}")
            return Refusal(Reason.UNAVAILABLE, fault, RETRY_AFTER_S)
        case StoreUnavailable():
            fault = InvalidField("store", None, f"{error}; nothing is lost if the same is sent again")
            return Refusal(Reason.UNAVAILABLE, fault, max(1, round(error.retry_ms / 1e3)))
        case _:
            return Refusal(Reason.UNAVAILABLE, InvalidField("post_id", None, str(error)), CONTENDED_S)
