"""A register block of whole numbers: several small products to a lane, their sum in int32.

A lane of 32 bits takes a *step*: 4 channels of one byte, or 2 of 16 bits. Weights are packed so that
the numbers of a step lie side by side for each filter; x has them side by side already:

    sums[m, v] += x[c]·w[c] + x[c+1]·w[c+1] + …        one instruction, or two

* ``u1i1`` and ``i1u1`` are bytes, one side unsigned and the other signed, as AVX-512 VNNI and
  AVX-VNNI multiply them (vpdpbusd).
* ``i2i2`` are 16-bit numbers: vpmaddwd and an addition on x86, which LLVM may join to vpdpwssd;
  elsewhere what it makes of plain products.

Sums wrap, as integers do in registers; whoever launches this makes sure that the last one fits.
"""

from __future__ import annotations

from llvmlite import ir

from hwio.engine.intrinsics import I32, at
from hwio.engine.kernels.block import DirectEmitter
from hwio.engine.kernels.emit import number

I8, I16 = ir.IntType(8), ir.IntType(16)
# by lanes, what adds two products of 16-bit numbers in each
PAIRS = {
    4: "llvm.x86.sse2.pmadd.wd",
    8: "llvm.x86.avx2.pmadd.wd",
    16: "llvm.x86.avx512.pmaddw.d.512",
}


class DotEmitter(DirectEmitter):
    """Emits the instructions of one register block of whole numbers."""

    def step(self, rows, offset, weights, sums):
        """Add one step's products to all sums."""
        b, t = self.b, self.tile
        ws = [self.vector_at(weights, v) for v in range(t.nrv)]
        sums = list(sums)
        for m in range(t.mr):
            scalar = b.load(at(b, b.add(rows[m], offset), I32), align=1)
            s = self.splat(scalar, t.lanes)
            for v in range(t.nrv):
                sums[m * t.nrv + v] = self.dot(sums[m * t.nrv + v], s, ws[v])
        return sums

    def dot(self, total, xs, ws):
        """Add the products of a step, lane by lane."""
        t = self.tile
        if t.kind == "i2i2":
            return self._add_pairs(total, xs, ws)
        name = f"llvm.x86.avx512.vpdpbusd.{t.lanes * 32}"  # by a vector's length in bits
        factors = (ws, xs) if t.kind == "i1u1" else (xs, ws)  # the unsigned one comes first
        return self.b.call(self._declare(name, t.vector, [t.vector] * 3), [total, *factors])

    def _add_pairs(self, total, xs, ws):
        """Add x[2n]·w[2n] + x[2n+1]·w[2n+1] to each lane n."""
        b, lanes = self.b, self.tile.lanes
        halves = ir.VectorType(I16, 2 * lanes)
        xs, ws = b.bitcast(xs, halves), b.bitcast(ws, halves)
        if b.module.triple.startswith("x86_64"):
            pairs = self._declare(PAIRS[lanes], self.tile.vector, [halves] * 2)
            return b.add(total, b.call(pairs, [xs, ws]))
        for odd in (0, 1):
            picked = ir.Constant(ir.VectorType(I32, lanes), [2 * n + odd for n in range(lanes)])
            wide = [
                b.sext(b.shuffle_vector(each, each, picked), self.tile.vector) for each in (xs, ws)
            ]
            total = b.add(total, b.mul(*wide))
        return total

    def finish(self, sums, bias, ends, vectors):
        """Add the bias of every ``vectors`` sums, cut at the activation's ends."""
        b, t = self.b, self.tile
        biases = [self.vector_at(bias, v) for v in range(vectors)]
        low, high = (
            self.splat(b.load(at(b, b.add(ends, number(n * 4)), I32), align=4), t.lanes)
            for n in range(2)
        )
        done = []
        for n, total in enumerate(sums):
            value = b.add(total, biases[n % vectors])
            value = b.select(b.icmp_signed("<", value, low), low, value)
            done.append(b.select(b.icmp_signed(">", value, high), high, value))
        return done
