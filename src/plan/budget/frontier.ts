/** What a way of keeping costs and saves. */
export interface Priced {
  /** Bytes held for backward. */
  readonly bytes: number;
  /** Predicted time. */
  readonly seconds: number;
}

/** Those that no other beats in both bytes and seconds, from the fastest to the smallest. */
export function paretoFront<P extends Priced>(all: readonly P[]): readonly P[] {
  const front: P[] = [];
  for (const one of all.toSorted((a, b) => a.seconds - b.seconds || a.bytes - b.bytes)) {
    const last = front.at(-1);
    if (!last || one.bytes < last.bytes) front.push(one);
  }
  return front;
}

/**
 * The lower convex hull of a front: between neighbours, a mix of the two is at least as good as anything else. What is left
 * has rising prices per byte saved.
 */
export function convexHull<P extends Priced>(front: readonly P[]): readonly P[] {
  const hull: P[] = [];
  for (const one of front) {
    for (let last = hull.at(-1), before = hull.at(-2); last && before; last = hull.at(-1), before = hull.at(-2)) {
      if (pricePerByte(before, last) < pricePerByte(last, one)) break;
      hull.pop();
    }
    hull.push(one);
  }
  return hull;
}

/** Seconds for each byte that `smaller` saves against `faster`. */
export function pricePerByte(faster: Priced, smaller: Priced): number {
  return (smaller.seconds - faster.seconds) / (faster.bytes - smaller.bytes);
}
