import numpy as np


def sig(a):
    return np.exp(-np.logaddexp(0, -a))


def gru_step_forward(x, prev_h, Wxr, Whr, br, Wxz, Whz, bz, Wxn, Whn, bn):
    r = sig(x @ Wxr + prev_h @ Whr + br)
    z = sig(x @ Wxz + prev_h @ Whz + bz)
    n = np.tanh(x @ Wxn + (r * prev_h) @ Whn + bn)
    next_h = z * prev_h + (1 - z) * n
    return next_h, (x, prev_h, r, z, n, Wxr, Whr, Wxz, Whz, Wxn, Whn)


def gru_step_backward(dnext_h, cache):
    x, prev_h, r, z, n, Wxr, Whr, Wxz, Whz, Wxn, Whn = cache
    dn = dnext_h * (1 - z) * (1 - n**2)
    dz = dnext_h * (prev_h - n) * z * (1 - z)
    drh = dn @ Whn.T
    dr = drh * prev_h * r * (1 - r)
    dx = dr @ Wxr.T + dz @ Wxz.T + dn @ Wxn.T
    dprev_h = dnext_h * z + drh * r + dr @ Whr.T + dz @ Whz.T
    dWxr, dWxz, dWxn = x.T @ dr, x.T @ dz, x.T @ dn
    dWhr, dWhz, dWhn = prev_h.T @ dr, prev_h.T @ dz, (r * prev_h).T @ dn
    dbr, dbz, dbn = dr.sum(0), dz.sum(0), dn.sum(0)
    return dx, dprev_h, dWxr, dWhr, dbr, dWxz, dWhz, dbz, dWxn, dWhn, dbn
