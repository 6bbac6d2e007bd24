import numpy as np


def sgd_gradients(theta, sentence, next_words, s0):
    """1-D states; outer products; theta = (U, W, V, b, c)"""
    U, W, V, b, c = theta
    s = {-1: s0}
    y = {}
    for t in range(len(sentence)):
        s[t] = np.tanh(U[:, sentence[t]] + W.dot(s[t - 1]) + b)
        z = V.dot(s[t]) + c
        z = np.exp(z - np.max(z))
        y[t] = z / z.sum()
    loss = -sum(np.log(y[t][next_words[t]]) for t in range(len(sentence)))
    gU, gW, gV, gb, gc = (np.zeros_like(a) for a in theta)
    from_next = np.zeros_like(s0)
    for t in range(len(sentence))[::-1]:
        err = y[t].copy()
        err[next_words[t]] -= 1
        gV += np.outer(err, s[t])
        gc += err
        delta = (V.T.dot(err) + from_next) * (1 - s[t] ** 2)
        gU[:, sentence[t]] += delta
        gW += np.outer(delta, s[t - 1])
        gb += delta
        from_next = W.T.dot(delta)
    return loss, (gU, gW, gV, gb, gc)
