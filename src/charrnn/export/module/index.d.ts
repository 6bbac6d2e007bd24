/** Which characters may be drawn, and how. The defaults draw from the model's own distribution. */
export interface Sampling {
  /** Equal seeds give equal texts; without one, each call differs. */
  seed?: number | bigint;
  /** The number of the sample: a seed has a stream of random numbers for each. Default 0. */
  sample?: number;
  /** Below 1 safer, above 1 wilder; 0 is greedy. Default 1. */
  temperature?: number;
  /** Draw from the k likeliest characters only. Default 0: off. */
  top_k?: number;
  /** Draw from the likeliest characters that together have this share. Default 1: off. */
  top_p?: number;
  /** Draw from the characters at least this many times as likely as the likeliest. Default 0: off. */
  min_p?: number;
  /** Always take the likeliest character. Default false. */
  greedy?: boolean;
  /** What to do with characters of the prompt that the vocabulary lacks. Default "error". */
  on_unknown?: "error" | "skip";
  /** Of a model of labelled documents: the label of the document. By default one is drawn, or the likeliest of the prompt. */
  label?: string;
}

export interface Writing extends Sampling {
  /** Characters to write; fewer if a stop string occurs first. Default 500. */
  length?: number;
  /** Stop before any of these strings. */
  stop?: string | string[];
}

/** The surprise at each character of a text after the first, or of a document and at its end, in nats, and its mean. */
export interface Score {
  per_char: number[];
  nats_per_char: number;
  bits_per_char: number;
  perplexity: number;
}

/** One character that was drawn ("" is the end of a document), with the logits before it, and those that the filters have left. */
export interface Drawn {
  id: number;
  character: string;
  logits: Float64Array;
  filtered: Float64Array;
}

/** A text that grows: what may follow it, and how it continues. */
export interface State {
  /** The probability of each character, and of the end of a document under the name "", the likeliest first. */
  next_probs(): Map<string, number>;
  /** Reads more text. */
  feed(text: string, on_unknown?: "error" | "skip"): this;
  copy(): State;
}

export declare class LanguageModel {
  private constructor();
  /** The character of each id; "" is the boundary between documents. */
  readonly characters: string[];
  readonly config: Record<string, string | number | boolean>;
  /** Whether it writes and scores documents, each from its beginning to its end. */
  readonly documents: boolean;
  /** The labels that documents may have, sorted; none unless the model was trained with labels. */
  readonly labels: string[];
  /** Where the model comes from: its text, splits, settings and losses. */
  readonly provenance: Record<string, unknown>;
  /** The text that follows a prompt, which is not part of it. */
  generate(prompt?: string, options?: Writing): string;
  /** As generate, a character at a time. */
  stream(prompt?: string, options?: Writing): Generator<string, void, void>;
  /** As stream, to the end of a document or without end, and with what the model said at each character. */
  write(prompt?: string, options?: Sampling): Generator<Drawn, void, void>;
  score(text: string, on_unknown?: "error" | "skip"): Score;
  /** The state after a prompt; without one, after a line end, or at the beginning of a document. */
  start(prompt?: string, on_unknown?: "error" | "skip", label?: string): State;
  /** The probability of each label of a document, the likeliest first. */
  classify(text: string, on_unknown?: "error" | "skip"): Map<string, number>;
}

/** The model of this package. */
export declare function load(): Promise<LanguageModel>;
