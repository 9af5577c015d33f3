"""The alignment of z_rest in ONNX operators, for `wvae.io.onnx`.

These are the maps of `wvae.nn.alignment`, written in onnxscript, which compiles every function here
into an ONNX graph. The steps are one Scan over stacked tables, so the graph does not grow with
their number. Shapes, for n codes, d dimensions of z_rest, K classes, S steps and KNOTS knots::

    codes        z_label (n, d_label), z_rest (n, d), network_z_rest (n, d): float32
    classifier   weight (d_label, K), bias (K,): float32
    linear maps  metric (d, d), matrix (K, d, d), centre (K, d), common (d,): float64
    steps        axes, directions (S, d, d), step_size (S,): float64;
                 source (S, K, d, KNOTS), target (S, d, KNOTS): float32, which halves the file

The maps are computed in double precision, because rounding errors grow from step to step.
"""

# onnxscript gives operators and annotations a meaning that type checkers do not know.
# pyright: reportInvalidTypeForm=false, reportOperatorIssue=false, reportArgumentType=false
# pyright: reportReturnType=false, reportMissingParameterType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false, reportOptionalOperand=false
# ruff: noqa: RET504 – the variable that a function returns names the graph's output

from __future__ import annotations

from onnxscript import DOUBLE, FLOAT, INT64, graph, script
from onnxscript import opset18 as op

from ..nn.sliced_ot import KNOTS

LAST_PIECE = KNOTS - 2
LAST_FIRST = [1, 1, 1, 1, 1]  # a Scan over five tables, from the last step to the first


@script(default_opset=op)
def piecewise_linear(u, x, y):
    """Interpolate at u (n, d) between the knots (x, y), (n, d, KNOTS) each.

    Beyond the knots the line goes on with their mean slope.
    """
    point = op.Unsqueeze(u, [2])  # (n, d, 1)
    passed = op.ReduceSum(op.Cast(x <= point, to=INT64.dtype), [2], keepdims=1)
    left = op.Clip(passed - 1, 0, LAST_PIECE)
    x0 = op.GatherElements(x, left, axis=2)
    y0 = op.GatherElements(y, left, axis=2)
    run = op.GatherElements(x, left + 1, axis=2) - x0
    rise = op.GatherElements(y, left + 1, axis=2) - y0
    x_first = op.Gather(x, [0], axis=2)
    y_first = op.Gather(y, [0], axis=2)
    x_last = op.Gather(x, [-1], axis=2)
    y_last = op.Gather(y, [-1], axis=2)
    above = point > x_last
    outside = op.Or(above, point < x_first)
    slope = op.Where(outside, y_last - y_first, rise) / op.Where(outside, x_last - x_first, run)
    x_start = op.Where(above, x_last, x0)
    y_start = op.Where(above, y_last, y0)
    return op.Squeeze(y_start + (point - x_start) * slope, [2])


@script(default_opset=op)
def predicted_label(z_label, weight, bias):
    """Return the index of the class that the classifier predicts from z_label, (n,)."""
    return op.ArgMax(op.MatMul(z_label, weight) + bias, axis=1, keepdims=0)


@script(default_opset=op)
def linear_map(z, matrix, label):
    """Multiply every code, (n, d), by the matrix (d, d) of its class."""
    return op.Squeeze(op.MatMul(op.Gather(matrix, label), op.Unsqueeze(z, [2])), [2])


@script(default_opset=op)
def align(
    z_label,
    network_z_rest,
    weight,
    bias,
    metric,
    matrix,
    centre,
    common,
    axes,
    directions,
    source,
    target,
    step_size,
):
    """Return aligned codes: `wvae.nn.alignment.Alignment.forward`."""
    label = predicted_label(z_label, weight, bias)
    z = op.MatMul(op.Cast(network_z_rest, to=DOUBLE.dtype), metric) - op.Gather(centre, label)
    z = linear_map(z, matrix, label)

    @graph()
    def step(
        before: DOUBLE[None, None],
        axis: DOUBLE[None, None],
        direction: DOUBLE[None, None],
        knots: FLOAT[None, None, None],
        goal: FLOAT[None, None],
        size: DOUBLE,
    ) -> DOUBLE[None, None]:
        u = op.MatMul(before, axis)
        x = op.Cast(op.Gather(knots, label), to=DOUBLE.dtype)
        y = op.Cast(goal, to=DOUBLE.dtype)
        moved = piecewise_linear(u, x, x + size * (y - x))
        after = before + op.MatMul(moved - u, direction)
        return after

    z = op.Scan(z, axes, directions, source, target, step_size, body=step, num_scan_inputs=5)
    z_rest = op.Cast(z + common, to=FLOAT.dtype)
    return z_rest


@script(default_opset=op)
def undo_alignment(
    z_label,
    z_rest,
    weight,
    bias,
    metric,
    matrix,
    centre,
    common,
    axes,
    directions,
    source,
    target,
    step_size,
):
    """Return the network's codes of aligned codes: `wvae.nn.alignment.Alignment.inverse`.

    Metric and matrix are the inverse matrices.
    """
    label = predicted_label(z_label, weight, bias)

    @graph()
    def step(
        before: DOUBLE[None, None],
        axis: DOUBLE[None, None],
        direction: DOUBLE[None, None],
        knots: FLOAT[None, None, None],
        goal: FLOAT[None, None],
        size: DOUBLE,
    ) -> DOUBLE[None, None]:
        u = op.MatMul(before, axis)
        x = op.Cast(op.Gather(knots, label), to=DOUBLE.dtype)
        y = op.Cast(goal, to=DOUBLE.dtype)
        moved = piecewise_linear(u, x + size * (y - x), x)
        after = before + op.MatMul(moved - u, direction)
        return after

    z = op.Cast(z_rest, to=DOUBLE.dtype) - common
    z = op.Scan(
        z,
        axes,
        directions,
        source,
        target,
        step_size,
        body=step,
        num_scan_inputs=5,
        scan_input_directions=LAST_FIRST,
    )
    z = op.MatMul(linear_map(z, matrix, label) + op.Gather(centre, label), metric)
    network_z_rest = op.Cast(z, to=FLOAT.dtype)
    return network_z_rest


@script(default_opset=op)
def keep_code(z_label, network_z_rest):
    """Return the network's codes unchanged, for a model without alignment."""
    z_rest = op.Identity(network_z_rest)
    return z_rest


@script(default_opset=op)
def keep_aligned_code(z_label, z_rest):
    """Return aligned codes unchanged, for a model without alignment."""
    network_z_rest = op.Identity(z_rest)
    return network_z_rest
