"""How large a language model is, and how wide one may be for a number of parameters; no torch, so that a door can ask."""

from dataclasses import dataclass

from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class LanguageModelSize:
    """A network of an embedding, layers as wide as it, and a classifier with biases.

    Attributes:
        vocabulary: words or characters that are told apart.
        layers: how many.
        matrices: square matrices of a layer; a cell has two for each leaf.
        tied: whether the classifier uses the embedding's matrix.
    """

    vocabulary: int
    layers: int
    matrices: int
    tied: bool

    def parameters(self, width: int) -> int:
        """Return the trainable parameters of a network of this width."""
        embeddings = self.vocabulary * width * (1 if self.tied else 2) + self.vocabulary
        return embeddings + self.layers * self.matrices * width * width

    def multiply_adds(self, width: int) -> int:
        """Return the multiply-adds for one word or character forwards: layers and classifier."""
        return self.layers * self.matrices * width * width + self.vocabulary * width

    def widest(self, target: int) -> int:
        """Return the greatest width with no more parameters than `target`.

        Raises:
            InvalidInputError: if even a width of 1 has more.
        """
        least, most = 0, 1
        while self.parameters(most) <= target:
            least, most = most, 2 * most
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if self.parameters(middle) <= target else (least, middle)
        if least == 0:
            raise InvalidInputError(
                f"targetParameters is {target:,}, but a vocabulary of {self.vocabulary:,} alone takes {self.parameters(1):,} "
                "at a width of 1: give more, or a smaller vocabularySize"
            )
        return least


def size_of(task: LanguageModeling, base: int, vocabulary: int) -> tuple[LanguageModelSize, int]:
    """Return the size of a task's network with cells of this base, and its width.

    Raises:
        InvalidInputError: if no width has as few parameters as the task wants.
    """
    size = LanguageModelSize(vocabulary, task.layers, 2 * base, task.tied_embeddings)
    return size, task.hidden_units or size.widest(task.target_parameters)
