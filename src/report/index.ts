/**
 * @module report
 * What came out of a run: summaries as checked data, tables for the terminal, self-contained HTML pages with charts.
 */

export { type StudyChart, type StudyPoint, studyCharts } from './charts/study.js';
export { renderCompareReport } from './compare-report.js';
export { type ComparisonCell, type ComparisonRow, comparisonRows } from './comparison-rows.js';
export {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatFlops,
  formatLoss,
  formatScore,
} from './format.js';
export { compareHeadline, compareSentence, runHeadline } from './headline.js';
export { type RoleStyle, roleStyles, rolesInUse } from './palette.js';
export { renderRunReport } from './run-report.js';
export {
  type CompareSummary,
  type Footprint,
  type LossValue,
  type ModelSummary,
  parseCompareSummary,
  parseRunSummary,
  type RunSettings,
  type RunSummary,
  type ScoreSummary,
} from './summary.js';
export { formatComparisonTable, type TableOptions } from './terminal-table.js';
export {
  metricsFile,
  planFile,
  readCompareSummary,
  readRunSummary,
  reportFile,
  summaryFile,
  writeCompareReport,
  writeRunReport,
  writeRunSummary,
} from './write-report.js';
