"""What a trainer says that it computes on."""

import pytest

from nasfleet.errors import InvalidInputError
from nasfleet_trainer.device import CPU, Device, find_device, read_query, require_gpu


@pytest.mark.parametrize(
    ("output", "device"),
    [
        ("NVIDIA H200, 143771\nNVIDIA H200, 143771\n", Device("cuda", "NVIDIA H200", 143771 * 2**20)),
        ("NVIDIA GB10, [N/A]\n", Device("cuda", "NVIDIA GB10", None)),
        ("No devices were found\n", None),
        ("", None),
    ],
)
def test_the_first_gpu_is_read_from_the_drivers_answer(output: str, device: Device | None) -> None:
    assert read_query(output) == device


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_tried_all_the_same_but_refused_to_who_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_device("auto") == find_device("cpu") == CPU
    with pytest.raises(InvalidInputError, match="--device is cuda, but nvidia-smi finds no GPU"):
        require_gpu()
    assert find_device("cuda").kind == "cuda"
