import type { StaticLayout } from '../engine/index.js';
import {
  type HostBatch,
  type Prediction,
  type PredictionRequest,
  planStep,
  shapeKey,
  usualBatch,
} from '../plan/index.js';

/** Layouts that are remembered: of a long run over texts of many lengths hardly any two steps need be alike. */
const mostKnown = 64;

/**
 * Planned addresses of a run's steps. The memory of a run is that of its largest batch; a step over smaller ones, or of
 * another variant (another block's turn, or one that makes subspaces anew), gets a layout of its own in the same region, worked out when such a step first comes.
 */
export class StepLayouts {
  readonly #request: PredictionRequest;
  readonly #regionBytes: number;
  readonly #known: Map<string, StaticLayout | undefined>;

  constructor(request: PredictionRequest, { layout, regionBytes, variant }: Prediction) {
    this.#request = request;
    this.#regionBytes = regionBytes;
    const largest = request.largest ?? usualBatch(request.config, request.batch, request.sequenceLength);
    this.#known = new Map([
      [
        keyOf(
          Array.from({ length: request.accumulate }, () => largest),
          variant,
        ),
        layout,
      ],
    ]);
  }

  /**
   * The layout of a step over these micro-batches; undefined, for best fit, where it would not fit the region.
   *
   * @param step t, completed steps before it
   * @param variant the program's variant that it goes like
   */
  async of(microBatches: readonly HostBatch[], step: number, variant: number): Promise<StaticLayout | undefined> {
    const key = keyOf(microBatches, variant);
    if (this.#known.has(key)) return this.#remember(key, this.#known.get(key));
    const layout = await planStep(this.#request, microBatches, step);
    return this.#remember(key, layout.bytes <= this.#regionBytes ? layout : undefined);
  }

  /** As the latest; the one that was not asked for for the longest time is forgotten. */
  #remember(key: string, layout: StaticLayout | undefined): StaticLayout | undefined {
    this.#known.delete(key);
    this.#known.set(key, layout);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown) this.#known.delete(oldest);
    return layout;
  }
}

function keyOf(microBatches: readonly HostBatch[], variant: number): string {
  return `${variant}: ${microBatches.map(shapeKey).join(', ')}`;
}
