// Chains of contexts: ngrams/chains.py of charrnn along one text, under the same names. Keys are numbers of 64 bits.

const REACH = 64; // characters
const BASE = 0x9e3779b97f4a7c15n; // of the polynomials
const [SALT, MIX] = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const [BETWEEN, IN_WORD, ALONE] = [0, 1, 2]; // kinds of characters

const modulo = (x) => BigInt.asUintN(64, x);
const POWERS = [1n];
for (let k = 0; k < REACH; k += 1) POWERS.push(modulo(POWERS[k] * BASE));

function mixed(key, salt) {
  let x = modulo((key + BigInt(salt) * SALT) * MIX);
  x = modulo((x ^ (x >> 31n)) * MIX);
  return x ^ (x >> 29n);
}

// A text that grows. `read` takes the next code, an id + 1, and returns the keys after it but for the shortest
// context's. What a text knows is replaced and never written to, so that a copy costs little.
class Text {
  copy() {
    return Object.assign(Object.create(Object.getPrototypeOf(this)), this);
  }
}

// The last 0, 1, …, levels − 1 characters.
class Characters extends Text {
  constructor(levels, salt) {
    super();
    Object.assign(this, { salt, sums: new Array(levels).fill(0n) });
  }

  read(code) {
    this.sums = [0n, ...this.sums.slice(0, -1).map((shorter) => modulo(shorter * BASE + BigInt(code)))];
    return this.sums.slice(1).map((sum, k) => mixed(sum, this.salt + k + 1));
  }
}

// Nothing; the label of the document; the same with the last 1, 2, …, levels − 2 characters.
class Labels extends Characters {
  // The code of the first label.
  constructor(levels, salt, first) {
    super(levels, salt);
    Object.assign(this, { first, label: 0, age: 0 });
  }

  read(code) {
    [this.label, this.age] = code >= this.first ? [code, 0] : [this.label, this.age + 1];
    if (this.age === REACH) this.label = 0;
    return [mixed(0n, this.salt), ...super.read(code).slice(0, -1)].map((key) => mixed(key, this.label));
  }
}

// Nothing; the word so far, as written; with the word before; and with the one before that, in lower case.
class Words extends Text {
  // By code: the kind of each character, and the code of the same in lower case.
  constructor(kinds, lower) {
    super();
    const zeros = new Array(REACH + 1).fill(0n);
    Object.assign(this, { kinds, lower, spelled: zeros, folded: zeros });
    [this.time, this.start, this.kind, this.last, this.before] = [0, 0, BETWEEN, [0, 0], [0, 0]];
  }

  // The polynomial of the characters from … to, as far as a context may look at them.
  polynomial(sums, from, to) {
    const [start, end] = [from, to].map((place) => REACH + Math.max(place - this.time, -REACH));
    return modulo(sums[end] - sums[start] * POWERS[end - start]);
  }

  read(code) {
    const before = this.kind;
    this.kind = this.kinds[code];
    if (this.kind !== before) {
      if (before === IN_WORD) [this.last, this.before] = [[this.start, this.time], this.last];
      this.start = this.time;
    }
    this.time += 1;
    if (this.kind === ALONE) {
      [this.last, this.before] = [[this.time - 1, this.time], this.last];
      this.start = this.time;
    }
    this.spelled = [...this.spelled.slice(1), modulo(this.spelled[REACH] * BASE + BigInt(code))];
    this.folded = [...this.folded.slice(1), modulo(this.folded[REACH] * BASE + this.lower[code])];
    let key = mixed(this.polynomial(this.spelled, this.start, this.time), this.kind === BETWEEN ? 101 : 102);
    const keys = [key];
    for (const [salt, word] of [[103, this.last], [104, this.before]]) {
      key = mixed(key ^ mixed(this.polynomial(this.folded, ...word), salt), salt);
      keys.push(key);
    }
    return keys;
  }
}

// The same of all texts so far: codes that the counts have kept, and keys of their own. See ngrams/all_texts.py.
const MARK = 0xd6e8feb86659fd93n;

class OfAllTexts extends Text {
  constructor(text, codes) {
    super();
    Object.assign(this, { text, codes });
  }

  read(code) {
    return this.text.read(code && Number(this.codes[code - 1]) + 1).map((key) => key ^ MARK);
  }

  copy() {
    return Object.assign(super.copy(), { text: this.text.copy() });
  }
}

// How many contexts each chain has, and a text at its beginning.
export const CHAINS = {
  characters: { levels: 7, begin: () => new Characters(7, 0) },
  recent: { levels: 6, begin: () => new Characters(6, 200) },
  labels: { levels: 7, begin: (arrays) => new Labels(7, 300, Number(arrays.row("labels.first")[0])) },
  words: { levels: 4, begin: (arrays) => new Words(arrays.row("words.kinds"), arrays.row("words.lower")) },
  "characters of all texts": {
    levels: 7,
    begin: (arrays) => new OfAllTexts(new Characters(7, 0), arrays.row("all.codes")),
  },
  "words of all texts": {
    levels: 4,
    begin: (arrays) =>
      new OfAllTexts(new Words(arrays.row("all.kinds"), arrays.row("all.lower")), arrays.row("all.codes")),
  },
};
