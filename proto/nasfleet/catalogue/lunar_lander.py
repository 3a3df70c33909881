"""The task `lunarLander`: a child network learns to land by double deep Q-learning."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.mlp import COURSE
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rule import Rule

_USUAL = "usual in published agents for LunarLander, such as Petrelli's; not stated by a paper"
_GYMNASIUM = "Gymnasium, LunarLander"


class LanderScore(Named):
    """What an agent is worth."""

    MEAN = "Mean", "The mean score of the evaluation episodes, as it is: a bad agent is worth less than none."
    COURSE = (
        "Course",
        "The course's: |mean| / 30 if a training episode reached solvedScore, else 1e-5; flatters bad agents.",
    )


class EpsilonDecay(Named):
    """How often the share of random actions is multiplied by its decay."""

    EPISODE = "Episode", "Once an episode."
    STEP = "Step", "Once a step, as the course project does: with 0.999 little is tried at random after 4,600 steps."


@block
class LunarLander(Block):
    """Trains a Q-network by double deep Q-learning in Gymnasium's LunarLander-v3; the figure of merit is its mean score."""

    episodes: int = parameter(
        "Longest training; it ends earlier once the task is solved.",
        default=1000,
        minimum=1,
        maximum=1_000_000,
        unit="episodes",
        source=f"1,700 in {COURSE}",
    )
    episode_steps: int = parameter(
        "Longest episode.",
        default=1000,
        minimum=1,
        maximum=100_000,
        unit="steps",
        source=f"{_GYMNASIUM}; 900 in {COURSE}",
    )
    steps: int | None = parameter(
        "Steps after which no further episode of the training begins. Without it the episodes alone bound it.",
        default=None,
        minimum=1,
        maximum=1_000_000_000,
        unit="steps",
    )
    solved_score: float = parameter(
        "Mean score of the last solvedEpisodes at which the task is solved.",
        default=200.0,
        minimum=-1e6,
        maximum=1e6,
        unit="points",
        source=_GYMNASIUM,
    )
    solved_episodes: int = parameter(
        "Episodes in a row whose mean score has to reach solvedScore.",
        default=100,
        minimum=1,
        maximum=100_000,
        unit="episodes",
        source=_GYMNASIUM,
    )
    stop_when_solved: bool = parameter(
        "Whether the training ends once the task is solved.", default=True, source=f"it does not in {COURSE}"
    )
    evaluation_episodes: int = parameter(
        "Episodes without random actions that measure the trained agent; their landscapes never occur in a training and are "
        "the same for all agents of a search.",
        default=100,
        minimum=1,
        maximum=100_000,
        unit="episodes",
        source=f"{_GYMNASIUM}; 500 in {COURSE}",
    )
    report_episodes: int = parameter(
        "Episodes of the training that are reported together, as one epoch with their mean score.",
        default=50,
        minimum=1,
        maximum=100_000,
        unit="episodes",
    )
    score: LanderScore = parameter("What an agent is worth.", default=LanderScore.MEAN)
    replay_size: int = parameter(
        "Steps that are remembered to learn from.", default=100_000, minimum=1, maximum=10_000_000, unit="steps", source=COURSE
    )
    batch_size: int = parameter(
        "Remembered steps that one update learns from.", default=64, minimum=1, maximum=65536, unit="steps", source=COURSE
    )
    learn_every: int = parameter(
        "Steps between two updates.", default=4, minimum=1, maximum=100_000, unit="steps", source=f"{_USUAL}; 5 in {COURSE}"
    )
    learning_rate: float = parameter(
        "Step size of Adam.",
        default=5e-4,
        exclusive_minimum=0,
        maximum=1,
        source=f"{_USUAL}; 1e-3 in {COURSE}",
    )
    discount: float = parameter(
        "What a point is worth one step later.", default=0.99, minimum=0, maximum=1, unit="points", source=COURSE
    )
    target_rate: float = parameter(
        "Share of the network that its target takes over with each update.",
        default=1e-3,
        exclusive_minimum=0,
        maximum=1,
        unit="share of the weights",
        source=COURSE,
    )
    epsilon_start: float = parameter(
        "Share of random actions at the start.", default=1.0, minimum=0, maximum=1, unit="share of the actions", source=COURSE
    )
    epsilon_end: float = parameter(
        "Least share of random actions.", default=0.01, minimum=0, maximum=1, unit="share of the actions", source=COURSE
    )
    epsilon_decay: float = parameter(
        "What the share of random actions is multiplied by.",
        default=0.99,
        exclusive_minimum=0,
        maximum=1,
        unit="share that is left",
        source=f"0.999 each step in {COURSE}",
    )
    epsilon_decay_each: EpsilonDecay = parameter(
        "How often it is multiplied.", default=EpsilonDecay.EPISODE, source=f"each step in {COURSE}"
    )
    inherit_layers: bool = parameter(
        "Whether each hidden layer begins with the weights of the layer that was trained last in this search, at the same "
        'place with the same width and activation, if it reads as many values: the warm start that the course calls "ENAS". A '
        "score then depends on what was trained before.",
        default=False,
        source=f"it does in {COURSE}",
    )

    RULES = (
        Rule(
            holds="self.epsilonEnd <= self.epsilonStart",
            message="is more than epsilonStart: give that much at most",
            path="epsilonEnd",
        ),
        Rule(
            holds="self.batchSize <= self.replaySize",
            message="is more than replaySize: give that many at most, or remember more",
            path="batchSize",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield an exploration that would grow, and a batch larger than the memory."""
        if self.epsilon_end > self.epsilon_start:
            fault = f"is {self.epsilon_end:g}, more than epsilonStart, which is {self.epsilon_start:g}"
            yield Problem(("epsilonEnd",), fault, f"give {self.epsilon_start:g} at most")
        if self.batch_size > self.replay_size:
            fault = f"is {self.batch_size}, more than replaySize, which is {self.replay_size}"
            yield Problem(("batchSize",), fault, f"give {self.replay_size} at most, or remember more")
