import type { Form } from '../../keep/index.js';
import type { MemoryPlan } from '../../plan/index.js';

/** Forms that give back what was there, bit for bit. */
const exactForms: ReadonlySet<Form> = new Set(['exact', 'alias', 'replay', 'replay-gemm', 'offload', 'offload-part']);

/**
 * What decides the weights that a plan ends with. Plans with the same value differ in what they keep alone: they should train to
 * the same bits, which a study checks before it believes it.
 */
export function trainingOf({ methods: _, slots, loss, update, offloadFraction, ...rest }: MemoryPlan): string {
  const approximate = slots
    .filter(({ form }) => !exactForms.has(form))
    .map(({ match, form }) => ({ match, form: form === 'late-sketch' ? 'sketch' : form }));
  return JSON.stringify({ ...rest, slots: approximate });
}
