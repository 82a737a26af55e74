"""The explorer: one HTML page on which a convolution can be taken in hand, number by number.

``exploration`` is the door. ``part`` chooses what of large arrays the page holds, ``held`` cuts it
out, ``expected`` computes its y, ``learner`` compares someone's own with it, ``facts`` makes data of
it all, ``numbers`` writes arrays as JSON, ``assembly`` puts data and ``page/`` into one file.
"""

from hwio.explorer.exploration import Exploration, explore

__all__ = ["Exploration", "explore"]
