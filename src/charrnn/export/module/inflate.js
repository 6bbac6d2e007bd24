// Unpacks zlib data (RFC 1950 and 1951): in every browser, at once, and never more than is expected.

const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]; // of lengths' lengths
// The shortest length, and the shortest distance, of each symbol; the extra bits say how much is added to it.
const LENGTH_BITS = Array.from({ length: 29 }, (_, k) => (k < 8 || k === 28 ? 0 : (k >> 2) - 1));
const LENGTHS = LENGTH_BITS.map((bits, k) => (k === 28 ? 258 : k < 8 ? k + 3 : ((4 + (k & 3)) << bits) + 3));
const DISTANCES = Array.from({ length: 30 }, (_, k) => (k < 4 ? k + 1 : ((2 + (k & 1)) << ((k >> 1) - 1)) + 1));

// A table from the next bits to 16 × the symbol + the length of its code; 0 where no code begins with them.
function codes(lengths) {
  const longest = Math.max(1, ...lengths);
  const table = new Uint16Array(1 << longest);
  let code = 0; // of `longest` bits, the first bit highest
  for (let length = 1; length <= longest; length += 1)
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      if (lengths[symbol] !== length) continue;
      let from = 0; // the code with its first bit lowest, as it is read
      for (let k = 0; k < length; k += 1) from |= ((code >> (longest - 1 - k)) & 1) << k;
      for (let at = from; at < table.length; at += 1 << length) table[at] = 16 * symbol + length;
      code += 1 << (longest - length);
    }
  return { table, longest };
}

const FIXED = codes(Array.from({ length: 288 }, (_, k) => (k < 144 ? 8 : k < 256 ? 9 : k < 280 ? 7 : 8)));
const FIXED_DISTANCES = codes(new Array(30).fill(5));

function require_(holds) {
  if (!holds) throw new Error("the model is damaged: its data cannot be unpacked");
}

// The bytes that were packed, at most `most` of them.
export function inflate(data, most) {
  let [out, size, at, held, count] = [new Uint8Array(Math.min(most, 4 * data.length + 64)), 0, 2, 0, 0];
  const bits = (n) => {
    for (; count < n; count += 8) held |= (data[at++] ?? require_(false)) << count;
    const value = held & ((1 << n) - 1);
    held >>>= n;
    count -= n;
    return value;
  };
  const symbol = ({ table, longest }) => {
    for (; count < longest && at < data.length; count += 8) held |= data[at++] << count;
    const found = table[held & ((1 << longest) - 1)];
    require_(found && (found & 15) <= count);
    held >>>= found & 15;
    count -= found & 15;
    return found >> 4;
  };
  const room = (n) => {
    require_(size + n <= most);
    if (size + n <= out.length) return;
    const larger = new Uint8Array(Math.min(most, Math.max(2 * out.length, size + n)));
    larger.set(out);
    out = larger;
  };
  const stored = () => {
    at -= count >> 3; // whole bytes that were read ahead
    const n = data[at] | (data[at + 1] << 8);
    require_(at + 4 + n <= data.length && (n ^ 0xffff) === (data[at + 2] | (data[at + 3] << 8)));
    room(n);
    out.set(data.subarray(at + 4, at + 4 + n), size);
    [size, at, held, count] = [size + n, at + 4 + n, 0, 0];
  };
  const described = () => {
    const [literals, distances, own] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const lengths = new Array(19).fill(0);
    for (let k = 0; k < own; k += 1) lengths[ORDER[k]] = bits(3);
    const [of, found] = [codes(lengths), []];
    while (found.length < literals + distances) {
      const s = symbol(of);
      require_(s !== 16 || found.length);
      const [value, times] =
        s < 16 ? [s, 1] : s === 16 ? [found.at(-1), 3 + bits(2)] : [0, s === 17 ? 3 + bits(3) : 11 + bits(7)];
      for (let k = 0; k < times; k += 1) found.push(value);
    }
    return [codes(found.slice(0, literals)), codes(found.slice(literals, literals + distances))];
  };
  require_(data.length > 6 && (data[0] & 15) === 8 && ((data[0] << 8) | data[1]) % 31 === 0 && !(data[1] & 32));
  for (let last = 0; !last; ) {
    last = bits(1);
    const kind = bits(2);
    require_(kind < 3);
    if (!kind) {
      stored();
      continue;
    }
    const [literals, distances] = kind === 1 ? [FIXED, FIXED_DISTANCES] : described();
    for (let s = symbol(literals); s !== 256; s = symbol(literals)) {
      if (s < 256) {
        if (size === out.length) room(1);
        out[size++] = s;
        continue;
      }
      require_(s - 257 < LENGTHS.length);
      const length = LENGTHS[s - 257] + bits(LENGTH_BITS[s - 257]);
      const d = symbol(distances);
      require_(d < 30);
      const distance = DISTANCES[d] + bits(d < 4 ? 0 : (d >> 1) - 1);
      require_(distance <= size);
      room(length);
      for (let k = 0; k < length; k += 1, size += 1) out[size] = out[size - distance];
    }
  }
  at -= count >> 3;
  let [a, b] = [1, 0]; // Adler-32
  for (let k = 0; k < size; ) {
    for (const end = Math.min(size, k + 3800); k < end; k += 1) b += a += out[k];
    [a, b] = [a % 65521, b % 65521];
  }
  const sum = ((data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]) >>> 0;
  require_(at + 4 === data.length && sum === (b * 65536 + a) >>> 0);
  return out.subarray(0, size);
}
