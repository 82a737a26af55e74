"""``prepare``: weights packed once, for many calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.engine.threads import HERE
from hwio.errors import ArgumentTypeError, HwioError, ShapeError, show, word
from hwio.ops.arrays import as_array
from hwio.ops.check import Problem, check_problem
from hwio.ops.early import check_early
from hwio.ops.elsewhere import answer_as
from hwio.ops.keywords import FOREIGN, OPTIONS, check_keywords, hide_refused
from hwio.ops.memory import stored_shape
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.moved import short_call
from hwio.ops.options import Clip, clip_of
from hwio.ops.places import refuse_places
from hwio.ops.quick import Quick, QuickLaunch, not_started
from hwio.ops.run import run
from hwio.ops.stray import misplaced
from hwio.ops.wording import worded_for
from hwio.shapes.layout import WEIGHT_LAYOUTS, default_layout, parse_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.ops.backward import Backward
    from hwio.ops.moved_grad import MovedGrads
    from hwio.ops.quick_grad import QuickGrads
    from hwio.planner.plan import Plan
    from hwio.types import Array

# what the way back shares with the way forward
_SHAPING = ("stride", "padding", "dilation", "groups", "layout")
_TURNING = ("flip", "padding_mode")


class Prepared:
    """A convolution with its weights in place; call it with x.

    Attributes
    ----------
    w : array
        The weights as they were given, read-only: packing is an inner matter.
    b : array or None
    options : dict
        Keywords of ``hwio.conv``.
    """

    def __init__(self, w: Array, b: Array | None, options: dict[str, Any]) -> None:
        self.w, self.b, self.options = w, b, options
        for own in (w, b):
            if own is not None:
                own.flags.writeable = False
        self._known: dict[Any, Problem] = {}
        self._quick: dict[Any, Quick | None] = {}
        self._start: Callable[[Any], Array | None] = not_started  # for the last x's shape
        self._packs: dict[Any, Any] = {}
        self._backward: dict[tuple[int, ...], Backward] = {}
        self._grads: dict[Any, QuickGrads | MovedGrads | None] = {}

    def __call__(
        self,
        x: Any = LEFT_OUT,
        *more: Never,
        out: Array | None = None,
        like: Any = None,
        **unknown: Never,
    ) -> Array:
        """Convolve x; what it returns is what ``hwio.conv`` would, to the bit.

        Parameters
        ----------
        x : array
            Of any size that the weights fit; each size is checked once.
        out : array, optional
            Receives y.
        like : array, optional
            As in ``hwio.conv``: y comes as an array of its kind.

        Returns
        -------
        array
        """
        if more:
            refuse_places(Prepared.__call__, locals())
        if unknown:
            raise ArgumentTypeError(_settled(unknown, self.options, "x, out= and like="))
        if like is not None:
            return answer_as(like)(self(x, out=out))  # type: ignore[no-any-return]
        key = None
        if out is None:
            y = None if HERE.alone else self._start(x)
            if y is not None:
                return y
            if type(x) is np.ndarray and x.flags.aligned:
                key = (x.shape, x.strides, x.dtype)
                quick = self._quick.get(key)
                if quick is not None:
                    if type(quick) is QuickLaunch and not HERE.alone:
                        self._start = quick.start()
                    return quick(x, self.w, self.b)
        if x is LEFT_OUT:
            refuse_missing(Prepared.__call__, locals())
        x = as_array(x, "x", bfloat16=True)
        problem = self._problem(x)
        if key is not None and key not in self._quick:
            if len(self._quick) >= MOST_SHAPES:
                self._quick.clear()
            self._quick[key] = short_call(problem, x, self.w, self.b, self._packs)
        return run(problem, x, self.w, self.b, out, self._packs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle what it was made of; kernels and packed weights are made again."""
        return _restore, (self.w, self.b, self.options)

    def plan(self, x: Any) -> Plan:
        """Say what a call would run, and why."""
        return self._problem(as_array(x, "x", bfloat16=True)).plan

    def grad(
        self,
        x: Any = LEFT_OUT,
        dy: Any = None,
        *more: Never,
        y: Any = None,
        need: str = "xwb",
        **unknown: Never,
    ) -> tuple[Array | None, Array | None, Array | None]:
        """Go back through the layer: from dy to dx, dw and db, as ``hwio.conv_grad`` would.

        Parameters
        ----------
        x : array
            What the layer was called with; its shape alone will do where dw is not needed.
        dy : array
            The gradient for what the layer returned, in its shape.
        y : array, optional
            What the layer returned. Only a layer with an activation needs it, to know where y was
            held at a bound and dy ends; without it the layer is called again.
        need : str
            Which gradients to compute, letters of "xwb"; None is returned for the others.

        Returns
        -------
        tuple of array
            dx in x's shape and order, dw in w's, db of shape (O,).

        Examples
        --------
        >>> import numpy as np, hwio
        >>> layer = hwio.prepare(np.array([1.0, -1.0]).reshape(2, 1, 1), activation="relu")
        >>> x = np.array([3.0, 1.0, 4.0]).reshape(1, 3, 1)
        >>> y = layer(x)
        >>> y[0, :, 0]
        array([2., 0.])
        >>> dx, dw, db = layer.grad(x, np.ones_like(y), y=y)
        >>> dx[0, :, 0], dw[:, 0, 0], db
        (array([ 1., -1.,  0.]), array([3., 1.]), array([1.]))
        """
        if more:
            refuse_places(Prepared.grad, locals())
        if unknown:
            raise ArgumentTypeError(_settled(unknown, self.options, "x, dy, y= and need="))
        from hwio.ops.grad import back_operand, check_need, checked_dy, go_back, shape_of
        from hwio.ops.moved_grad import short_grads
        from hwio.ops.other_dy import reread, retell_for_layer

        wanted = check_need(need)
        key = wanted, x.shape if type(x) is np.ndarray else None
        quick = self._grads.get(key)
        if quick is not None and y is None and not HERE.alone:
            found = quick(x, self.w, dy)
            if found is not None:
                return found
        options = {name: self.options[name] for name in _SHAPING if name in self.options}
        if x is LEFT_OUT:
            refuse_missing(Prepared.grad, locals())
        given = x
        try:
            x = back_operand(x, "x", wanted)
            dy = None if dy is None else as_array(dy, "dy")
            with worded_for("prepare", given, self.w):
                problem = self._back_problem(shape_of(x), options)
                y = None if y is None else self._checked_y(problem, y)
                dy = checked_dy(problem, x, self.w, dy, options)
                if self.options.get("activation") is not None:
                    y = self._output(x, y)
                    dy = stopped(dy, y, clip_of(self.options["activation"], y.dtype))
                limit = self.options.get("memory_limit")
                grads = go_back(problem, x, self.w, dy, wanted, options, limit, self._packs)
        except HwioError as error:
            reread(error, Prepared.grad, locals(), options)
            retell_for_layer(error, self.options, self.b)
            raise
        if self.options.get("activation") is None and limit is None:
            self._remember(key, short_grads(problem, x, self.w, dy, wanted, self._packs))
        return grads

    def _remember(self, key: Any, quick: QuickGrads | MovedGrads | None) -> None:
        """Keep quick gradients, of one shape of x for each that is given as a shape alone."""
        if quick is not None:
            if len(self._grads) >= MOST_SHAPES:
                self._grads.clear()
            self._grads[key] = quick

    def _checked_y(self, problem: Backward, y: Any) -> Array:
        """Return y as an array, if it can be what the layer returned."""
        array, right = as_array(y, "y"), stored_shape(problem.geometry, problem.layout)
        if array.shape != right:
            rule = f"y has shape {array.shape}, but for this x the layer returns {right}"
            raise ShapeError(word(rule, [], "y=layer(x)"))
        return array

    def _output(self, x: Any, y: Array | None) -> Array:
        """Return y, computed again where it was not given."""
        if y is not None:
            return y
        if isinstance(x, tuple):
            rule = f"x={x} is a shape, and activation={show(self.options['activation'])} needs y"
            facts = ["dy ends where the activation holds y at a bound"]
            fix = f"layer.grad({x}, dy, y=layer(x))   # y as the layer returned it"
            raise ArgumentTypeError(word(rule, facts, fix))
        return self(x)

    def _back_problem(self, shape: tuple[int, ...], options: dict[str, Any]) -> Backward:
        """Return the checked way back for one shape of x."""
        from hwio.ops.grad import check_backward

        problem = self._backward.get(shape)
        if problem is None:
            turning = {name: self.options[name] for name in _TURNING if name in self.options}
            problem = check_backward(shape, self.w.shape, **options, **turning)
            if len(self._backward) >= MOST_SHAPES:
                self._backward.clear()
            self._backward[shape] = problem
        return problem

    def _problem(self, x: Array) -> Problem:
        """Return the checked problem of one shape and dtype of x."""
        key = (x.shape, x.dtype)
        problem = self._known.get(key)
        if problem is None:
            b = None if self.b is None else (self.b.shape, self.b.dtype)
            with worded_for("prepare", x, self.w):
                problem = check_problem(
                    x.shape, self.w.shape, x.dtype, self.w.dtype, b, **self.options
                )
            if len(self._known) >= MOST_SHAPES:
                self._known.clear()
            self._known[key] = problem
        return problem

    @property
    def letters(self) -> str:
        """The order of w's axes."""
        layout = self.options.get("layout") or default_layout(self.w.ndim)
        return parse_layout(layout).w

    def __repr__(self) -> str:
        """Show the weights as they were given."""
        owner = WEIGHT_LAYOUTS[self.w.ndim - 2].get(self.letters)
        parts = [f"w {self.w.shape} {self.letters}" + (f" ({owner})" if owner else "")]
        parts.append(str(self.w.dtype))
        parts += [f"b {self.b.shape}"] if self.b is not None else []
        parts += [f"{name}={value!r}" for name, value in self.options.items() if name != "layout"]
        return f"<hwio.Prepared {', '.join(parts)}>"


