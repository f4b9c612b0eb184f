import type { OpName } from '../../src/engine/index.js';

/** An exemption from the contract. Each must say why, and the suite fails when it names no existing test. */
export interface Skip {
  readonly engine: string;
  readonly op: OpName;
  /** One case; all cases of the op where left out. */
  readonly label?: string;
  readonly reason: string;
}

/** There are none, and there should be none for long. */
export const skips: readonly Skip[] = [];

export function skipOf(engine: string, op: OpName, label: string): Skip | undefined {
  return skips.find((skip) => skip.engine === engine && skip.op === op && (skip.label ?? label) === label);
}
