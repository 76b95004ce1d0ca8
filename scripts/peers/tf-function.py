"""TensorFlow as a peer of `npm run benchmark:steps`: one JSON request a line on the input, one answer a line on the output.

Value and gradients of models of suites/, in a tf.function as TensorFlow's users write it; inputs are the formula of position and seed
of scripts/performance/workloads.ts. TRIGRAD_THREADS says with how many threads.
"""

import json
import math
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
try:
    import numpy
    import tensorflow as tf
except ImportError as error:
    print(json.dumps({"absent": f"{sys.executable}: {error}"}), flush=True)
    sys.exit(0)

SAMPLED = 1024
MASK = 0xFFFFFFFF


def fill(spec, seed):
    """The finaliser of MurmurHash3 on position and seed, as `fill` of workloads.ts."""
    shape = spec["shape"]
    start = (seed * 0x9E3779B9) & MASK
    u = (numpy.arange(math.prod(shape), dtype=numpy.uint64) + start) & MASK
    u = ((u ^ (u >> 16)) * 0x85EBCA6B) & MASK
    u = ((u ^ (u >> 13)) * 0xC2B2AE35) & MASK
    u = (u ^ (u >> 16)) & MASK
    values = spec["low"] + (spec["high"] - spec["low"]) * u.astype(numpy.float64) / 2.0**32
    return tf.constant(values.astype(numpy.float32).reshape(shape))


def mlp(w1, b1, w2, b2, w3, b3, x, t):
    h = tf.tanh(tf.matmul(x, w1) + b1)
    h = tf.tanh(tf.matmul(h, w2) + b2)
    logits = tf.matmul(h, w3) + b3
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=t, logits=logits))


def logistic(w, b, x, t):
    logits = tf.linalg.matvec(x, w) + b
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=t, logits=logits)) + 0.001 * tf.reduce_sum(tf.square(w))


# The loss, and what of the inputs is differentiated.
MODELS = {"mlp": (mlp, 6), "logistic": (logistic, 2)}


def stepper(model, inputs, compiled):
    loss, count = MODELS[model]
    if model == "mlp":
        inputs = [*inputs[:-1], tf.cast(tf.floor(inputs[-1]), tf.int32)]

    @tf.function(jit_compile=compiled)
    def step(*given):
        with tf.GradientTape() as tape:
            tape.watch(given[:count])
            value = loss(*given)
        return (value, *tape.gradient(value, given[:count]))

    return lambda: step(*inputs)


def sampled(y):
    flat = tf.reshape(y, [-1]).numpy()
    step = max(1, flat.size // SAMPLED)
    return flat[::step][:SAMPLED].astype(numpy.float64).tolist()


prepared = {}


def answer(request):
    side = request["side"]
    if request["do"] == "prepare":
        model = request["workload"]
        if model not in MODELS:
            return {"absent": "not a workload of this side"}
        inputs = [fill(spec, i) for i, spec in enumerate(request["inputs"])]
        prepared[side] = stepper(model, inputs, side.endswith("XLA"))
        return {"outputs": [sampled(y) for y in prepared[side]()]}
    if request["do"] == "time":
        step = prepared[side]
        for _ in range(request["calls"]):
            last = step()
        last[0].numpy()
        start = time.perf_counter_ns()
        for _ in range(request["calls"]):
            last = step()
        last[-1].numpy()
        return {"nanoseconds": (time.perf_counter_ns() - start) / request["calls"]}
    prepared.pop(side, None)
    return {}


def main():
    threads = int(os.environ.get("TRIGRAD_THREADS") or os.cpu_count())
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    print(json.dumps({"about": {"TensorFlow": tf.__version__, "Python": sys.version.split()[0]}}), flush=True)
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception as error:  # Whatever fails is told to the other side, which stops.
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


main()
