"""The training of a language model by truncated backpropagation, with gradient clip and decay (Zaremba et al. 2014).

The text is cut into B streams of equal length that are read side by side, in windows of T steps; the state goes on from window
to window, errors do not. The loss of a window is summed over its steps and averaged over the streams, as in that paper: so its
step size of 1 is meant. Whatever changes from window to window lies in buffers, so that a GPU can record a step and repeat it.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import LARGEST_VALUE, EpochMeasurement
from nasfleet_trainer.failures import NotFiniteError
from nasfleet_trainer.networks.language_model import LanguageModel, Rates

_WARM_UP = 3  # runs before a step is recorded, as torch asks for
_TINY = 1e-6


def streams(tokens: NDArray[np.int64], places: int, device: torch.device) -> Tensor:
    """Return a text as [tokens of a stream, places], on the device; what is left over at the end is left out."""
    length = len(tokens) // places
    return torch.from_numpy(tokens[: length * places]).view(places, length).t().contiguous().to(device)


class LanguageTraining:
    """One language model in training; `epochs` trains it, epoch by epoch.

    Args:
        network: on its device.
        recipe: the task's parameters.
        seed: all dropout follows from it.
        training: tokens to learn from.
        validation: tokens to measure on.

    Raises:
        InvalidInputError: if the text is too short for so many places.
    """

    def __init__(
        self,
        network: LanguageModel,
        *,
        recipe: LanguageModeling,
        seed: int,
        training: NDArray[np.int64],
        validation: NDArray[np.int64],
    ) -> None:
        if len(training) < 2 * recipe.batch_size:
            raise InvalidInputError(
                f"batchSize is {recipe.batch_size}, but the training text has {len(training)} words or characters: give "
                f"{len(training) // 2} at most"
            )
        self._network, self._recipe = network, recipe
        self._parameters = list(network.parameters())
        device = self._parameters[0].device
        self._generator = torch.Generator(device).manual_seed(seed)
        self._training = streams(training, recipe.batch_size, device)
        self._validation = streams(validation, min(recipe.batch_size, len(validation) // 2), device)
        self._rates = Rates(recipe.embedding_dropout, recipe.dropout, recipe.recurrent_dropout)
        steps = min(recipe.steps, len(self._training) - 1)
        self._tokens = torch.zeros(steps + 1, recipe.batch_size, dtype=torch.long, device=device)
        self._state = network.first_state(recipe.batch_size)
        self._rate = torch.zeros((), device=device)
        self._loss = torch.zeros((), device=device)
        self._step: Callable[[], None] | None = None

    @property
    def tokens_per_epoch(self) -> int:
        """Return how many tokens an epoch learns to foretell; a last window that is shorter is left out."""
        steps, places = self._tokens.shape[0] - 1, self._tokens.shape[1]
        return (len(self._training) - 1) // steps * steps * places

    def epochs(self) -> Iterator[EpochMeasurement]:
        """Yield each epoch when it is over; its value is the perplexity of the validation text.

        Raises:
            NotFiniteError: if the loss is no finite number, or the perplexity larger than any that is meant.
        """
        for epoch in range(self._recipe.epochs):
            started = time.perf_counter()
            loss = self.train_once(learning_rate(self._recipe, epoch))
            of_validation = self._evaluate()
            if not math.isfinite(loss) or not math.isfinite(of_validation):
                raise NotFiniteError(
                    f"the child diverged in epoch {epoch + 1}: its loss is {loss}, on the validation text {of_validation}"
                )
            if of_validation > math.log(LARGEST_VALUE):
                raise NotFiniteError(
                    f"the child diverged in epoch {epoch + 1}: its perplexity is more than {LARGEST_VALUE:g}, the exponential "
                    f"of a loss of {of_validation:.3g}"
                )
            yield EpochMeasurement(epoch + 1, math.exp(of_validation), time.perf_counter() - started, loss)

    def train_once(self, rate: float) -> float:
        """Return the mean loss of one pass over the training text, in nats per token."""
        self._network.train()
        self._rate.fill_(rate)
        self._loss.zero_()
        self._state.zero_()
        if self._step is None:
            self._step = self._recorded() if self._recipe.captured_steps and self._state.is_cuda else self._learn
        steps = len(self._tokens) - 1
        windows = (len(self._training) - 1) // steps
        for window in range(windows):
            self._tokens.copy_(self._training[window * steps : (window + 1) * steps + 1])
            self._step()
        return self._loss.item() / windows

    def _learn(self) -> None:
        """Learn from the window in the buffers."""
        masks = self._network.masks(self._tokens.shape[1], self._rates, self._generator)
        logits, state = self._network(self._tokens[:-1], self._state, masks)
        loss = functional.cross_entropy(logits, self._tokens[1:].flatten())
        gradients = torch.autograd.grad(loss * (len(self._tokens) - 1), self._parameters)
        with torch.no_grad():
            descend(self._parameters, gradients, self._rate, self._recipe.gradient_clip)
            self._state.copy_(state)
            self._loss.add_(loss)

    def _recorded(self) -> Callable[[], None]:
        """Return a step that the GPU has recorded; parameters, state and random numbers are as before."""
        changed = [*self._parameters, self._state, self._loss]
        before = [tensor.detach().clone() for tensor in changed]
        drawn = self._generator.get_state()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self._learn()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        with torch.cuda.graph(graph):
            self._learn()
        with torch.no_grad():
            for tensor, value in zip(changed, before, strict=True):
                tensor.copy_(value)
        self._generator.set_state(drawn)
        return graph.replay

    @torch.inference_mode()
    def _evaluate(self) -> float:
        """Return the mean loss on the validation text, in nats per token."""
        self._network.eval()
        text = self._validation
        state, masks = self._network.first_state(text.shape[1]), self._network.no_masks()
        total = torch.zeros((), device=text.device)
        for start in range(0, len(text) - 1, self._recipe.steps):
            window = text[start : start + self._recipe.steps + 1]
            logits, state = self._network(window[:-1], state, masks)
            total += functional.cross_entropy(logits, window[1:].flatten(), reduction="sum")
        return total.item() / ((len(text) - 1) * text.shape[1])


def descend(parameters: Sequence[Tensor], gradients: Sequence[Tensor], rate: Tensor, clip: float) -> None:
    """Go a step against the gradients, made no longer than `clip` together; nothing waits for the device."""
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    step = rate * (clip / (norm + _TINY)).clamp(max=1)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.addcmul_(gradient, step, value=-1)


def learning_rate(recipe: LanguageModeling, epoch: int) -> float:
    """Return the step size in an epoch, counted from 0."""
    return recipe.learning_rate * recipe.learning_rate_decay_factor ** max(0, epoch + 1 - recipe.learning_rate_decay_after)
