/** A tensor of a file, and the weights that it is made of. */
export interface FileTensor {
  /** Name in files that this package writes. */
  readonly name: string;
  /** Names of the weights, one below the other in the order of their rows. */
  readonly parts: readonly string[];
  /** The file holds the transpose, [in, out]. */
  readonly transposed?: boolean;
}

/** How a model's weights lie in files: Hugging Face's names at the border, names by role inside. */
export interface FileFormat {
  readonly tensors: readonly FileTensor[];
  /** What tells tensors apart, whatever prefix or older name a file has for them. */
  key(name: string): string;
  /** Keys of tensors that are computed here, or are another one written out once more. */
  readonly derived: RegExp;
  /** Keys of heads: where a file is a start for another head, they may be missing or left over. */
  readonly head: RegExp;
}

/** Tensors that some files hold beside the weights. */
export const alwaysDerived = /(rotary_emb\.inv_freq|position_ids|masked_bias)$/;

/** Matches nothing. */
export const noHead = /^$/;

/** The format in which every weight is a tensor of its own name. */
export function plainFormat(names: Iterable<string>): FileFormat {
  return {
    tensors: [...names].map((name) => ({ name, parts: [name] })),
    key: (name) => name,
    derived: alwaysDerived,
    head: noHead,
  };
}
