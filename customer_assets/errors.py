"""The one exception tree, by what follows from an error; in brackets the exit status of a command that ends with it.

    CustomerAssetsError [1]
    ├── ConfigurationError [2]   a setting or an argument is wrong; nothing was called
    │   └── DatabaseError [4]    the database cannot be reached, or refuses to work
    ├── BusyError                somebody else does it already
    ├── NotFoundError            there is no such row here
    ├── StaleEditError           somebody was faster
    ├── NotInStateError          what is asked needs it to be otherwise
    ├── RecordError              one record is bad; the others go on
    └── SourceError [3]          an API could not do what was asked
        ├── PermanentError       repeating cannot help
        │   └── CredentialsError stop at the first
        ├── TransientError       repeated with jitter inside a budget
        │   └── ThrottledError   repeated after the wait that was asked for, a few times
        ├── QuotaError           what landed stays; the next run resumes there
        ├── GoneError            the record does not exist there
        ├── ContractError        not what the API promises
        ├── UnknownOutcomeError  a write may have happened: look before writing again
        └── RefusedError [1]     understood and refused: this row fails, the others go on

A message says what happened, to which record or page, and what mends it. It never carries a credential: messages are
built from addresses and ids, never from request bodies or headers.
"""

from __future__ import annotations


class CustomerAssetsError(Exception):
    """Base of everything this project raises on purpose."""

    exit_code = 1


class ConfigurationError(CustomerAssetsError):
    """A setting is missing or wrong; the message names it. Nothing was called."""

    exit_code = 2


class DatabaseError(ConfigurationError):
    """The database cannot be reached, or refuses to work: down, read-only, full, a missing privilege, a wrong schema."""

    exit_code = 4


class BusyError(CustomerAssetsError):
    """Another process holds the lock of this account and system; the message says who."""


class SourceError(CustomerAssetsError):
    """An API could not do what was asked. `system` names it, so that the others can go on; `host` one that did not answer."""

    exit_code = 3

    def __init__(self, message: str, *, system: str = "", host: str = "") -> None:
        super().__init__(message)
        self.system = system
        self.host = host


class PermanentError(SourceError):
    """Repeating the call cannot help: bad credentials, missing rights, wrong path or organization."""


class CredentialsError(PermanentError):
    """The system refused the credentials. Stop at the first one: repeating can get the address blocked."""


class TransientError(SourceError):
    """Time-out, reset, 5xx, cut answer: retried with jitter inside the budget, then raised."""


class ThrottledError(TransientError):
    """The system asks for a slower pace: wait `wait_seconds`, times `growth` at each further try, `tries` in all.

    Few tries, since hammering on gets an account blocked; they are not part of the time budget of other retries.
    """

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        wait_seconds: float = 1.0,
        growth: float = 2.0,
        tries: int = 4,
    ) -> None:
        super().__init__(message, system=system)
        self.wait_seconds = wait_seconds
        self.growth = growth
        self.tries = tries


class QuotaError(SourceError):
    """The day's (or run's) call quota is gone. What was landed stays; the next run resumes there."""


class GoneError(SourceError):
    """The record does not exist (any more) at the source."""


class ContractError(SourceError):
    """The answer is well-formed HTTP but not what the API promises; repeating is not expected to help."""


class UnknownOutcomeError(SourceError):
    """A write may have happened or not: its answer did not come, or says neither. Look before writing again."""


class RefusedError(SourceError):
    """The system understood a write and refused it, with its reason: this row fails, the others go on."""

    exit_code = 1


class NotFoundError(CustomerAssetsError):
    """There is no such row here."""


class StaleEditError(CustomerAssetsError):
    """The row was changed since the editor saw it: nothing is written, both versions are there to be looked at."""


class NotInStateError(CustomerAssetsError):
    """What is asked of a row needs it to be in another state; the message says in which it is."""


class RecordError(CustomerAssetsError):
    """One record cannot be mapped. It is set aside with this reason; the rest of its page goes on."""
