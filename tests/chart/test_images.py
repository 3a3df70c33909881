"""What the images are made of, as far as it can be seen without building them."""

import re
import tomllib
from pathlib import Path

import pytest

from nasfleet_testing.chart import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROGRAMS = ("operator", "controller", "trainer")
EXTRAS = {
    "operator": ["operator"],
    "controller": ["controller", "postgresql", "bayesian", "tracing"],
    "trainer": ["trainer", "tracing"],
}
CUDA = re.compile(r"torch|triton|(nvidia|cuda)-.*")


def pins(file: str) -> dict[str, str]:
    """Return what a lock says of each package, by its name: version, condition and hashes."""
    blocks = re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())
    return {re.split(r"[=\[]", block)[0]: block for block in blocks}


def wanted(program: str) -> set[str]:
    asked = [*PROJECT["dependencies"], *(one for extra in EXTRAS[program] for one in PROJECT["optional-dependencies"][extra])]
    return {re.split(r"[>=\[]", one)[0] for one in asked}


@pytest.mark.parametrize("program", [*PROGRAMS, "torch"])
def test_an_image_has_the_versions_that_are_tested_and_knows_their_hashes(program: str) -> None:
    everything, own = pins("requirements.lock"), pins(f"requirements/{program}.lock")
    assert own.keys() <= everything.keys()
    for name, pin in own.items():
        assert pin.split(" ")[0] == everything[name].split(" ")[0], f"{name}: run make lock"
        assert set(re.findall(r"sha256:\w+", pin)) == set(re.findall(r"sha256:\w+", everything[name])) != set(), name


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_image_has_what_its_program_needs(program: str) -> None:
    own = pins(f"requirements/{program}.lock").keys()
    assert wanted(program) - own == ({"torch"} if program == "controller" else set())


def test_torch_is_in_no_image_that_can_do_without_it() -> None:
    for program in ("operator", "controller"):
        assert not [name for name in pins(f"requirements/{program}.lock") if CUDA.fullmatch(name)]
    # What torch needs of others is in the controller's lock, so that a build for the CPU alone is all that is missing.
    assert {name for name in pins("requirements/torch.lock") if not CUDA.fullmatch(name)} <= pins(
        "requirements/controller.lock"
    ).keys()


def test_the_build_s_own_package_is_pinned() -> None:
    assert "hatchling" in pins("requirements/build.lock")


@pytest.mark.parametrize("file", ["Dockerfile", *(f"requirements/{name}.lock" for name in (*PROGRAMS, "torch", "build"))])
def test_no_place_to_get_packages_from_is_named(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "://" not in re.sub(r"http://127\.0\.0\.1", "", text)
    assert "index-url" not in re.sub(r'--index-url "\$TORCH_INDEX"', "", text)


def test_the_code_is_a_layer_above_the_packages_and_runs_as_nobody() -> None:
    for program in PROGRAMS:
        stage = re.search(rf"^FROM base AS {program}$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.DOTALL | re.MULTILINE)
        assert stage is not None
        copied = re.findall(r"^COPY --from=(\S+)", stage[1], re.MULTILINE)
        assert copied == [f"{program}-packages", "code"]
        assert "\nUSER 65532:65532\n" in stage[1]
        assert f'\nENTRYPOINT ["nasfleet"]\nCMD ["{program}"]\n' in stage[1]


def test_the_build_sees_every_package_and_little_else() -> None:
    seen = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for package in configured:
        assert any(Path(package).is_relative_to(one) for one in seen), f".dockerignore hides {package}"
    copied = {source for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]}
    assert all(any(Path(one).is_relative_to(part) or Path(part).is_relative_to(one) for part in seen) for one in copied)
