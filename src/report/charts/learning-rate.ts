import { runStyles } from '../palette.js';
import { type Point, thin } from '../series.js';
import type { RunSummary } from '../summary.js';
import { roundScale, valueAxis } from './axis.js';
import type { Figure } from './figure.js';

/** Learning rate of each step; nothing where it was not recorded. */
export function learningRateFigure({ learningRates = [], firstStep = 1 }: RunSummary): Figure | undefined {
  if (learningRates.length === 0) return undefined;
  const points = thin(learningRates.map((rate, index): Point => [firstStep + index, rate]));
  const highest = Math.max(...learningRates);
  const [{ color }] = runStyles(1);
  return {
    id: 'learning-rate',
    title: 'Learning rate by step',
    description: `The learning rate rises to ${highest} and ends at ${learningRates.at(-1)}.`,
    height: { wide: 240, narrow: 220 },
    option: (layout) => ({
      grid: { left: 62, right: 18, top: 34, bottom: 46 },
      xAxis: {
        ...valueAxis(roundScale(0, firstStep + learningRates.length - 1, layout === 'wide' ? 10 : 5), (step) =>
          step.toLocaleString('en-US'),
        ),
        name: 'step',
        nameLocation: 'middle',
        nameGap: 30,
        splitLine: { show: false },
      },
      yAxis: {
        ...valueAxis(roundScale(0, highest, 4), (rate) =>
          rate !== 0 && rate < 1e-3 ? rate.toExponential() : `${rate}`,
        ),
        name: 'learning rate',
        nameLocation: 'end',
        nameGap: 14,
        nameTextStyle: { color: 'var(--muted)', fontSize: 12, align: 'left', padding: [0, 0, 0, -54] },
      },
      series: [
        {
          type: 'line',
          data: points,
          showSymbol: points.length === 1,
          itemStyle: { color },
          lineStyle: { color, width: 2 },
          silent: true,
          emphasis: { disabled: true },
        },
      ],
    }),
  };
}
