"""A task of one's own: trains scikit-learn's perceptron on handwritten digits. The search that uses it stands beside it.

A task is a class with one method, `train(run, report)`. It is made once per slot and search, with the parameters of the search
document as keyword arguments, and stays in its process: what it loads, it loads once.
"""

import time
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_trainer.failures import CannotBuildError
from nasfleet_trainer.tasks.task import ChildRun, Report


class DigitsPerceptron:
    """Measures the validation accuracy of a perceptron with one hidden layer."""

    def __init__(self, epochs: int = 3) -> None:
        images, digits = load_digits(return_X_y=True)
        self._split = train_test_split(images / 16, digits, test_size=0.3, random_state=0)
        self._epochs = epochs

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the accuracy after the last epoch; `run.description` has the value chosen for each decision, by its name."""
        if isinstance(run.description, ConvNet):
            raise CannotBuildError(
                "this task trains no convolutions: search a space with hiddenUnits, activation and learningRate"
            )
        began = time.monotonic()
        network = MLPClassifier(
            hidden_layer_sizes=(run.description["hiddenUnits"],),
            activation=run.description["activation"],
            learning_rate_init=run.description["learningRate"],
            max_iter=1,
            warm_start=True,
            random_state=run.seed % 2**32,
        )
        epochs = tuple(self._epoch(network, number, report) for number in range(1, self._epochs + 1))
        parameters = sum(array.size for array in (*network.coefs_, *network.intercepts_))
        seconds = time.monotonic() - began
        return Measurement(epochs[-1].value, epochs, seconds, trainer_seconds=seconds, parameters=parameters)

    def _epoch(self, network: MLPClassifier, number: int, report: Report) -> EpochMeasurement:
        training_images, validation_images, training_digits, validation_digits = self._split
        began = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch at a time never converges
            network.fit(training_images, training_digits)
        accuracy = network.score(validation_images, validation_digits)
        epoch = EpochMeasurement(number, accuracy, time.monotonic() - began, loss=network.loss_)
        report(epoch, examples=len(training_images))
        return epoch
