"""The streams to the fleet: which one is a trainer's, and which have orders that wait for the commit."""

from nasfleet.catalogue import SearchSpec
from nasfleet.errors import NasfleetError
from nasfleet_controller.connection import Connection
from nasfleet_controller.orders import Assignment, Orders


class Streams:
    """One stream at most for each trainer process."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._with_orders: set[Connection] = set()

    def open(self, connection: Connection) -> None:
        """Take in the stream of a trainer."""
        self._connections[connection.instance_id] = connection

    def are_with(self, connection: Connection) -> bool:
        """Return whether this is its trainer's stream; an older one, which a newer has taken over from, is not."""
        return self._connections.get(connection.instance_id) is connection

    def has(self, instance_id: str) -> bool:
        """Return whether a trainer has a stream."""
        return instance_id in self._connections

    def of(self, instance_id: str) -> Connection:
        """Return the stream of a trainer that has one."""
        return self._connections[instance_id]

    def end(self, instance_id: str, error: NasfleetError) -> None:
        """End the stream of a trainer, if it has one."""
        if (connection := self._connections.pop(instance_id, None)) is not None:
            connection.close(error)

    def forget(self, connection: Connection) -> None:
        """Let go of a stream that has ended."""
        del self._connections[connection.instance_id]

    def orders_for(self, instance_id: str) -> Orders:
        """Return what is staged for a trainer, to be added to; what is added for one without a stream nobody hears."""
        connection = self._connections.get(instance_id)
        if connection is None:
            return Orders()
        self._with_orders.add(connection)
        return connection.staged

    def assign(self, instance_id: str, assignment: Assignment, spec: SearchSpec) -> None:
        """Stage a trial for a trainer that has a stream."""
        connection = self.of(instance_id)
        self._with_orders.add(connection)
        connection.assign(assignment, spec)

    def publish(self) -> None:
        """Let go of what was staged: it is durable now."""
        while self._with_orders:
            self._with_orders.pop().publish()

    def close(self, error: NasfleetError) -> None:
        """End all streams; nothing that was staged is sent."""
        for connection in self._connections.values():
            connection.close(error)
