import type { ECharts, EChartsCoreOption } from 'echarts/core';

/** Size in pixels of the coordinate system; the page scales the picture to its column. */
export interface ChartSize {
  readonly width: number;
  readonly height: number;
}

/** Draws an option as the inside of an `<svg>` element: no scripts, no style sheet, no identifiers of the library. */
export type DrawChart = (option: EChartsCoreOption, size: ChartSize, prefix: string) => string;

let drawing: Promise<DrawChart> | undefined;

/** Loads the chart library when the first report is written; most commands never need it. */
export function loadCharts(): Promise<DrawChart> {
  drawing ??= load();
  return drawing;
}

async function load(): Promise<DrawChart> {
  const [core, charts, components, renderers] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  core.use([charts.BarChart, charts.LineChart, charts.ScatterChart, components.GridComponent, renderers.SVGRenderer]);
  return (option, size, prefix) => {
    const chart: ECharts = core.init(null, null, { renderer: 'svg', ssr: true, ...size });
    try {
      chart.setOption({ animation: false, backgroundColor: 'transparent', ...option });
      return innerMarkup(chart.renderToSVGString(), prefix);
    } finally {
      chart.dispose();
    }
  };
}

/**
 * The library numbers identifiers per process and adds rules for a pointer; without them the same summary gives the same
 * bytes, and several charts can share a page. Only attributes are changed, never texts: their quotes are escaped.
 */
function innerMarkup(svg: string, prefix: string): string {
  return svg
    .slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>'))
    .replace(/<style\s*>.*?<\/style>/gs, '')
    .replace(/ (?:class="zr[^"]*"|pointer-events="[^"]*"|ecmeta_\w+="[^"]*")/g, '')
    .replace(/="([^"]*)"/g, (_, value: string) => `="${attribute(value, prefix)}"`)
    .trim();
}

function attribute(value: string, prefix: string): string {
  return value
    .replace('font-family:sans-serif;', '')
    .replace(/\bzr\d+-/, `${prefix}-`)
    .replace(/(\d\.\d{2})\d+/g, '$1');
}
