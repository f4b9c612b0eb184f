import { z } from 'zod';
import { InputError, roles } from '../engine/index.js';
import { type MemoryPlan, parsePlan } from '../plan/index.js';

const bytes = z.number().nonnegative();
const count = z.number().int().nonnegative();
const seconds = z.number().nonnegative();

/** JSON has no NaN: it writes null, and null is read as "not a number". */
const loss = z.number().or(z.nan()).nullable();

const bytesByRole = z.partialRecord(z.enum(roles), bytes);

const footprint = z.strictObject({
  /** High-water mark of the ledger, in bytes. */
  peak: bytes,
  /** How the high-water mark divides by role; the parts add up to `peak`. Absent roles are 0. */
  byRole: bytesByRole,
});

const memory = z.strictObject({
  /** From the dry run, before training. */
  predicted: footprint,
  /** From the ledger of the engine that trained. */
  measured: footprint,
  /** High-water mark of what forward kept for backward: the ledger's `peakByRole.saved`. */
  savedPeak: bytes,
  /** Resident memory of the process as the operating system counts it. */
  rss: z.strictObject({
    /** Before the engine took its memory. */
    base: bytes.optional(),
    peak: bytes,
  }),
});

const model = z.strictObject({
  /** Preset, file or directory, as given by the user. */
  name: z.string(),
  parameters: count,
  layers: count.optional(),
  hiddenSize: count.optional(),
  intermediateSize: count.optional(),
  heads: count.optional(),
  keyValueHeads: count.optional(),
  vocabSize: count.optional(),
});

const option = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const settings = z.strictObject({
  model: z.string(),
  parameters: count,
  data: z.string(),
  /** Sequences per micro-batch. */
  batch: count,
  /** Micro-batches per optimizer step; 1 when absent. */
  accumulate: count.optional(),
  sequenceLength: count,
  steps: count,
  threads: count,
  engine: z.string(),
  /** For example `avx512`. */
  instructionSet: z.string().optional(),
  /** Processor, cores, memory, operating system: one line. */
  machine: z.string().optional(),
  /** Further options under the command line's names, shown as they are: `{ lr: 0.01, tokenizer: '...' }`. */
  options: z.record(z.string(), option).optional(),
});

const validationPoint = z.strictObject({
  /** Completed steps. */
  step: count,
  loss,
});

const block = z.strictObject({ name: z.string(), role: z.enum(roles), bytes });

const scores = z.strictObject({
  task: z.string(),
  /** The metric that the best weights are chosen by. */
  metric: z.string(),
  best: z.strictObject({ step: count, value: z.number() }),
  evaluations: z.array(z.strictObject({ step: count, metrics: z.record(z.string(), z.number()) })).readonly(),
});

const planDocument = z.unknown().transform((json, context): MemoryPlan => {
  try {
    return parsePlan(json, 'plan');
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'invalid' });
    return z.NEVER;
  }
});

const run = z
  .strictObject({
    /** Label of the run in charts and tables; usually the methods, comma-separated. */
    name: z.string().min(1),
    model,
    /** Names the memory plan was made from. */
    methods: z.array(z.string()).readonly(),
    /** Completed optimizer steps. */
    steps: count,
    /** Tokens predicted. */
    tokens: count,
    /** Loss of the last step, natural log. */
    loss,
    /** Last validation loss; absent where none was measured. */
    valLoss: loss.optional(),
    /** Wall time of the whole run. */
    seconds,
    tokensPerSecond: z.number().nonnegative(),
    memory,
    /** Floating-point operations of matrix products in one optimizer step. */
    flopsPerStep: z.number().nonnegative().optional(),
    /** Loss of each step, from `firstStep` on. */
    losses: z.array(loss).readonly(),
    /** Learning rate of each step; as long as `losses`. */
    learningRates: z.array(z.number()).readonly().optional(),
    /** Wall time of each step, without evaluation and saving; as long as `losses`. */
    stepSeconds: z.array(seconds).readonly().optional(),
    /** Number of the step that `losses[0]` belongs to; 1 when absent. */
    firstStep: count.optional(),
    validation: z.array(validationPoint).readonly().optional(),
    /** Evaluations of a fine-tuning. */
    scores: scores.optional(),
    settings: settings.optional(),
    plan: planDocument.optional(),
    /** What is live at the peak, largest first, from the prediction's `atPeak`. */
    largestBlocks: z.array(block).readonly().optional(),
    /** Text the trained model wrote. */
    story: z.strictObject({ prompt: z.string(), text: z.string() }).optional(),
  })
  .superRefine((summary, context) => {
    for (const key of ['learningRates', 'stepSeconds'] as const) {
      const series = summary[key];
      if (series && series.length !== summary.losses.length) {
        const message = `${series.length} values for ${summary.losses.length} losses`;
        context.addIssue({ code: 'custom', path: [key], message });
      }
    }
  });

const comparison = z.strictObject({
  title: z.string(),
  /** What all runs have in common. */
  settings,
  /** The first run is the one the others are compared with. */
  runs: z.array(run).min(1).readonly(),
});

/** What is known about one run when it is over. A superset of the command line's `--json` result; bytes and seconds. */
export type RunSummary = z.infer<typeof run>;
/** Several runs from the same start on the same batches. */
export type CompareSummary = z.infer<typeof comparison>;
export type RunSettings = z.infer<typeof settings>;
export type ScoreSummary = z.infer<typeof scores>;
export type ModelSummary = z.infer<typeof model>;
export type Footprint = z.infer<typeof footprint>;
/** A loss as it comes from a file: null where it was not a number. */
export type LossValue = z.infer<typeof loss>;

/**
 * Checks a summary of one run.
 *
 * @param where file name for messages
 * @throws InputError naming the first field that does not fit
 */
export function parseRunSummary(json: unknown, where: string): RunSummary {
  return parseWith(run, json, where);
}

/** Checks a summary of a comparison, like {@link parseRunSummary}. */
export function parseCompareSummary(json: unknown, where: string): CompareSummary {
  return parseWith(comparison, json, where);
}

function parseWith<T>(schema: z.ZodType<T>, json: unknown, where: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || 'summary';
  throw new InputError(
    `${where}: ${field}: ${issue?.message ?? 'invalid'}`,
    'the file was written by another version or changed by hand; run the training again to write it anew',
  );
}
