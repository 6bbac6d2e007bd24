import numpy as np


def update_parameters_with_adam(parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    L = len(parameters) // 2
    for n in range(1, L + 1):
        for k in ("W", "b"):
            key = "d" + k + str(n)
            v[key] = beta1 * v[key] + (1 - beta1) * grads[key]
            vc = v[key] / (1 - beta1**t)
            s[key] = beta2 * s[key] + (1 - beta2) * np.square(grads[key])
            sc = s[key] / (1 - beta2**t)
            parameters[k + str(n)] = parameters[k + str(n)] - learning_rate * vc / (np.sqrt(sc) + epsilon)
    return parameters, v, s
