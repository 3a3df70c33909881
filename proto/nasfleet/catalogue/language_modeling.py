"""The task of language: how a recurrent cell is trained to foretell a text, word by word or character by character."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.cell_tree import CELL_SOURCE
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule

_ZAREMBA = "Zaremba et al. 2014, the medium network; Zoph & Le 2016 give none"
_NO_RATE = "our choice: Zoph & Le 2016 name the technique (Gal 2016) and give no rate"
_MOST = 1_000_000_000


class Corpus(Named):
    """The text of a language task."""

    PYTHON_TOPICS = (
        "pythonTopics",
        "What Python's help() says about the language: some 50,000 words, which come with Python and differ by its version.",
    )
    PENN_TREEBANK = "pennTreebank", "ptb.train.txt and ptb.valid.txt, below the trainer's data directory."
    FILES = "files", "Any text files below the trainer's data directory."


class TextUnit(Named):
    """What is foretold one after another."""

    WORD = "Word", "Words, as blanks separate them, and the ends of lines."
    CHARACTER = "Character", "Characters, ends of lines among them."


@block
class LanguageModeling(Block):
    """Trains layers of a recurrent cell to foretell a text; the figure of merit is the validation perplexity, best small."""

    corpus: Corpus = parameter("The text.", default=Corpus.PYTHON_TOPICS)
    training_file: str | None = parameter(
        "File below the trainer's data directory to train on, with corpus files only.",
        default=None,
        min_length=1,
        max_length=1024,
    )
    validation_file: str | None = parameter(
        "File below the trainer's data directory to measure on, with corpus files only.",
        default=None,
        min_length=1,
        max_length=1024,
    )
    unit: TextUnit = parameter("What is foretold one after another.", default=TextUnit.WORD)
    vocabulary_size: int = parameter(
        "Words or characters that are told apart, the most frequent of the training text; all others are one.",
        default=10_000,
        minimum=2,
        maximum=10_000_000,
        unit="words or characters",
        source="that of the Penn Treebank as Mikolov prepared it",
    )
    layers: int = parameter(
        "Layers of the cell, one above another.", default=2, minimum=1, maximum=16, unit="layers", source=CELL_SOURCE
    )
    target_parameters: int = parameter(
        "Parameters of the whole network; the layers are as wide as this allows.",
        default=20_000_000,
        minimum=1,
        maximum=2**31,
        unit="parameters",
        source="Zoph & Le 2016, section 4.2: about those of the medium networks; 20 million by table 2",
    )
    hidden_units: int | None = parameter(
        "Width of the layers, in place of the one that targetParameters allows.",
        default=None,
        minimum=1,
        maximum=65536,
        unit="units",
    )
    tied_embeddings: bool = parameter(
        "Whether the classifier uses the matrix of the embedding, without one of its own.",
        default=False,
        source="Zoph & Le 2016, table 2, which has both",
    )
    epochs: int = parameter(
        "Passes over the training text.", default=35, minimum=1, maximum=100_000, unit="epochs", source=CELL_SOURCE
    )
    batch_size: int = parameter(
        "Places of the text that are read at once.", default=20, minimum=1, maximum=65536, unit="places", source=_ZAREMBA
    )
    steps: int = parameter(
        "Words or characters through which errors go back.",
        default=35,
        minimum=1,
        maximum=10_000,
        unit="steps",
        source=_ZAREMBA,
    )
    learning_rate: float = parameter(
        "Step size at the start, for the loss summed over the steps and averaged over the places.",
        default=1.0,
        exclusive_minimum=0,
        maximum=1000,
        source=_ZAREMBA,
    )
    learning_rate_decay_factor: float = parameter(
        "What the step size is multiplied by after each epoch, once it decays; 1 keeps it.",
        default=0.8333,
        exclusive_minimum=0,
        maximum=1,
        source=f"{_ZAREMBA}: 1 / 1.2",
    )
    learning_rate_decay_after: int = parameter(
        "Epochs with the step size of the start.", default=6, minimum=0, maximum=100_000, unit="epochs", source=_ZAREMBA
    )
    gradient_clip: float = parameter(
        "Greatest norm of a gradient; a larger one is made this long.",
        default=5.0,
        exclusive_minimum=0,
        maximum=1e6,
        source=_ZAREMBA,
    )
    initial_range: float = parameter(
        "Every weight starts uniform between minus this and this.",
        default=0.05,
        exclusive_minimum=0,
        maximum=10,
        source=_ZAREMBA,
    )
    embedding_dropout: float = parameter(
        "Share of the words of the vocabulary that are left out of a step, wherever they stand.",
        default=0.1,
        minimum=0,
        exclusive_maximum=1,
        unit="share of the words",
        source=_NO_RATE,
    )
    dropout: float = parameter(
        "Share of the figures left out between the layers, before the first and after the last; the same at all steps.",
        default=0.5,
        minimum=0,
        exclusive_maximum=1,
        unit="share of the figures",
        source=_ZAREMBA,
    )
    recurrent_dropout: float = parameter(
        "Share of the last output's figures that are left out; the same at all steps.",
        default=0.2,
        minimum=0,
        exclusive_maximum=1,
        unit="share of the figures",
        source=_NO_RATE,
    )
    training_tokens: int | None = parameter(
        "Train on so many words or characters only, the first. Without it on all.",
        default=None,
        minimum=2,
        maximum=_MOST,
        unit="words or characters",
    )
    validation_tokens: int | None = parameter(
        "Measure on so many words or characters only, the first. Without it on all.",
        default=None,
        minimum=2,
        maximum=_MOST,
        unit="words or characters",
    )
    captured_steps: bool = parameter(
        "Whether a GPU records a training step once and repeats it as one; elsewhere it changes nothing.", default=False
    )

    RULES = tuple(
        Rule(
            holds=f"has(self.{name}) == (self.corpus == 'files')",
            message="goes with corpus files, and corpus files with it: give both or none",
            path=name,
        )
        for name in ("trainingFile", "validationFile")
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield files without their corpus, and the corpus of files without one."""
        for name, file in (("trainingFile", self.training_file), ("validationFile", self.validation_file)):
            if file is not None and self.corpus is not Corpus.FILES:
                yield Problem((name,), f"is {shown(file)}, but corpus is {self.corpus}", "remove it, or give corpus files")
            elif file is None and self.corpus is Corpus.FILES:
                yield Problem((name,), "is missing, and corpus is files", "name a file below the trainer's data directory")
