"""The code that writes a TFLite file of a few operators, by LiteRT's own schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwio.interop.moving.parts import quoted
from hwio.show.code.script import Script

if TYPE_CHECKING:
    from hwio.interop.moving.layer import Layer, Step

# operator -> its record of options, and the options that are inputs instead
_RECORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CONV_2D": ("Conv2DOptions", ()),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", ()),
    "CONV_3D": ("Conv3DOptions", ()),
    "TRANSPOSE_CONV": ("TransposeConvOptions", ("output_shape",)),
    "CONV_3D_TRANSPOSE": ("Conv3DOptions", ("output_shape",)),
    "PAD": ("PadOptions", ("paddings",)),
    "SLICE": ("SliceOptions", ("begin", "size")),
}
_MAKERS = '''
def tensor(array=None, shape=()):
    """Add an array, or with none what is fed or computed; return its number."""
    made = schema.TensorT(shape=list(shape), type=schema.TensorType.FLOAT32)
    if array is not None:
        if array.dtype == np.int32:
            made.type = schema.TensorType.INT32
        made.shape, made.buffer = list(array.shape), len(buffers)
        data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        buffers.append(schema.BufferT(data=data))
    tensors.append(made)
    return len(tensors) - 1


def operator(name, record, options, inputs, version=1):
    """Add an operator; return the number of what it computes."""
    code, y = getattr(schema.BuiltinOperator, name), tensor()
    codes.append(schema.OperatorCodeT(min(code, 127), None, version, code))
    made = schema.OperatorT(len(codes) - 1, inputs, [y])
    made.builtinOptionsType = getattr(schema.BuiltinOptions, record)
    made.builtinOptions = getattr(schema, record + "T")(**options)
    operators.append(made)
    return y

'''


def tflite_code(
    title: str, steps: list[Step], layers: tuple[Layer, ...], in_size: tuple[int, ...] | None
) -> str:
    """Write the operators into a flatbuffer."""
    script = Script()
    script.note(title)
    script.line("buffers, tensors = [schema.BufferT()], []  # the first buffer is always empty")
    script.line("codes, operators = [], []")
    script.line(f"\n{_MAKERS.strip()}\n\n")
    sizes = in_size or (1,) * layers[0].ndim
    if layers[0].ndim == 1:
        sizes = (1, *sizes)
    resize = "" if in_size else "interpreter.resize_tensor_input tells other sizes"
    script.line(f"x = tensor(shape={(1, *sizes, layers[0].in_channels)})", resize)
    before = "x"
    for i, step in enumerate(steps):
        before = _write_step(script, step, i, before)
    _write_file(script, before)
    return script.text()


def _write_step(script: Script, step: Step, i: int, before: str) -> str:
    """Write one operator; return the name of what it computes."""
    record, taken = _RECORDS[step.operator]
    inputs = [f"tensor(np.array({step.options[name]}, np.int32))" for name in taken]
    filters = [f"tensor({weight.code})" for weight in step.weights]
    after = f"y{i + 1}"
    names = []
    for name, code in zip(taken, inputs, strict=True):
        script.line(f"{name} = {code}")
        names.append(name)
    for weight, code in zip(step.weights, filters, strict=True):
        script.line(f"{weight.name} = {code}", weight.note)
        names.append(weight.name)
    first = "TRANSPOSE" in step.operator  # size of y, filters, x, bias
    ordered = [*names[:2], before, *names[2:]] if first else [before, *names]
    options = {name: value for name, value in step.options.items() if name not in taken}
    written = ", ".join(f"{name}={_value(name, value)}" for name, value in options.items())
    words = [quoted(step.operator), quoted(record), f"dict({written})", f"[{', '.join(ordered)}]"]
    if _version(step) > 1:
        words.append(f"version={_version(step)}")
    script.call(f"{after} = operator(", words, comment=step.note)
    return after


def _value(name: str, value: Any) -> str:
    """Write an option; padding is a number of the schema."""
    return f"schema.Padding.{value}" if name == "padding" else repr(value)


def _version(step: Step) -> int:
    """Return the version of an operator that knows what the step uses."""
    if step.operator == "DEPTHWISE_CONV_2D" and any("dilation" in name for name in step.options):
        return 2
    return 3 if step.operator == "TRANSPOSE_CONV" and len(step.weights) == 2 else 1


def _write_file(script: Script, y: str) -> None:
    """Write the graph, the model and its bytes."""
    script.line(f"graph = schema.SubGraphT(tensors, [x], [{y}], operators)")
    script.line('model = schema.ModelT(3, codes, [graph], "", buffers)')
    script.line("builder = flatbuffers.Builder()")
    script.line('builder.Finish(model.Pack(builder), b"TFL3")')
    script.line("content = bytes(builder.Output())", "of the .tflite file")
