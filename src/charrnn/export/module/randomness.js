// The random numbers of randomness.py, bit for bit: NumPy's SeedSequence and its generator PCG64 (O'Neill 2014).

const STREAMS = ["initialisation", "batching", "dropout", "sampling", "search"];
const POOL = 4; // numbers of 32 bits that all entropy is mixed into
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const LARGEST = 1 - 2 ** -52;

const bits = BigInt.asUintN;
const mixed = (x) => (x ^ (x >>> 16)) >>> 0;

// A whole number as numbers of 32 bits, the lowest first; at least one.
function words(number) {
  const found = [];
  for (let rest = BigInt(number); rest > 0n || !found.length; rest >>= 32n) found.push(Number(bits(32, rest)));
  return found;
}

// The eight numbers of 32 bits with which a SeedSequence seeds a PCG64.
function seeded(seed, spawn_key) {
  const entropy = words(seed);
  while (entropy.length < POOL) entropy.push(0);
  entropy.push(...spawn_key.flatMap(words));
  let constant = 0x43b0d7e5;
  const hashed = (value) => {
    const before = constant;
    constant = Math.imul(constant, 0x931e8875);
    return mixed(Math.imul(value ^ before, constant));
  };
  const together = (x, y) => mixed(Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y));
  const pool = entropy.slice(0, POOL).map(hashed);
  for (let from = 0; from < POOL; from += 1)
    for (let to = 0; to < POOL; to += 1) if (from !== to) pool[to] = together(pool[to], hashed(pool[from]));
  for (const value of entropy.slice(POOL))
    for (let to = 0; to < POOL; to += 1) pool[to] = together(pool[to], hashed(value));
  constant = 0x8b51f9dd;
  return Array.from({ length: 2 * POOL }, (_, k) => {
    const before = constant;
    constant = Math.imul(constant, 0x58f38ded);
    return mixed(Math.imul(pool[k % POOL] ^ before, constant));
  });
}

// The uniform numbers, 0 ≤ u ≤ LARGEST, of a seed, a purpose and a position, such as the number of a sample.
export function stream(seed, name, ...position) {
  const halves = seeded(seed, [STREAMS.indexOf(name), ...position]).map(BigInt);
  const whole = (k) => (halves[k + 1] << 96n) | (halves[k] << 64n) | (halves[k + 3] << 32n) | halves[k + 2];
  const increment = bits(128, (whole(4) << 1n) | 1n);
  const next = (state) => bits(128, state * MULTIPLIER + increment);
  let state = next(bits(128, increment + whole(0)));
  return () => {
    state = next(state);
    const [turn, folded] = [state >> 122n, bits(64, (state >> 64n) ^ state)];
    const turned = (folded >> turn) | bits(64, folded << (64n - turn));
    return Math.min(Number(turned >> 11n) / 2 ** 53, LARGEST);
  };
}
