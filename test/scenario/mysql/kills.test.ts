// kill -9 at every failpoint, at its first hit, with MySQL on both sides; with MariaDB as the source at those where a source
// has a part. The same command is started again each time. Where STORM_SEED is set it chooses one of the four runs.

import { expect, onTestFinished, test } from 'vitest';
import { FAILPOINTS, type Failpoint, REVEAL_FAILPOINTS } from '../../../src/lib/failpoint.ts';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { expectKilledAtEach } from '../killing.ts';
import { Crossing, type Endpoint, rootUrl } from './crossing.ts';

interface Run {
  readonly from: 'mysql' | 'mariadb';
  readonly to: 'mysql' | 'postgres';
  readonly points: readonly Failpoint[];
}

// Neither has replica identities.
const ALL = FAILPOINTS.filter((point) => !point.startsWith('identity.'));
const TO_MYSQL = ALL.flatMap((point) => (point === 'copy.done' ? [point, ...REVEAL_FAILPOINTS] : [point]));
const OF_A_SOURCE =
  /^(log\..*|chunk\.read|copy\.done|ack\..*|cutover\.(armed|closed|waited|marked|pending|permanent)|cleanup\..*)$/;
const RUNS: readonly Run[] = [
  // Neighbours go into different runs, so that a kill is mostly the first that its stage sees.
  ...[0, 1, 2].map((run): Run => {
    return { from: 'mysql', to: 'mysql', points: TO_MYSQL.filter((_, index) => index % 3 === run) };
  }),
  { from: 'mariadb', to: 'postgres', points: ALL.filter((point) => OF_A_SOURCE.test(point)) },
];
const seed = Number(process.env.STORM_SEED ?? Number.NaN);
const chosen = Number.isInteger(seed) ? RUNS.slice(seed % RUNS.length).slice(0, 1) : RUNS;

// Short, so that the fence of a dead runner opens soon.
const plan = { cutover: { when: 'auto', reverse: 'off', budget: '3s' } };

async function endpoint(kind: Run['from']): Promise<Endpoint> {
  const server: MysqlServer = await (kind === 'mysql' ? startMysql(['--local-infile=ON']) : startMariadb());
  onTestFinished(() => server.close());
  return { kind, url: rootUrl(server.port) };
}

test.each(chosen)(
  'a kill from $from to $to at each of $points loses and doubles nothing',
  async ({ from, to, points }) => {
    expect(points.length).toBeGreaterThan(10);
    const source = await endpoint(from);
    const target = to === 'mysql' ? { target: await endpoint(to) } : {};
    const crossing = await Crossing.open({ source, ...target, plan });
    const isEarly = (point: Failpoint): boolean => TO_MYSQL.indexOf(point) < TO_MYSQL.indexOf('schema.before_complete');
    await expectKilledAtEach(crossing, points.filter(isEarly));
    // The first batches may have no rows.
    await crossing.dieAt('apply.before_checkpoint@8');
    await expectKilledAtEach(
      crossing,
      points.filter((point) => !isEarly(point)),
    );
    await crossing.expectComplete(await crossing.run());
  },
  300_000,
);
