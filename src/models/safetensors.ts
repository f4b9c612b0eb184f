import { CheckpointError } from './checkpoint-error.js';
import { CheckpointBytes } from './file-bytes.js';
import { fromBf16, fromF16 } from './float-formats.js';
import { maximumHeaderBytes, parseHeader, type TensorInfo } from './safetensors-format.js';

/** Named tensors that can be read one at a time: one file, or several under an index. */
export interface TensorReader extends Disposable {
  /** Directory or file, for messages. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Values of a floating-point tensor (F32, F16, BF16, F64) as f32.
   *
   * @param shape what the caller expects; another shape in the file is an error
   * @throws CheckpointError if there is no such tensor, or its type or shape is another
   */
  read(name: string, shape?: readonly number[]): Float32Array<ArrayBuffer>;
  /** The tensor's bytes as they lie in the file, little-endian, in a fresh buffer. */
  readBytes(name: string): Uint8Array<ArrayBuffer>;
  close(): void;
}

/**
 * One safetensors file, read tensor by tensor. Opening reads only the header and checks all of it against the file's size.
 *
 * @see https://github.com/huggingface/safetensors#format
 */
export class SafetensorsFile implements TensorReader {
  private constructor(
    private readonly bytes: CheckpointBytes,
    readonly tensors: ReadonlyMap<string, TensorInfo>,
    readonly metadata: Readonly<Record<string, string>>,
    private readonly dataStart: number,
  ) {}

  /** @throws CheckpointError if the file is missing, truncated or inconsistent */
  static open(path: string): SafetensorsFile {
    const bytes = CheckpointBytes.open(path);
    try {
      const headerBytes = readHeaderLength(bytes);
      const json = new TextDecoder().decode(bytes.read(8, headerBytes, 'header'));
      const { tensors, metadata } = parseHeader(json, path, bytes.byteLength - 8 - headerBytes);
      return new SafetensorsFile(bytes, tensors, metadata, 8 + headerBytes);
    } catch (error) {
      bytes.close();
      throw error;
    }
  }

  get path(): string {
    return this.bytes.path;
  }

  read(name: string, shape?: readonly number[]): Float32Array<ArrayBuffer> {
    const info = this.find(name);
    if (shape !== undefined && (shape.length !== info.shape.length || shape.some((n, i) => n !== info.shape[i]))) {
      throw new CheckpointError(
        `${this.path}: ${name}: expected [${shape.join(', ')}], found [${info.shape.join(', ')}]`,
        'the weights belong to another configuration',
      );
    }
    return toFloats(this.readBytes(name), info, this.path);
  }

  readBytes(name: string): Uint8Array<ArrayBuffer> {
    const { begin, byteLength } = this.find(name);
    return this.bytes.read(this.dataStart + begin, byteLength, name);
  }

  close(): void {
    this.bytes.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private find(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info === undefined) throw new CheckpointError(`${this.path}: no tensor named ${name}`);
    return info;
  }
}

function readHeaderLength(bytes: CheckpointBytes): number {
  const damaged = 'the file is damaged or not in safetensors format';
  if (bytes.byteLength < 8) {
    throw new CheckpointError(`${bytes.path}: truncated: ${bytes.byteLength} bytes, the header's length alone has 8`);
  }
  const length = Number(new DataView(bytes.read(0, 8, 'header length').buffer).getBigUint64(0, true));
  if (length > maximumHeaderBytes) {
    throw new CheckpointError(`${bytes.path}: a header of ${length} bytes is longer than the format allows`, damaged);
  }
  if (8 + length > bytes.byteLength) {
    throw new CheckpointError(
      `${bytes.path}: truncated: the header has ${length} bytes, the file ${bytes.byteLength}`,
      damaged,
    );
  }
  return length;
}

function toFloats(bytes: Uint8Array<ArrayBuffer>, info: TensorInfo, path: string): Float32Array<ArrayBuffer> {
  switch (info.dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer);
    case 'BF16':
      return fromBf16(new Uint16Array(bytes.buffer));
    case 'F16':
      return fromF16(new Uint16Array(bytes.buffer));
    case 'F64':
      return Float32Array.from(new Float64Array(bytes.buffer));
    default:
      throw new CheckpointError(`${path}: ${info.name}: expected F32, F16 or BF16, found ${info.dtype}`);
  }
}
