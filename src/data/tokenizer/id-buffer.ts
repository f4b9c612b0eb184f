/** A growing list of ids. */
export class IdBuffer {
  private ids = new Int32Array(1024);
  length = 0;

  push(id: number): void {
    this.reserve(1);
    this.ids[this.length++] = id;
  }

  append(ids: Int32Array): void {
    this.reserve(ids.length);
    // Words have a few ids; for these a loop is faster than `set`.
    for (let i = 0; i < ids.length; i++) this.ids[this.length + i] = ids[i];
    this.length += ids.length;
  }

  /** A copy of what was collected. */
  take(): Int32Array {
    return this.ids.slice(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.ids.length) return;
    const larger = new Int32Array(Math.max(2 * this.ids.length, this.length + count));
    larger.set(this.ids.subarray(0, this.length));
    this.ids = larger;
  }
}
