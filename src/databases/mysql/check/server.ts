// Checks of a server as a whole that hold for both sides.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import type { MysqlSession } from '../connection.ts';
import { isOn, type ServerFacts, setGlobal } from './facts.ts';

const OLDEST = { mysql: 80_019, mariadb: 100_600 };
/** Any release of these series. */
const NEWEST_TESTED = { mysql: 90_799, mariadb: 101_199 };

export function checkVersion({ isMariadb, version, product }: ServerFacts): readonly Finding[] {
  const kind = isMariadb ? 'mariadb' : 'mysql';
  if (version < OLDEST[kind]) {
    return [
      errorFinding({
        code: 'VERSION',
        subject: product,
        message: `${isMariadb ? 'MariaDB 10.6' : 'MySQL 8.0.19'} is the oldest version that is supported`,
      }),
    ];
  }
  if (version <= NEWEST_TESTED[kind]) return [];
  return [
    warningFinding({
      code: 'VERSION',
      subject: product,
      message: `this program was tested with MySQL 9.7 and MariaDB 10.11`,
    }),
  ];
}

/** The program writes on both sides: the run's journal on the target, the fence and a lease on the source. */
export function checkWritable(facts: ServerFacts): readonly Finding[] {
  // Under the name of before MySQL 8, and of MariaDB.
  const switches = ['super_read_only', 'read_only', 'transaction_read_only', 'tx_read_only'];
  const [name] = switches.filter((setting) => isOn(facts, setting));
  if (name === undefined) return [];
  return [
    errorFinding({
      code: 'READ_ONLY',
      subject: name,
      message: 'the server refuses writes',
      cure: `${setGlobal(facts, name, 'OFF')} -- or name the primary in the url of the plan`,
    }),
  ];
}

/** `needed`: what the run will open on this server. */
export async function checkConnections(
  session: MysqlSession,
  facts: ServerFacts,
  needed: number,
): Promise<readonly Finding[]> {
  const [status] = await session.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
  const all = Number(facts.settings.get('max_connections'));
  const free = all - Number(status?.[1]);
  const each = Number(facts.settings.get('max_user_connections'));
  const findings: Finding[] = [];
  if (free < needed) {
    findings.push(
      warningFinding({
        code: 'CONNECTIONS',
        subject: 'max_connections',
        message: `the run opens up to ${needed} connections, and ${Math.max(0, free)} are free`,
        cure: setGlobal(facts, 'max_connections', String(all + needed - free)),
      }),
    );
  }
  if (each > 0 && each < needed) {
    findings.push(
      warningFinding({
        code: 'CONNECTIONS',
        subject: 'max_user_connections',
        message: `the run opens up to ${needed} connections, and an account may have ${each}`,
        cure: setGlobal(facts, 'max_user_connections', String(needed)),
      }),
    );
  }
  return findings;
}
