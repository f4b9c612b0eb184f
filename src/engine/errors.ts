/** What a failure means for the caller of the command line: 2 = wrong usage or input, 1 = failure at work. */
export type ExitCode = 1 | 2;

/**
 * Base of all errors this package throws on purpose: one line that says what is wrong and where, a hint that says what to
 * do next, and a stable `code` that programs can act on.
 */
export class CompactError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(
    message: string,
    options: { code: string; hint?: string | undefined; exitCode?: ExitCode; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 2;
  }
}

/** Shapes, dtypes or aliasing of an op's arguments do not fit. */
export class ShapeError extends CompactError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'SHAPE', hint });
  }
}

/** A tensor was used after its storage was freed, or freed too often. */
export class LifetimeError extends CompactError {
  constructor(message: string) {
    super(message, { code: 'LIFETIME', exitCode: 1 });
  }
}

/** More bytes are asked for than the engine may hold. */
export class OutOfMemoryError extends CompactError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'OUT_OF_MEMORY', hint });
  }
}

/** The engine that was asked for cannot run here. */
export class EngineUnavailableError extends CompactError {
  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, { code: 'ENGINE_UNAVAILABLE', hint, cause });
  }
}

/** The user's input (option, file, text, configuration) cannot be used. */
export class InputError extends CompactError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'INPUT', hint });
  }
}
