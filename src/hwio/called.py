"""What other libraries call a function: the words for a name that hwio does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hwio.errors import nearest, word

# what to type -> what others call it, in small letters, without "_" and "2d"
_CALLS = {
    "hwio.conv(x, w)": "conv convolution correlate correlation crosscorrelate crosscorrelation "
    "convgeneraldilated convforward",
    "hwio.conv(x, w, flip=True)": "convolve",
    'hwio.conv(x, w, flip=True, method="fft")': "fftconvolve oaconvolve",
    'hwio.conv(x, w, method="im2col")': "im2col unfold extractpatches extractimagepatches",
    'hwio.conv(x, w, layout="NHWC,HWCM")': "depthwise depthwiseconv depthwiseconvolution",
    'hwio.conv(x, w, activation="relu")': "relu",
    'hwio.conv(x, w, activation="relu6")': "relu6",
    "hwio.prepare(w, b)": "layer convlayer compile jit",
    "hwio.conv_grad(x, w, dy)": "backward convbackward convbackprop convbackpropinput "
    "convbackpropfilter convinput convweight convgradinput convgradweight grad gradient gradients "
    "vjp",
    "hwio.conv_transpose(x, w)": "convtransposed transposedconv transposeconv transposedconvolution "
    "deconv deconvolution deconvolve fractionallystridedconv",
    "hwio.max_pool(x, 2)": "maxpooling pool pooling poolforward maxpoolforward subsampling",
    "hwio.avg_pool(x, 2)": "avgpooling averagepool averagepooling meanpool meanpooling avgpoolforward",
    "hwio.lp_pool(x, 2)": "l2pool lppooling lpool",
    "hwio.argmax_pool(x, 2)": "maxpoolwithargmax maxpoolwithindices maxpoolargmax",
    "hwio.max_pool_grad(x, dy, 2)": "maxpoolbackward maxpoolbackprop maxpoolinggrad poolbackward "
    "poolgrad maxunpool",
    "hwio.avg_pool_grad(x, dy, 2)": "avgpoolbackward avgpoolbackprop averagepoolgrad meanpoolgrad",
    "hwio.global_avg_pool(x)": "gap globalaveragepool globalaveragepooling globalavgpooling "
    "globalmeanpool adaptiveavgpool",
    "hwio.global_max_pool(x)": "globalmaxpooling adaptivemaxpool",
    'hwio.to_layout(w, "OIHW->HWIO")': "transpose permute moveaxis layout converted tonchw tonhwc "
    "convertlayout changelayout",
    "hwio.compare(x, w)": "bench benchmark timeit time profile speed",
    "hwio.explain(x, w)": "show draw plot visualize visualise help describe summary trace",
    "hwio.plan(x, w)": "output_shape outputshape outshape convoutputshape outputsize cost flops",
    "hwio.set_num_threads(1)": "setthreads numthreads threads",
    **{f"hwio.interop.{name}": name for name in ("dask", "jax", "keras", "onnx", "torch")},
}
# the course's own names are in a place of their own
_LAB = {
    "zero_pad": "hwio.lab.zero_pad(X, 1)",
    "conv_single_step": "hwio.lab.conv_single_step(a_slice_prev, W, b)",
    "conv_forward": "hwio.lab.conv_forward(A_prev, W, b, hparameters)",
    "conv_backward": "hwio.lab.conv_backward(dZ, cache)",
    "pool_forward": "hwio.lab.pool_forward(A_prev, hparameters)",
    "pool_backward": "hwio.lab.pool_backward(dA, cache)",
}
# what NumPy does, and what hwio has none of
_NUMPY = {
    "x.reshape(len(x), -1) @ w + b": "dense linear fullyconnected fc affine innerproduct",
    "x.reshape(len(x), -1)": "flatten",
    "np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))": "pad zeropad zeropadding",
    "np.tanh(x)": "tanh",
    "1 / (1 + np.exp(-x))": "sigmoid",
    "": "softmax crossentropy loss batchnorm batchnormalization layernorm dropout embedding attention "
    "sequential model module nn layers functional optim optimizer adam sgd gelu leakyrelu",
}
_IN_NUMPY = {name: text for text, names in _NUMPY.items() for name in names.split()}
_CALLED = {name: call for call, names in _CALLS.items() for name in names.split()}
# as classes: Conv2D
_LAYERS = {
    "conv": "hwio.prepare(w, b)",
    "convolution": "hwio.prepare(w, b)",
    "depthwiseconv": 'hwio.prepare(w, b, layout="NHWC,HWCM")',
}


def no_such_name(module: str, name: str, own: Iterable[str]) -> str:
    """Word a name that a module does not have: what it is called here, or which one is near.

    Parameters
    ----------
    module : str
    name : str
    own : iterable of str
        The names that it has.

    Examples
    --------
    >>> print(no_such_name("hwio", "conv2d", ["conv"]))
    module 'hwio' has no attribute 'conv2d'
      what others call conv2d is conv here
      fix: hwio.conv(x, w)
    >>> print(no_such_name("hwio", "explian", ["conv", "explain"]))
    module 'hwio' has no attribute 'explian'
      fix: did you mean hwio.explain?
    """
    rule = f"module {module!r} has no attribute {name!r}"
    if name.startswith("_") or len(name) > 60:  # asked by machines: copy, pickle, doctest, ...
        return rule
    call = _here(name)
    if module == "hwio" and call is None and name not in _LAB and _plain(name) in _IN_NUMPY:
        text = _IN_NUMPY[_plain(name)]
        fact = "hwio has convolutions and poolings" + ("; this is NumPy's" if text else " alone")
        return word(rule, [fact], text or None)
    if module != "hwio" or (call is None and name not in _LAB):
        near = nearest(name, own)
        return word(rule, [], f"did you mean {module}.{near}?") if near else rule
    calls = [each for each in (call, _LAB.get(name)) if each]
    ours = re.sub(r"^hwio\.|\(.*", "", calls[0])
    options = re.findall(r"(\w+)=", calls[0])
    told = f"{ours} here" + (f", with {' and '.join(f'{o}=' for o in options)}" if options else "")
    return word(rule, [f"what others call {name} is {told}"], calls)


def _here(name: str) -> str | None:
    """Return the call that does what others do by this name."""
    plain = _plain(name)
    if name[0].isupper() and plain in _LAYERS:
        return _LAYERS[plain]
    same = (call for call in _CALLS if _plain(call.partition("(")[0]) == f"hwio.{plain}")
    return _CALLED.get(plain) or next(same, None)


def _plain(name: str) -> str:
    """Return a name without what differs from library to library.

    Examples
    --------
    >>> _plain("max_pool2d"), _plain("MaxPool2D"), _plain("conv_transpose3d")
    ('maxpool', 'maxpool', 'convtranspose')
    """
    return re.sub(r"[1-3]d", "", name.lower()).replace("_", "")
