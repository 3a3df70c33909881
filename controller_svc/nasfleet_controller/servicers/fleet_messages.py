"""The fleet as it is shown: trainers and pools as messages."""

from collections.abc import Callable

from nasfleet.names import PoolName, TrialName
from nasfleet.v1 import fleet_pb2
from nasfleet_controller.state import ControllerState
from nasfleet_controller.trainers import Lease, Trainer, TrainerState
from nasfleet_controller.views import PoolView, view_pools


def fleet_to_proto(state: ControllerState, pool: PoolName | None, now: float) -> fleet_pb2.GetFleetResponse:
    """Return all trainers and pools, or one pool and its trainers."""

    def shown(name: PoolName | None) -> bool:
        return pool is None or name == pool

    return fleet_pb2.GetFleetResponse(
        trainers=_trainers_to_proto(state, shown, now),
        queued_trials=sum(search.queued for search in state.searches.values()),
        pools=[
            pool_to_proto(view)
            for view in view_pools(state, filter(shown, sorted(state.dispatcher.pools.declared, key=str)), now)
        ],
    )


def pool_to_proto(view: PoolView) -> fleet_pb2.Pool:
    """Return the message of a pool."""
    return fleet_pb2.Pool(
        name=str(view.declared.name),
        labels=view.declared.labels,
        service_account=view.declared.service_account,
        wanted_size=view.declared.wanted_size,
        cordoned_trainers=sorted(view.cordoned),
        wanted_slots=view.wanted_slots,
    )


def _trainers_to_proto(state: ControllerState, shown: Callable[[PoolName | None], bool], now: float) -> list[fleet_pb2.Trainer]:
    trainers = sorted(state.dispatcher.trainers.values(), key=lambda trainer: trainer.profile.name)
    return [_trainer_to_proto(trainer, state, now) for trainer in trainers if shown(trainer.profile.pool)]


def _trainer_to_proto(trainer: Trainer, state: ControllerState, now: float) -> fleet_pb2.Trainer:
    held = sorted(trainer.leases.values(), key=lambda lease: (lease.started_at is None, lease.fence))
    profile = trainer.profile
    return fleet_pb2.Trainer(
        trainer=profile.name,
        instance_id=profile.instance_id,
        pool="" if profile.pool is None else str(profile.pool),
        device=profile.device,
        device_memory_bytes=profile.device_memory_bytes,
        state=fleet_pb2.TrainerState.Value(f"TRAINER_STATE_{trainer.state.name}"),
        slots=profile.slots,
        trials=[_held_to_proto(lease, state) for lease in held],
        measured_count=trainer.measured,
        silent_seconds=max(0.0, now - trainer.heard_at),
        idle_seconds=max(0.0, now - trainer.idle_since) if trainer.state is TrainerState.IDLE else None,
        cordoned=trainer.standing.cordoned,
    )


def _held_to_proto(lease: Lease, state: ControllerState) -> fleet_pb2.HeldTrial:
    return fleet_pb2.HeldTrial(
        trial=str(TrialName(state.searches[lease.search_id].name, lease.number)),
        fence=lease.fence,
        started=lease.started_at is not None,
        epoch=lease.epoch,
        value=lease.value,
    )