def _restore(w: Array, b: Array | None, options: dict[str, Any]) -> Prepared:
    return Prepared(w, b, options)


hide_refused(Prepared.__call__, "x")
hide_refused(Prepared.grad, "x", "dy")


def _settled(unknown: dict[str, Any], options: dict[str, Any], takes: str) -> str:
    """Word an option that is given to a layer's call."""
    name, value = next(iter(unknown.items()))
    ours = name if name in OPTIONS else FOREIGN.get(name, "")
    if ours not in OPTIONS:
        rule = f"{name}= is no keyword of a prepared layer"
        if ours == "dy" and ours in takes:
            return word(rule, [f"it takes {takes}"], "layer.grad(x, dy)")
        return word(rule, [f"it takes {takes}"], f"leave {name} out")
    rule = (
        f"{name}={show(value)} comes too late: options belong to prepare, which settles them once"
    )
    facts = [f"this layer has {ours}={show(options[ours])}"] if ours in options else []
    return word(rule, facts, f"hwio.prepare(w, {ours}={show(value)})(x)")


MOST_SHAPES = 1024  # sizes of x that one prepared layer remembers


def stopped(dy: Array, y: Array, clip: Clip | None) -> Array:
    """Return dy with 0 where an activation held y at a bound; a NaN of y lets dy pass.

    Examples
    --------
    >>> stopped(np.ones(3), np.array([0.0, 2.0, 6.0]), (0, 6))
    array([0., 1., 0.])
    """
    low, high = clip or (None, None)
    held = np.zeros(y.shape, bool)
    if low is not None:
        held |= y <= low
    if high is not None:
        held |= y >= high
    return np.where(held, dy.dtype.type(0), dy)


