"""What the images are made of, as far as it can be seen without building them."""

import re
import subprocess
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
        text = stage(program)
        copied = re.findall(r"^COPY --from=(\S+)", text, re.MULTILINE)
        assert copied == [f"{program}-packages", "code"]
        assert "\nUSER 65532:65532\n" in text
        assert f'\nENTRYPOINT ["nasfleet"]\nCMD ["{program}"]\n' in text


def stage(program: str) -> str:
    """Return what the image of a program is made by, above the base without installers."""
    found = re.search(rf"^FROM runtime AS {program}$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_base_can_be_pinned_by_its_digest() -> None:
    bases = re.findall(r"^FROM (\S+) AS base$", DOCKERFILE, re.MULTILINE)
    assert bases == ["${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}}"]
    stages = {"base", *re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)}
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - set(bases) <= stages


def test_whatever_is_installed_is_known_by_its_hash_but_for_our_own_code_and_the_torch_that_was_named() -> None:
    commands = [
        " ".join(words.split()) for words in re.findall(r"pip (?:--python \S+ )?(?:install|wheel) ([^\n]*)", DOCKERFILE)
    ]
    locked = [words for words in commands if words.startswith("--require-hashes --requirement /requirements/")]
    assert len(locked) == 4, "operator, controller, trainer and what builds"
    assert [words for words in commands if words not in locked] == [
        '"$@"',
        "--no-deps --no-build-isolation --wheel-dir /wheel . && \\",
        "--no-deps --no-index --prefix /code /wheel/*.whl",
    ]
    assert re.findall(r"set -- (.*?) &&", DOCKERFILE)[0] == "--require-hashes --requirement /requirements/torch.lock"


def test_what_takes_installers_out_finds_them(tmp_path: Path) -> None:
    [command] = re.findall(r"^FROM base AS runtime\nRUN cd /usr/local && (.*?)\n\n", DOCKERFILE, re.DOTALL | re.MULTILINE)
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for one in ("pip/x", "pip-26.0.dist-info/x", "setuptools/x", "wheel/x", "../ensurepip/x", "../../../bin/pip3", "ours/x"):
        (packages / one).parent.mkdir(parents=True, exist_ok=True)
        (packages / one).touch()
    subprocess.run(["sh", "-c", command.replace("\\\n", " ")], cwd=tmp_path, check=True)
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()) == [
        "lib/python3.11/site-packages/ours/x"
    ]


def test_an_image_says_what_it_is_and_the_servers_how_they_are() -> None:
    for program in PROGRAMS:
        labels = set(re.findall(r'org\.opencontainers\.image\.(\w+)="[^"]+"', stage(program)))
        assert labels == {"title", "licenses", "description", "version", "revision"}
    assert "HEALTHCHECK CMD " in stage("operator")
    assert "HealthStub(grpc.insecure_channel('127.0.0.1:50052'))" in stage("controller")


def test_the_build_sees_every_package_and_little_else() -> None:
    seen = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for package in configured:
        assert any(Path(package).is_relative_to(one) for one in seen), f".dockerignore hides {package}"
    copied = {source for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]}
    assert all(any(Path(one).is_relative_to(part) or Path(part).is_relative_to(one) for part in seen) for one in copied)
