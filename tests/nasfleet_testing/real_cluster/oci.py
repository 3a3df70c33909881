"""Container images made without any tool: an OCI layout in a tar, as `ctr images import` takes it."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = 65532
_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layer:
    """A layer that is being written: files of this machine, under paths of their own."""

    def __init__(self, file: Path) -> None:
        self._tar = tarfile.open(file, "w")  # noqa: SIM115 - closed by `layer`
        self._there: set[str] = set()

    def add(self, source: Path, path: str, *, without: Iterable[str] = ()) -> None:
        """Add a file, or a folder with all in it but what has one of these names."""
        skipped = frozenset(without)

        def owned(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
            if skipped & set(Path(entry.name).parts):
                return None
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mode |= 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        self._parents(path)
        self._tar.add(source, path.lstrip("/"), filter=owned)

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file with this content."""
        self._parents(path)
        _add(self._tar, path.lstrip("/"), content, mode)

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add an empty folder."""
        self._parents(path)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(entry)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._parents(path)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def close(self) -> None:
        """Finish it."""
        self._tar.close()

    def _parents(self, path: str) -> None:
        for parent in reversed(Path(path.lstrip("/")).parents):
            name = str(parent)
            if name not in {".", *self._there}:
                self._there.add(name)
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                self._tar.addfile(entry)


@contextmanager
def layer(file: Path) -> Iterator[Layer]:
    """Write a layer into a file."""
    one = Layer(file)
    try:
        yield one
    finally:
        one.close()


def write_archive(file: Path, names: Iterable[str], layers: Iterable[Path], config: Mapping[str, Any]) -> None:
    """Write the archive of an image under one or more names; `config` is the runtime's part of an image's configuration."""
    blobs: dict[str, Path | bytes] = {}

    def keep(content: Path | bytes, media_type: str) -> dict[str, Any]:
        digest = _digest(content)
        blobs[digest] = content
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}

    kept = [keep(one, _LAYER) for one in layers]
    about = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in kept]},
    }
    configuration = keep(json.dumps(about).encode(), "application/vnd.oci.image.config.v1+json")
    manifest_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": manifest_type, "config": configuration, "layers": kept}
    entry = keep(json.dumps(manifest).encode(), manifest_type)
    named = [{**entry, "annotations": {"io.containerd.image.name": name}} for name in names]
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": named}
    with tarfile.open(file, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", json.dumps(index).encode())
        for digest, content in blobs.items():
            if isinstance(content, Path):
                tar.add(content, f"blobs/sha256/{digest}")
            else:
                _add(tar, f"blobs/sha256/{digest}", content)


def python_layer(file: Path, packages: Path) -> None:
    """Write this very Python, with the libraries that it and its packages need, at the places where they are here."""
    prefix = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = prefix / "lib" / version
    dull = {"__pycache__", "test", "idlelib", "tkinter", "ensurepip", "site-packages", f"config-{version[6:]}-x86_64-linux-gnu"}
    linked = [prefix / "bin" / version, *(library / "lib-dynload").glob("*.so")]
    linked += [*packages.glob("*/_cython/*.so"), *packages.glob("torch/lib/*.so")]
    with layer(file) as made:
        made.add(prefix / "bin" / version, str(prefix / "bin" / version))
        made.add(library, str(library), without=dull)
        for one in sorted({found for program in linked for found in _libraries(program) if packages not in found.parents}):
            made.add(one.resolve(), str(one))
        made.link("/usr/bin/python3", str(prefix / "bin" / version))
        made.add(Path("/bin/busybox"), "/bin/busybox")
        for name in ("sh", "cat", "ls", "sleep", "wget", "nc", "id", "env"):
            made.link(f"/bin/{name}", "busybox")
        made.write("/etc/passwd", f"root:x:0:0::/root:/bin/sh\nnasfleet:x:{USER}:{USER}::/tmp:/bin/sh\n".encode())
        made.write("/etc/group", f"root:x:0:\nnasfleet:x:{USER}:\n".encode())
        made.folder("/tmp", 0o1777)


def _libraries(program: Path) -> Iterator[Path]:
    """Yield the libraries that a program or a library is linked with, by the paths where the loader looks for them."""
    said = subprocess.run(("ldd", str(program)), capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        words = line.split()
        found = next((Path(word) for word in words if word.startswith("/")), None)
        if found is not None and found.exists():
            yield found


def _digest(content: Path | bytes) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
