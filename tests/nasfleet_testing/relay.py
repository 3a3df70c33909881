"""A way to an address that can be cut and mended, as a network can."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Passes connections on, as from another host; while it is cut it closes them all, those that are open included."""

    def __init__(self, target: str, source: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._source = (source, 0)
        self._open: list[socket.socket] = []
        self._whole = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Close what is open and let nothing through."""
        self._whole = False
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                here, _ = self._listener.accept()
                if not self._whole:
                    here.close()
                    continue
                threading.Thread(target=self._pass_on, args=(here,), daemon=True).start()

    def _pass_on(self, here: socket.socket) -> None:
        with here, socket.create_connection(self._target, source_address=self._source) as there:
            self._open += [here, there]
            back = threading.Thread(target=_copy, args=(there, here), daemon=True)
            back.start()
            _copy(here, there)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay(target: str, source: str = "127.0.0.1") -> Iterator[Relay]:
    """Give a way to HOST:PORT, which comes from this address."""
    one = Relay(target, source)
    try:
        yield one
    finally:
        one.close()
