"""How far a network's memory reaches: the derivative of an output by the state some characters before, and its size.

J = ∂y_T/∂s_t has a row for each of the H outputs and a column for each number of the state. Its rows come from a single
backward pass of the code that trains, over H lanes that read the same text: lane k sends back the k-th unit vector.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters


def jacobian(model: CharModel, params: Parameters, ids: Array, state: Array) -> Array:
    """The derivative of the output after reading ids by the state before them.

    Parameters
    ----------
    model : CharModel
        A network of one layer.
    ids : (T,) integer array
        The characters between the state and the output.
    state : (S, H) array

    Returns
    -------
    (H, S·H) array
    """
    (layer,), H, dtype = model.layers, model.config.hidden_size, params.vector.dtype
    workspace = layer.workspace(len(ids), H, dtype)
    lanes = np.repeat(ids[:, None], H, axis=1)
    layer.forward(params, lanes, np.repeat(state[:, None], H, axis=1), workspace)
    d_outputs = np.zeros((len(ids), H, H), dtype)
    d_outputs[-1] = np.eye(H)
    layer.backward(params, d_outputs, workspace, params.zeros_like())
    return np.asarray(workspace.d_initial_state.swapaxes(0, 1).reshape(H, -1))


def memory(model: CharModel, params: Parameters, ids: Array, places: Array, lags: tuple[int, ...]) -> list[float]:
    """The size of J by lag, ‖J‖ / √H (Frobenius), as the geometric mean over places of a text.

    Parameters
    ----------
    places : (n,) integer array
        Where J ends. The text before a place is read up to the state, from at most the longest lag before it.
    lags : tuple of int
        The number of characters between the state and the output.
    """
    params = params.astype(np.float64)
    (layer,), longest = model.layers, max(lags)
    sizes = np.empty((len(places), len(lags)))
    for row, place in zip(sizes, places, strict=True):
        for k, lag in enumerate(lags):
            before = ids[max(0, place - lag - longest) : place - lag]
            state = model.zero_state(1, np.float64)[0]
            if len(before):
                workspace = layer.workspace(len(before), 1, np.float64)
                layer.forward(params, before[:, None], state, workspace)
                state = np.array(workspace.final_state)
            found = jacobian(model, params, ids[place - lag : place], state[:, 0])
            row[k] = np.linalg.norm(found) / model.config.hidden_size**0.5
    tiny = np.finfo(np.float64).tiny
    return [float(x) for x in np.exp(np.log(np.maximum(sizes, tiny)).mean(axis=0))]
