import { type Form, isRestorable, type SlotRecord } from '../../keep/index.js';
import { Pricer } from '../cost/price-step.js';
import { type KernelRates, stepSeconds } from '../cost/rates.js';
import type { DrySteps, PredictionRequest } from '../dry-run.js';
import type { MemoryPlan } from '../memory-plan.js';
import { type Priced, paretoFront, pricePerByte } from './frontier.js';

type SlotRules = MemoryPlan['slots'];

/** A value within a block: its slots, without the block's name, and how they can all be kept; the first form is `exact`. */
interface Choice {
  readonly slots: readonly string[];
  readonly forms: readonly Form[];
}

/** How each value of a block is kept, in the order of the choices, with what that holds and takes per block. */
export interface BlockPattern extends Priced {
  /** Rules for the blocks from `first` to `last`. */
  rules(first: number, last: number): SlotRules;
}

interface Explored extends BlockPattern {
  readonly picks: readonly number[];
}

/** The block whose slots are looked at; blocks are alike, so that one speaks for all. */
const block = 'layers.0.';

/**
 * Finds the ways to keep what one block needs for backward that no other way beats. Bytes and seconds come from dry runs of a
 * model with one block, each made once.
 */
export class BlockExplorer {
  readonly #single: PredictionRequest;
  readonly #pricer: Pricer;
  readonly #known = new Map<string, Promise<Priced>>();
  readonly #found = new Map<string, Promise<readonly BlockPattern[]>>();
  #slots: Promise<readonly SlotRecord[]> | undefined;

  /** @param request of the whole model, with a plan whose blocks keep everything */
  constructor(request: PredictionRequest, pricer: Pricer) {
    this.#single = oneBlock(request);
    this.#pricer = pricer;
  }

