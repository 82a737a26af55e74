"""One catalogue of mistakes, as data: what people do wrong in a convolution, and what to tell them.

Each entry holds the slip itself, a reference with one thing done wrongly, so that a result can be told
by its numbers. ``hwio.check`` and ``hwio.diagnose`` read it. To add one, write an entry into the tuple
where it belongs; the tests find it, and say if it can't be told from another.
"""

from hwio.mistakes.backward_slips import BACKWARD
from hwio.mistakes.bias_back_slips import BIAS_BACK
from hwio.mistakes.bias_slips import BIAS
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.padding_slips import PADDING
from hwio.mistakes.pool_back_slips import POOL_BACK
from hwio.mistakes.pool_slips import POOL
from hwio.mistakes.single_step_slips import SINGLE_STEP
from hwio.mistakes.weight_slips import WEIGHTS
from hwio.mistakes.window_slips import WINDOWS
from hwio.mistakes.zero_pad_slips import ZERO_PAD

ENTRIES = (
    *ZERO_PAD,
    *SINGLE_STEP,
    *(*WEIGHTS, *WINDOWS, *PADDING, *BIAS),  # of conv_forward
    *(*BACKWARD, *BIAS_BACK),  # of conv_backward
    *POOL,
    *POOL_BACK,
)
MISTAKES: dict[str, Mistake] = {entry.key: entry for entry in ENTRIES}

__all__ = ["BIAS", "ENTRIES", "MISTAKES", "PADDING", "WEIGHTS", "WINDOWS", "Mistake"]
