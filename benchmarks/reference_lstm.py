"""torch's LSTM as a layer of our language model: the reference beside which sampled cells are measured, in the same trainer."""

import torch
from torch import Tensor, nn


class LstmLayer(nn.Module):
    """One layer of `nn.LSTM`, without biases, which our cells have not either."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, bias=False)

    def forward(self, inputs: Tensor, state: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs [T, B, H], and the state after the last step; masks of the last output it cannot have."""
        if mask is not None:
            raise ValueError("nn.LSTM takes no recurrent dropout: train it with recurrentDropout 0")
        outputs, (output, cell) = self.lstm(inputs, (state[:1], state[1:]))
        return outputs, torch.cat((output, cell))