  /** Bytes that the block holds when it keeps everything. */
  async most(): Promise<number> {
    return (await this.#price([])).bytes;
  }

  /**
   * From the fastest way to the smallest.
   *
   * @param besides forms other than exact and recomputed ones that a value may have
   */
  patterns(besides: readonly Form[]): Promise<readonly BlockPattern[]> {
    const found = this.#found.get(besides.join()) ?? this.#explore(besides);
    this.#found.set(besides.join(), found);
    return found;
  }

  /**
   * The choices interact (who recomputes attention needs q, k and v), so the walk goes from the fastest way to the smallest by
   * the cheapest byte each time, and back again, looking at every neighbour on its way.
   */
  async #explore(besides: readonly Form[]): Promise<readonly BlockPattern[]> {
    this.#slots ??= this.#pricer.steps(this.#single).then(({ slots }) => slots);
    const choices = choicesOf(await this.#slots, besides);
    const seen = new Map<string, Explored>();
    const price = async (picks: readonly number[]): Promise<Explored> => {
      const key = picks.join();
      const found = seen.get(key);
      if (found) return found;
      const rules = (first: number, last: number) => rulesOf(choices, picks, first, last);
      const explored = { picks, rules, ...(await this.#price(rules(0, 0))) };
      seen.set(key, explored);
      return explored;
    };
    let current = await price(choices.map(() => 0));
    const cheapestByte = await walker(current, choices, price, ({ bytes }, from) => bytes < from.bytes, bytePrice);
    for (let next: Explored | undefined = current; next; next = await cheapestByte(current)) current = next;
    const dearestSecond = await walker(current, choices, price, ({ seconds }, from) => seconds < from.seconds, gain);
    for (let next: Explored | undefined = current; next; next = await dearestSecond(current)) current = next;
    return paretoFront([...seen.values()]);
  }

  #price(rules: SlotRules): Promise<Priced> {
    const key = JSON.stringify(rules);
    const plan = { ...this.#single.plan, slots: [...this.#single.plan.slots, ...rules] };
    const known =
      this.#known.get(key) ??
      this.#pricer.steps({ ...this.#single, plan }).then((run) => priced(run, this.#pricer.rates));
    this.#known.set(key, known);
    return known;
  }
}

/** What one form of one value saves and costs in all blocks, when everything else is kept. */
export interface FormPrice {
  /** Without the block's name. */
  readonly slots: readonly string[];
  readonly form: Form;
  readonly bytesSaved: number;
  readonly seconds: number;
}

/** Prices of single changes, from the cheapest byte to the dearest. */
export async function formPrices(
  request: PredictionRequest,
  rates: KernelRates,
  besides: readonly Form[],
): Promise<readonly FormPrice[]> {
  const pricer = new Pricer(rates);
  const single = oneBlock(request);
  const start = await pricer.steps(single);
  const choices = choicesOf(start.slots, besides);
  const everything = priced(start, rates);
  const layers = request.config.numHiddenLayers;
  const prices: FormPrice[] = [];
  for (const [index, { slots, forms }] of choices.entries()) {
    for (const [pick, form] of forms.entries()) {
      if (pick === 0) continue;
      const rules = rulesOf(choices, choices.map(() => 0).with(index, pick), 0, 0);
      const plan = { ...single.plan, slots: [...single.plan.slots, ...rules] };
      const { bytes, seconds } = priced(await pricer.steps({ ...single, plan }), rates);
      prices.push({
        slots,
        form,
        bytesSaved: layers * (everything.bytes - bytes),
        seconds: layers * (seconds - everything.seconds),
      });
    }
  }
  return prices.toSorted((a, b) => a.seconds * b.bytesSaved - b.seconds * a.bytesSaved);
}

/** One micro-batch through one block; the head in one piece and the usual update, since they are not what is asked. */
function oneBlock(request: PredictionRequest): PredictionRequest {
  const { plan, batch, sequenceLength, config } = request;
  return {
    ...request,
    accumulate: 1,
    config: { ...config, numHiddenLayers: 1 },
    plan: {
      ...plan,
      loss: { form: 'fused', chunk: batch * sequenceLength },
      optimizer: [{ match: '*', update: { name: 'adamw' } }],
      blockCoordinate: null,
    },
  };
}

function priced(run: DrySteps, rates: KernelRates): Priced {
  const bytes = run.slots.reduce((sum, slot) => (slot.slot.startsWith(block) ? sum + slot.bytes : sum), 0);
  return { bytes, seconds: stepSeconds(run, rates) };
}

/** What the block is made of: no choice of its own. */
const ownStart = `${block}input_layernorm.input`;
/** Where a norm ends the blocks (BERT), what the next one is made of: it may be rounded, but is dropped as others' inputs are. */
const nextStart = `${block}output_layernorm.input`;

/** Values that a block makes or reads, but what it is made of. */
function choicesOf(slots: readonly SlotRecord[], besides: readonly Form[]): readonly Choice[] {
  const byValue = new Map<string, SlotRecord[]>();
  for (const record of slots) {
    if (!record.slot.startsWith(block) || record.slot === ownStart || !isRestorable(record.form)) continue;
    byValue.set(record.value, [...(byValue.get(record.value) ?? []), record]);
  }
  return [...byValue.values()].map((records) => {
    const [{ replayCost, exactBytes, dtype }] = records;
    const stays = replayCost === undefined || records.some(({ slot }) => slot === nextStart);
    const replay: Form[] = stays ? [] : [replayCost === 'gemm' ? 'replay-gemm' : 'replay'];
    // Row statistics are too small to be worth a rounding; masks of dropout cannot be rounded.
    const large = exactBytes * 64 >= Math.max(...slots.map((record) => record.exactBytes));
    const floats = (dtype === 'f32' || dtype === 'bf16') && large;
    const roundable = floats ? besides.filter((form) => form !== dtype) : [];
    return { slots: records.map(({ slot }) => slot.slice(block.length)), forms: ['exact', ...roundable, ...replay] };
  });
}

function rulesOf(choices: readonly Choice[], picks: readonly number[], first: number, last: number): SlotRules {
  const blocks = first === last ? `layers.${first}.` : `layers.{${first}-${last}}.`;
  return choices.flatMap(({ slots, forms }, index) =>
    picks[index] === 0 ? [] : slots.map((slot) => ({ match: `${blocks}${slot}`, form: forms[picks[index]] })),
  );
}

type Price = (picks: readonly number[]) => Promise<Explored>;

/** A change of one choice, with what it was last known to be worth; less is better. */
interface Change {
  readonly index: number;
  readonly pick: number;
  worth: number;
}

/**
 * Makes steps to the best neighbour. Changes are hardly worth more after other changes than before, so those that were worse
 * are looked at again only when they come to the front.
 */
async function walker(
  start: Explored,
  choices: readonly Choice[],
  price: Price,
  leadsOn: (to: Explored, from: Explored) => boolean,
  worth: (to: Explored, from: Explored) => number,
): Promise<(from: Explored) => Promise<Explored | undefined>> {
  const changes = choices.flatMap(({ forms }, index) => forms.map((_, pick): Change => ({ index, pick, worth: 0 })));
  const look = async ({ index, pick }: Change, from: Explored) => {
    const to = await price(from.picks.with(index, pick));
    return { to, worth: leadsOn(to, from) ? worth(to, from) : Number.POSITIVE_INFINITY };
  };
  for (const change of changes) change.worth = (await look(change, start)).worth;
  return async (from) => {
    const fresh = new Set<Change>();
    for (;;) {
      changes.sort((a, b) => a.worth - b.worth);
      const [best] = changes;
      const looked = await look(best, from);
      best.worth = looked.worth;
      if (fresh.has(best)) return looked.worth < Number.POSITIVE_INFINITY ? looked.to : undefined;
      fresh.add(best);
    }
  };
}

/** Seconds for each byte that `to` saves. */
function bytePrice(to: Explored, from: Explored): number {
  return pricePerByte(from, to);
}

/** Bytes for each second that `to` saves. */
function gain(to: Explored, from: Explored): number {
  return to.bytes <= from.bytes ? Number.NEGATIVE_INFINITY : 1 / pricePerByte(to, from);
}
