/** The memory columns of CompAct's paper: published figures, and their derivation by dry runs. */
export { derive, ownPlan, ownRows, paperPlan } from './derive.js';
export { pretraining, table2, table3 } from './published.js';
export { type PaperRow, table2Rows, table3Rows } from './rows.js';
export { table4Rows } from './table4.js';
