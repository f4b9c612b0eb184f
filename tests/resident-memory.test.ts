import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { presets } from '../src/models/index.js';
import { resetResidentPeak, residentBytes, residentPeak, Trainer } from '../src/train/index.js';
import { nativeMissing, runAll, tinyData, tinySettings } from './support/training.js';

const skipped =
  nativeMissing ?? (existsSync('/proc/self/clear_refs') ? undefined : 'only Linux tells the peak of resident memory');

describe.skipIf(skipped)(`the system's account of the process${skipped ? ` (skipped: ${skipped})` : ''}`, () => {
  it('agrees with the ledger within 10 % for a run of more than 500 MB', async () => {
    // All roles are there in size: weights, moments, gradients, full logits, saved activations.
    const config = presets['llama-20m'];
    const settings = tinySettings({ config, methods: 'full', batch: 5, sequenceLength: 128, steps: 2 });
    const base = residentBytes();
    resetResidentPeak();
    await using trainer = await Trainer.open({ settings, data: tinyData(settings), engine: 'native', threads: 2 });
    await runAll(trainer);
    const resident = residentPeak() - base;
    const { peak } = trainer.engine.ledger.read();
    expect(peak).toBeGreaterThan(500e6);
    expect(resident / peak, `${resident} resident, ${peak} by the ledger`).toBeGreaterThan(0.9);
    expect(resident / peak, `${resident} resident, ${peak} by the ledger`).toBeLessThan(1.1);
  });
});
