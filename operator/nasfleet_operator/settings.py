"""What planning is told by whoever installed the operator."""

from dataclasses import dataclass

from nasfleet.names import DEFAULT_AUDIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The same for every resource.

    Attributes:
        controller: HOST:PORT of the controller, as trainers reach it.
        trainer_image: image of pools that name none.
        service_account: service account of pools that name none.
        server_name: the name in the controller's certificate, if that is not the host of its address.
        token_audience: for whom the projected tokens of trainers are.
        forget_after_seconds: a search whose controller cannot be reached is deleted without it after this long.
        retry_seconds: what was refused is tried again after this long.
        count_seconds: fields of a status that only count are written at most this often. A thousand busy resources then need
            the hundred calls a second that the operator has by default, and people see numbers that move.
        recent_seconds: pods that were lost within this time are told of in conditions.
        announce_seconds: changes of conditions within this time get their event, if it is not there yet.
    """

    controller: str
    trainer_image: str
    service_account: str = "nasfleet-trainer"
    server_name: str = ""
    token_audience: str = DEFAULT_AUDIENCE
    forget_after_seconds: float = 60.0
    retry_seconds: float = 60.0
    count_seconds: float = 10.0
    recent_seconds: float = 600.0
    announce_seconds: float = 300.0
