"""A real Prometheus that scrapes the programs of a test."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasfleet_testing.lacking import lacking
from nasfleet_testing.processes import eventually, program
from nasfleet_testing.programs import free_address


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its address, and what can be asked of it."""

    address: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series of an instant vector."""
        found = self._get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def value(self, expression: str) -> float:
        """Return the sum over all series; 0 if there are none."""
        return sum(value for _, value in self.query(expression))

    def firing(self) -> dict[str, str]:
        """Return the description of every alert that fires, by name; of several of one name the last."""
        return {
            one["labels"]["alertname"]: one["annotations"]["description"]
            for one in self._get("alerts")["alerts"]
            if one["state"] == "firing"
        }

    def types(self) -> dict[str, str]:
        """Return the type of every metric that it has seen, by the name of its family."""
        return {name: one[0]["type"] for name, one in self._get("metadata").items()}

    def targets(self) -> list[dict[str, Any]]:
        """Return what it scrapes, with `labels`, `scrapeUrl`, `health` and `lastError`."""
        return list(self._get("targets", state="active")["activeTargets"])

    def rules(self) -> dict[str, str]:
        """Return the health of every rule, by its name: `ok` once it has been evaluated."""
        return {rule["name"]: rule["health"] for group in self._get("rules")["groups"] for rule in group["rules"]}

    def _get(self, what: str, **parameters: str) -> Any:
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)["data"]

    def ready(self) -> bool:
        """Return whether it can be asked."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, str], rules: Sequence[Any] = ()) -> Iterator[Prometheus]:
    """Have a Prometheus scrape addresses, by the name of their job, and evaluate groups of rules, every second.

    Where it is not installed the test is skipped, but not where CI is set.
    """
    binary = shutil.which("prometheus")
    if binary is None:
        lacking("the program prometheus is not installed")
    node = {"node": "here"}  # as the chart's PodMonitors have it
    jobs = [{"job_name": job, "static_configs": [{"targets": [address], "labels": node}]} for job, address in targets.items()]
    folder.mkdir()
    often = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "rules.yml").write_text(json.dumps({"groups": list(rules)}))
    settings = {"global": often, "scrape_configs": jobs, "rule_files": ["rules.yml"]}
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    with configured(folder, binary) as here:
        yield here


@contextmanager
def configured(folder: Path, binary: str) -> Iterator[Prometheus]:
    """Run a Prometheus by the file prometheus.yml of a folder."""
    here = Prometheus(free_address())
    flags = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    with program((binary, *flags, f"--web.listen-address={here.address}", "--log.level=warn"), folder / "log") as process:
        eventually(here.ready, f"a Prometheus that can be asked; it said {process.log}")
        yield here
