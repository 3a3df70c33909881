"""The images of the real cluster: what holds a pod's namespaces, DNS, Prometheus, and nasfleet with the tests' Python.

The images of the Dockerfile take minutes, gigabytes and a registry. These have the same programs, under the same user, and find
their packages in a read-only mount (`nodes.PACKAGES`).
"""

import hashlib
import os
import sys
from pathlib import Path

from filelock import FileLock

from cluster.programs import have
from nasfleet_testing.pages import ROOT
from nasfleet_testing.real_cluster.nodes import PACKAGES, PAUSE, packages
from nasfleet_testing.real_cluster.oci import USER, layer, python_layer, write_archive

REGISTRY, COREDNS = "nf.local", "nf.local/coredns:1"
PROMETHEUS, CONFIG_RELOADER = "nf.local/prometheus:1", "nf.local/prometheus-config-reloader:1"
PROGRAMS = ("controller", "operator", "trainer")
FOLDERS = ("proto", "controller_svc", "child_trainer", "operator", "cli")


def images(folder: Path) -> list[Path]:
    """Return the archives of all images, written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    alone = {"coredns": COREDNS, "prometheus": PROMETHEUS, "prometheus-config-reloader": CONFIG_RELOADER}
    return [_pause(folder), *(_program(folder, *one) for one in alone.items()), nasfleet(folder, "1")]


def nasfleet(folder: Path, tag: str) -> Path:
    """Return the archive of nasfleet as it is in the working tree: one image under three names, with a tag."""
    code, file = folder / f"code-{tag}.tar", folder / f"nasfleet-{tag}.tar"
    with layer(code) as made:
        for one in FOLDERS:
            made.add(ROOT / one, f"/app/{one}", without={"__pycache__", "tests"})
        made.write(
            "/bin/nasfleet",
            f'#!/bin/sh\nexec {sys.base_prefix}/bin/python3.{sys.version_info.minor} -m nasfleet_cli "$@"\n'.encode(),
            0o755,
        )
        made.write("/app/built", tag.encode())
    path = ":".join([*(f"/app/{one}" for one in FOLDERS), PACKAGES])
    config = {
        "Env": [f"PATH={sys.base_prefix}/bin:/usr/bin:/bin", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1"],
        "User": f"{USER}:{USER}",
        "WorkingDir": "/tmp",
    }
    write_archive(file, [f"{REGISTRY}/nasfleet/{one}:{tag}" for one in PROGRAMS], [_python(), code], config)
    return file


def _pause(folder: Path) -> Path:
    with layer(folder / "pause-layer.tar") as made:
        made.add(Path("/bin/busybox"), "/bin/busybox")
    file = folder / "pause.tar"
    write_archive(file, [PAUSE], [folder / "pause-layer.tar"], {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]})
    return file


def _program(folder: Path, program: str, name: str) -> Path:
    """Return the archive of an image that is one static program."""
    with layer(folder / f"{program}-layer.tar") as made:
        made.add(have(program), f"/bin/{program}")
    file = folder / f"{program}.tar"
    write_archive(file, [name], [folder / f"{program}-layer.tar"], {"Entrypoint": [f"/bin/{program}"]})
    return file


def _python() -> Path:
    """Return the layer of Python, which is written once for each Python and set of packages."""
    names = sorted(one.name for one in packages().glob("*.dist-info"))
    key = hashlib.sha256(repr((sys.version, names)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasfleet" / "test-images"
    file = cache / f"python-{key}.tar"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        if not file.exists():
            part = file.with_suffix(".part")
            python_layer(part, packages())
            part.replace(file)
    return file
