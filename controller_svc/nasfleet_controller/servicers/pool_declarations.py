"""The declaration of a pool as it arrives, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from nasfleet.errors import InvalidInputError
from nasfleet.names import PoolName
from nasfleet.v1 import fleet_pb2
from nasfleet_controller.records import PoolDeclared

MOST_TRAINERS = 10_000
MOST_LABELS = 1024
LONGEST_LABEL_KEY = 317  # in Kubernetes: a domain of 253 characters, a slash, a name of 63
LONGEST_LABEL_VALUE = 63
LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class PoolDeclaration:
    """What a pool is to be, which of its trainers get nothing more and which are gone."""

    pool: PoolDeclared
    cordoned: frozenset[str]
    gone: frozenset[str]


def declaration_from_proto(request: fleet_pb2.EnsurePoolRequest) -> PoolDeclaration:
    """Return the declaration.

    Raises:
        InvalidInputError: if a value is wrong; the message names it.
    """
    name = PoolName.parse(request.name)
    if request.wanted_size > MOST_TRAINERS:
        raise InvalidInputError(f"wanted_size of pool {name} is {request.wanted_size}: give at most {MOST_TRAINERS}")
    if len(request.service_account) > LONGEST_NAME:
        raise InvalidInputError(
            f"service_account of pool {name} has {len(request.service_account)} characters: give at most {LONGEST_NAME}"
        )
    return PoolDeclaration(
        PoolDeclared(name, _labels(name, request), request.service_account, request.wanted_size),
        _names(f"cordoned_trainers of pool {name}", request.cordoned_trainers),
        _names(f"gone_trainers of pool {name}", request.gone_trainers),
    )


def _labels(name: PoolName, request: fleet_pb2.EnsurePoolRequest) -> dict[str, str]:
    if len(request.labels) > MOST_LABELS:
        raise InvalidInputError(f"pool {name} has {len(request.labels)} labels: give at most {MOST_LABELS}")
    for key, value in request.labels.items():
        if not 0 < len(key) <= LONGEST_LABEL_KEY or len(value) > LONGEST_LABEL_VALUE:
            raise InvalidInputError(
                f"pool {name} has the label {key!r} with the value {value!r}: give a key of 1 to {LONGEST_LABEL_KEY} "
                f"characters and a value of at most {LONGEST_LABEL_VALUE}"
            )
    return dict(request.labels)


def _names(what: str, names: Sequence[str]) -> frozenset[str]:
    if len(names) > MOST_TRAINERS:
        raise InvalidInputError(f"{what} are {len(names)} names: give at most {MOST_TRAINERS}")
    for name in names:
        if not 0 < len(name) <= LONGEST_NAME:
            raise InvalidInputError(f"{what} has {name!r}: give names of 1 to {LONGEST_NAME} characters")
    return frozenset(names)
