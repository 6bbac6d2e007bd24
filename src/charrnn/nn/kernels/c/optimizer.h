/* Adam on a slice of the parameters: training/optimizers.py has its equations. */

void NAME(adam)(int64_t size, real *RESTRICT theta, const real *RESTRICT g, real *RESTRICT m, real *RESTRICT v, real keep,
                real beta1, real beta2, real eps, real rate)
{
    INDEPENDENT for (int64_t k = 0; k < size; k++) {
        real first = beta1 * m[k] + g[k], second = beta2 * v[k] + g[k] * g[k]; /* [adam.6] */
        m[k] = first, v[k] = second;
        theta[k] = theta[k] * keep - rate * first / (SQRT(second) + eps); /* [adam.5], [adam.7] */
    }
}
