// Chains of contexts: ngrams/chains.py of charrnn, at the end of one text, under the same names. Keys are BigInts.

export const REACH = 64; // characters
const BASE = 0x9e3779b97f4a7c15n; // of the polynomials
const [SALT, MIX] = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const [BETWEEN, ALONE] = [0, 2]; // kinds of characters; letters that are part of a word are 1

const modulo = (x) => BigInt.asUintN(64, x);

function mixed(key, salt) {
  let x = modulo((key + BigInt(salt) * SALT) * MIX);
  x = modulo((x ^ (x >> 31n)) * MIX);
  return x ^ (x >> 29n);
}

// Σ code_k BASE^(end − 1 − k) over start ≤ k < end; 0 if there is none.
function segment(codes, start, end) {
  let sum = 0n;
  for (let k = start; k < end; k += 1) sum = modulo(sum * BASE + BigInt(codes[k]));
  return sum;
}

// The last 0, 1, …, levels − 1 characters.
const characters = (levels, salt) => (codes) => {
  const keys = [];
  for (let [k, sum, power] = [1, 0n, 1n]; k < levels; k += 1, power = modulo(power * BASE)) {
    sum = modulo(sum + BigInt(codes.at(-k) ?? 0) * power);
    keys.push(mixed(sum, salt + k));
  }
  return keys;
};

// Nothing; the label of the document; the same with the last 1, 2, …, levels − 2 characters.
const labels = (levels, salt, first) => (codes) => {
  const label = codes.findLast((code) => code >= first) ?? 0;
  return [mixed(0n, salt), ...characters(levels - 1, salt)(codes)].map((key) => mixed(key, label));
};

// Nothing; the word so far, as written; with the word before; and with the one before that, in lower case.
const words = (kinds, lower) => (codes) => {
  const kind_before = (place) => kinds[codes[place - 1] ?? 0];
  // The start of the run that ends before a place: of letters, of others, or one character that stands alone.
  const begin_of = (end) => {
    let begin = Math.max(end - 1, 0);
    while (begin && kind_before(begin) === kind_before(end) && kind_before(end) !== ALONE) begin -= 1;
    return begin;
  };
  // Where the last word before a place ends: there, or where the run between words began.
  const last_end = (place) => (kind_before(place) === BETWEEN ? begin_of(place) : place);
  const n = codes.length;
  const [kind, folded] = [kind_before(n), codes.map((code) => lower[code])];
  const start = kind === ALONE ? n : begin_of(n);
  const keys = [mixed(segment(codes, start, n), kind === BETWEEN ? 101 : 102)];
  for (let [salt, end] = [103, kind === BETWEEN ? start : last_end(start)]; salt < 105; salt += 1) {
    const begin = begin_of(end);
    keys.push(mixed(keys.at(-1) ^ mixed(segment(folded, begin, end), salt), salt));
    end = last_end(begin);
  }
  return keys;
};

// The same of all texts so far: codes that the counts have kept, and keys of their own. See ngrams/all_texts.py.
const MARK = 0xd6e8feb86659fd93n;
const of_all_texts = (keys_of, codes_of_all) => (codes) =>
  keys_of(codes.map((code) => code && Number(codes_of_all[code - 1]) + 1)).map((key) => key ^ MARK);

// How many contexts each chain has, and a function from the last codes of a text, each an id + 1, to the keys after
// them, but for the shortest context's.
export const CHAINS = {
  characters: { levels: 7, keys_of: () => characters(7, 0) },
  recent: { levels: 6, keys_of: () => characters(6, 200) },
  labels: { levels: 7, keys_of: (arrays) => labels(7, 300, Number(arrays.row("labels.first")[0])) },
  words: { levels: 4, keys_of: (arrays) => words(arrays.row("words.kinds"), arrays.row("words.lower")) },
  "characters of all texts": {
    levels: 7,
    keys_of: (arrays) => of_all_texts(characters(7, 0), arrays.row("all.codes")),
  },
  "words of all texts": {
    levels: 4,
    keys_of: (arrays) =>
      of_all_texts(words(arrays.row("all.kinds"), arrays.row("all.lower")), arrays.row("all.codes")),
  },
};
