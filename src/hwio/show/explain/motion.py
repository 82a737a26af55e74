"""What an explanation offers as pictures that follow each other: frames, a moving SVG, a GIF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwio.errors import OptionError, word
from hwio.shapes.counts import check_int, positive
from hwio.show.drawing import element

if TYPE_CHECKING:
    from hwio.show.explain.frames import Frame

LIMIT = 64  # a slide that takes longer than a minute is too long


class Moving:
    """An explanation whose window can move over x."""

    __slots__ = ()

    def _frames(self, limit: int | None) -> list[Frame]:
        """Draw one frame for each number of a channel of y."""
        raise NotImplementedError

    def frames(self, limit: int | None = LIMIT) -> list[str]:
        """Return one SVG picture for each number of the channel of y, in reading order.

        The channel is that of the number asked for with ``at``, else the first of the first image.
        Each picture has the numbers before it written in y, and all have one size.

        Parameters
        ----------
        limit : int or None
            Pictures at most; None for all.

        Returns
        -------
        list of str
        """
        limit = None if limit is None else check_int(limit, "limit", 1)
        return [
            element(f.art, f.high, f.title, f.told).replace(f.art.id, f"{f.art.id}{n}")
            for n, f in enumerate(self._frames(limit))  # so that they can share a page
        ]

    def animation(self, limit: int | None = LIMIT, seconds: float = 1.0) -> str:
        """Return the frames as one SVG that moves in browsers, notebooks and on GitHub.

        It needs no script, follows light and dark, and shows its last frame to readers who asked
        for less motion and in print.

        Parameters
        ----------
        limit : int or None
            Frames at most; None for all.
        seconds : float
            How long each stays; the last stays three times as long.

        Returns
        -------
        str
            Empty where y has no numbers.
        """
        from hwio.show.moving import moving

        limit = None if limit is None else check_int(limit, "limit", 1)
        seconds = positive(seconds, "seconds", 1.0)
        drawn = self._frames(limit)
        if not drawn:
            return ""
        told = f"{len(drawn)} pictures in turn. The last: {drawn[-1].told}"
        arts = [frame.art for frame in drawn]
        return moving(arts, drawn[0].high, drawn[0].title, told, seconds=seconds)

    def gif(
        self,
        path: str | Path,
        limit: int | None = LIMIT,
        seconds: float = 1.0,
        width: int = 960,
    ) -> None:
        """Write the frames as a GIF for slides; needs ``pip install "hwio[gif]"``.

        Parameters
        ----------
        path : str or Path
            Ends in .gif.
        limit : int or None
            Frames at most; None for all.
        seconds : float
            How long each stays; the last stays three times as long.
        width : int
            Pixels.
        """
        from hwio.show.gif import check_gif, write_gif
        from hwio.show.moving import HOLD

        target, seconds = check_gif(path), positive(seconds, "seconds", 1.0)
        width, pictures = check_int(width, "width", 1), self.frames(limit)
        if not pictures:
            rule = "there is nothing to draw, y has no numbers"
            raise OptionError(word(rule, [], "a shape without 0"))
        times = [*[seconds] * (len(pictures) - 1), HOLD * seconds]
        write_gif(target, pictures, times, width)
