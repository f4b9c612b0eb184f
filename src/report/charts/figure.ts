import { type Html, html, raw } from '../html/markup.js';
import { type ChartSize, loadCharts } from './echarts.js';

type Option = Parameters<Awaited<ReturnType<typeof loadCharts>>>[0];

/** Each chart is drawn twice, for a wide and for a narrow page: scaled down to a phone, text would be unreadable. */
export type Layout = 'wide' | 'narrow';

const widths: { readonly [L in Layout]: number } = { wide: 880, narrow: 360 };

export interface Figure {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What can be seen, for those who do not see it. */
  readonly description: string;
  readonly height: { readonly [L in Layout]: number };
  option(layout: Layout, size: ChartSize): Option;
  readonly legend?: Html;
  readonly note?: string;
}

/** A captioned chart. */
export async function renderFigure(figure: Figure): Promise<Html> {
  const { id, title, description, legend, note } = figure;
  const draw = await loadCharts();
  const picture = (layout: Layout) => {
    const size = { width: widths[layout], height: figure.height[layout] };
    const content = raw(draw(figure.option(layout, size), size, `${id}-${layout}`));
    return html`<svg class="chart ${layout}" viewBox="0 0 ${size.width} ${size.height}" role="img"
      aria-label="${title}" aria-describedby="${id}-${layout}-desc"><desc id="${id}-${layout}-desc">${description}</desc>${content}</svg>`;
  };
  return html`<figure id="${id}">
    <figcaption>${title}</figcaption>
    ${legend}
    ${picture('wide')}
    ${picture('narrow')}
    ${note && html`<p class="note">${note}</p>`}
  </figure>`;
}
