"""Augmentation on the device: what a whole batch undergoes is what each image would alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet_trainer.augmentation import Augmentation, crop, whiten

torch.set_num_threads(1)


def bytes_of(seed: int, count: int = 6, channels: int = 3, side: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, side, side), generator=generator, dtype=torch.uint8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), side=st.integers(1, 8))
def test_crop_of_a_batch_is_the_slice_of_each_image(seed: int, side: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(6, 3, 8, 8, generator=generator)
    top, left = torch.randint(8 - side + 1, (2, 6), generator=generator)
    mirrored = torch.rand(6, generator=generator) < 0.5
    crops = crop(images, top, left, mirrored, side)
    for image, y, x, mirror, result in zip(images, top, left, mirrored, crops, strict=True):
        expected = image[:, y : y + side, x : x + side]
        torch.testing.assert_close(result, expected.flip(2) if mirror else expected)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_whitened_images_have_mean_zero_and_variance_one_each(seed: int) -> None:
    whitened = whiten(bytes_of(seed)).flatten(1)
    torch.testing.assert_close(whitened.mean(1), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(whitened.var(1, correction=0), torch.ones(6))


def test_blank_image_is_whitened_to_zeros() -> None:
    assert not whiten(torch.full((1, 3, 4, 4), 99, dtype=torch.uint8)).any()


def test_without_any_augmentation_images_are_only_scaled() -> None:
    images = bytes_of(1)
    plain = Augmentation(enlarged_side=8, flip=False, whiten=False)
    for result in (plain.for_training(images, torch.Generator()), plain.for_evaluation(images)):
        torch.testing.assert_close(result, images / 255)
        assert result.is_contiguous(memory_format=torch.channels_last)


def test_training_images_are_crops_of_the_enlarged_ones_in_every_place_and_mirrored_half_of_the_time() -> None:
    image = bytes_of(2, count=1)
    augmentation = Augmentation(enlarged_side=10, flip=True, whiten=True)
    enlarged = torch.nn.functional.interpolate(whiten(image), size=(10, 10), mode="bilinear")
    windows = enlarged.unfold(2, 8, 1).unfold(3, 8, 1)[0].permute(1, 2, 0, 3, 4).reshape(9, 3, 8, 8)
    windows = torch.cat([windows, windows.flip(3)])
    crops = augmentation.for_training(image.expand(400, 3, 8, 8), torch.Generator().manual_seed(0))
    matches = (crops[:, None] - windows[None]).abs().amax((2, 3, 4)) < 1e-5
    assert (matches.sum(1) == 1).all()
    assert matches.any(0).all()
    assert 150 < matches[:, 9:].sum() < 250


def test_evaluation_sees_the_centre_and_nothing_random() -> None:
    images = bytes_of(3)
    augmentation = Augmentation(enlarged_side=10, flip=True, whiten=True)
    enlarged = torch.nn.functional.interpolate(whiten(images), size=(10, 10), mode="bilinear")
    torch.testing.assert_close(augmentation.for_evaluation(images), enlarged[:, :, 1:9, 1:9])


def test_same_seed_gives_the_same_images() -> None:
    augmentation = Augmentation(enlarged_side=12, flip=True, whiten=True)
    one, same, other = (augmentation.for_training(bytes_of(4), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