def prepare(w: Any = LEFT_OUT, b: Any = None, *more: Never, **options: Any) -> Prepared:
    """Pack weights once for many calls.

    Parameters
    ----------
    w : array, shape (H, W, I, O)
        As in ``hwio.conv``; copied, so that later changes to it have no effect.
    b : array, shape (O,), optional
    **options
        Keywords of ``hwio.conv`` but ``out``.

    Returns
    -------
    Prepared
        Call it with x; it may be called from several threads at once.

    Raises
    ------
    HwioError
        As ``hwio.conv``. Each option and b are checked at once; how they fit x, at the first call with
        its shape, which also compiles what ``hwio warmup`` has not.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> layer = hwio.prepare(np.ones((3, 3, 4, 8), np.float32), padding="same")
    >>> layer
    <hwio.Prepared w (3, 3, 4, 8) HWIO (TensorFlow, Keras, Flax), float32, padding='same'>
    >>> layer(np.ones((1, 5, 7, 4), np.float32)).shape
    (1, 5, 7, 8)
    """
    if more:
        refuse_places(prepare, locals())
    if w is LEFT_OUT:
        refuse_missing(prepare, locals())
    check_keywords("prepare", options, [name for name in OPTIONS if name != "out"], w=w)
    with misplaced(prepare, locals()):
        w = as_array(w, "w", bfloat16=True).copy()
        b = None if b is None else as_array(b, "b", bfloat16=True).copy()
        if w.ndim not in (3, 4, 5):
            rule = f"w has {w.ndim} axes; weights have 3, 4 or 5"
            facts = ["3 = WIO (1-D)   4 = HWIO (2-D)   5 = DHWIO (3-D)"]
            facts += (
                ["w holds the weights themselves, not how many there are"] if w.ndim == 0 else []
            )
            fix = None if w.ndim else "w = np.ones((3, 3, 4, 8))   # for example"
            raise ShapeError(word(rule, facts, fix))
        with worded_for("prepare", w, w):
            check_early(w, b, options)
    return Prepared(w, b, options)


hide_refused(prepare, "w")
