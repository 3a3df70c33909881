"""Search documents as users write them, and the same with one thing changed."""

PAPER = """\
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {name: cifar10-conv}
spec:
  searchSpace:
    convChain: {layers: 6, skipConnections: true, strides: false}
    growth: {layers: 2, everyTrials: 1600, maxLayers: 20}
  strategy:
    reinforce: {learningRate: 6e-4, baselineDecay: 0.95, batchSize: 8}
  task:
    imageClassification: {dataset: cifar10, epochs: 50}
  reward:
    bestOfLastEpochsCubed: {epochs: 5}
  budget: {trials: 12800, trainerHours: 2000, targetReward: 0.9}
  parallelism: 800
  trainerPoolSelector: {matchLabels: {gpu: h200}}
  seed: 1
"""


def changed(*replacements: tuple[str, str], text: str = PAPER) -> str:
    """Return a document with each first text replaced by its second; each has to be there."""
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"{old!r} is not in the document")
        text = text.replace(old, new)
    return text
