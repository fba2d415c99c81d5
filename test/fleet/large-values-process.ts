// A process that copies two rows with large values to the double of Oracle, as the reader of MySQL hands them on. Says how many
// megabytes of memory that took.

import { Readable } from 'node:stream';
import { conversionOfForm, formHandling } from '../../src/convert/forms.ts';
import { EMPTY_IS_NULL } from '../../src/databases/conversion.ts';
import { CopyLines } from '../../src/databases/mysql/copy-lines.ts';
import { makerOf, takeRow } from '../../src/databases/mysql/row-packets.ts';
import { readingOf } from '../../src/databases/mysql/values.ts';
import { OracleServer } from '../../src/databases/oracle/connection.ts';
import { OracleLoader } from '../../src/databases/oracle/load.ts';
import { LockWaits } from '../../src/databases/oracle/write/lock-waits.ts';
import type { Position } from '../../src/model/position.ts';
import type { Column } from '../../src/model/table.ts';
import { CLAIM } from '../contract/oracle-double-fixture.ts';
import { LARGE, largeBytes, largeConversion, largeText } from './large-values.ts';
import { peakMegabytes } from './memory.ts';

const [, , url = '', size = ''] = process.argv;
const NULL = Buffer.of(0xfb);
const CHUNK = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };
const MAKERS = (['int plain', 'longblob bytes', 'longtext plain'] as const).map((one) => {
  const [type = '', form = ''] = one.split(' ');
  const column: Column = { name: form, type, castType: '', handling: [...formHandling(form), EMPTY_IS_NULL] };
  return makerOf(column.name, readingOf(column), conversionOfForm(column));
});

const server = new OracleServer('target', url, CLAIM.run);
const waits = new LockWaits({ server, lookMs: 3_600_000 });
const loader = new OracleLoader({
  server,
  claim: CLAIM,
  conversionOf: largeConversion,
  networkTimeoutMs: 120_000,
  waits,
});
const before = await peakMegabytes(process.pid);
const bytes = Readable.from(blocks(Number(size)));
await loader.load(LARGE, CHUNK, '5' as Position, { format: 'text', bytes, rows: () => 2 });
process.send?.((await peakMegabytes(process.pid)) - before, () => process.exit());

async function* blocks(length: number): AsyncGenerator<Buffer> {
  yield* linesOf(() => [Buffer.from('1'), largeBytes(length), null]);
  yield* linesOf(() => [Buffer.from('2'), null, largeText(length)]);
}

function linesOf(row: () => readonly (Buffer | null)[]): readonly Buffer[] {
  const found: Buffer[] = [];
  const lines = new CopyLines((block) => found.push(block));
  takeRow(MAKERS, lines, Buffer.concat(row().flatMap(sent)), 0);
  lines.flush();
  return found;
}

/** As the server sends it. */
function sent(value: Buffer | null): readonly Buffer[] {
  if (value === null) return [NULL];
  const head = Buffer.alloc(9, 0xfe);
  head.writeBigUInt64LE(BigInt(value.length), 1);
  return [head, value];
}
