/* A step of writing is the same calls every time: recorded once as numbers, and made again in one call from Python. */

#define CALL 14 /* a function's address, then its arguments */

typedef void (*NAME(function))(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                               int64_t, int64_t, int64_t);

/* Every argument is an address or an int64_t, which the calling conventions that we build for pass alike; a function does
   not see those beyond its own. */
void NAME(replay)(int64_t count, const int64_t *calls)
{
    for (const int64_t *c = calls; c < calls + count * CALL; c += CALL)
        ((NAME(function))(intptr_t)c[0])(c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13]);
}

void NAME(copy)(int64_t bytes, const void *from, void *to) { memcpy(to, from, bytes); }

void NAME(shift)(int64_t count, int64_t by, const int64_t *from, int64_t *to)
{
    for (int64_t k = 0; k < count; k++) to[k] = from[k] + by;
}

/* Makes the calls `length` times: before each, `u_now` takes the next number of u, and after it `written` the id in `id`. */
void NAME(repeat)(int64_t length, int64_t count, const int64_t *calls, const double *u, double *u_now, const int64_t *id,
                  int64_t *written)
{
    for (int64_t k = 0; k < length; k++) {
        *u_now = u[k];
        NAME(replay)(count, calls);
        written[k] = *id;
    }
}
