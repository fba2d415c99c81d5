// The double as a process of its own, for whoever measures a client: it takes every row without looking at it. Says its url.

import type { Answer, Statement } from './oracle-double/backend.ts';
import { OracleDouble } from './oracle-double/double.ts';

const double = await OracleDouble.open({ keepsRows: false, execute: taken });
process.send?.(double.url);
process.on('disconnect', () => process.exit());

/** Of queries the lease is held, and the pass is known. */
function taken({ sql, rows }: Statement): Answer {
  if (/^SELECT/.test(sql)) return { columns: ['ANSWER'], rows: [['1']] };
  if (/^(?:LOCK|ALTER|SAVEPOINT)/.test(sql)) return { counts: [0] };
  return { counts: rows.map(() => 1) };
}
