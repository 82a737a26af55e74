"""Winograd's short convolutions along one axis, as sums of vectors.

The matrices are those of ``hwio.methods.winograd``; here each is written as the additions and
multiply-adds that it takes once common sums are shared (Lavin and Gray 2015, arXiv 1509.09308).
"""

from __future__ import annotations

from llvmlite import ir


class Lines:
    """Emits the transforms of one line of vectors, and of both axes of a square."""

    def __init__(self, builder, fma, vector) -> None:
        self.b, self._fma, self.vector = builder, fma, vector
        self.to_tile = {2: self._tile2, 4: self._tile4}
        self.to_filter = {2: self._filter2, 4: self._filter4}
        self.to_output = {2: self._output2, 4: self._output4}

    def both(self, line, values, side):
        """Transform the columns of a side × side square, then its rows; return them row by row."""
        columns = [line([values[i * side + j] for i in range(side)]) for j in range(side)]
        rows = [line([column[i] for column in columns]) for i in range(len(columns[0]))]
        return [value for row in rows for value in row]

    def times(self, factor, x, total):
        """Emit factor·x + total with one rounding."""
        return self.b.call(self._fma, [self._constant(factor), x, total])

    def _constant(self, value):
        return ir.Constant(self.vector, [float(value)] * self.vector.count)

    def _tile2(self, d):
        """Bᵀ of F(2, 3)."""
        b = self.b
        return [b.fsub(d[0], d[2]), b.fadd(d[1], d[2]), b.fsub(d[2], d[1]), b.fsub(d[1], d[3])]

    def _tile4(self, d):
        """Bᵀ of F(4, 3)."""
        b = self.b
        even, odd = self.times(-4, d[2], d[4]), self.times(-4, d[1], d[3])
        near, apart = b.fsub(d[4], d[2]), b.fsub(d[3], d[1])
        return [
            self.times(4, d[0], self.times(-5, d[2], d[4])),
            b.fadd(even, odd),
            b.fsub(even, odd),
            self.times(2, apart, near),
            self.times(-2, apart, near),
            self.times(4, d[1], self.times(-5, d[3], d[5])),
        ]

    def _filter2(self, g):
        """G of F(2, 3)."""
        b = self.b
        ends, half = b.fadd(g[0], g[2]), self._constant(0.5)
        return [
            g[0],
            b.fmul(half, b.fadd(ends, g[1])),
            b.fmul(half, b.fsub(ends, g[1])),
            g[2],
        ]

    def _filter4(self, g):
        """G of F(4, 3)."""
        b = self.b
        ends = b.fadd(g[0], g[2])
        sixth = self._constant(-1 / 6)
        outer = b.fmul(self._constant(1 / 24), self.times(4, g[2], g[0]))
        middle = b.fmul(self._constant(1 / 12), g[1])
        return [
            b.fmul(self._constant(0.25), g[0]),
            b.fmul(sixth, b.fadd(ends, g[1])),
            b.fmul(sixth, b.fsub(ends, g[1])),
            b.fadd(outer, middle),
            b.fsub(outer, middle),
            g[2],
        ]

    def _output2(self, p):
        """Aᵀ of F(2, 3)."""
        b = self.b
        return [b.fadd(b.fadd(p[0], p[1]), p[2]), b.fsub(b.fsub(p[1], p[2]), p[3])]

    def _output4(self, p):
        """Aᵀ of F(4, 3)."""
        b = self.b
        s, d = b.fadd(p[1], p[2]), b.fsub(p[1], p[2])
        wide, steep = b.fadd(p[3], p[4]), b.fsub(p[3], p[4])
        return [
            b.fadd(b.fadd(p[0], s), wide),
            self.times(2, steep, d),
            self.times(4, wide, s),
            b.fadd(self.times(8, steep, d), p[5]),
        ]
