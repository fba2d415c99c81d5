// The leading plan, MySQL to Oracle, with its changes through Debezium and Kafka: preflight to cutover under live clients. What
// arrived is read from PostgreSQL below the stand-in.

import { test } from 'vitest';
import { Closer } from '../../../src/lib/closer.ts';
import { sharedKafka } from '../../fleet/kafka-shared.ts';
import { startMysql } from '../../fleet/mysql.ts';
import { startGround, startOracle } from '../../fleet/oracle.ts';
import { Crossing, rootUrl } from '../mysql/crossing.ts';

test('mysql to oracle: everything is on the target, equal at the switch, and the clients have followed', async () => {
  const closer = new Closer();
  try {
    const [mysql, ground] = await Promise.all([startMysql(), startGround()]);
    closer.add(() => mysql.close());
    closer.add(() => ground.close());
    const oracle = await startOracle({ port: ground.port }, { schemas: ['WORK'] });
    closer.add(() => oracle.close());
    const { broker, connect } = sharedKafka();
    const debezium = { brokers: [broker], connect, replicationFactor: 1 };
    const crossing = await Crossing.open({
      source: { kind: 'mysql', url: rootUrl(mysql.port) },
      target: { kind: 'oracle', url: oracle.url, readAt: oracle.below },
      accounts: 30,
      clients: 1,
      plan: {
        stream: { via: 'debezium', debezium },
        apply: { batchRows: 1000, batchWait: '5ms' },
      },
    });
    await crossing.expectComplete(await crossing.run());
  } finally {
    await closer.close();
  }
}, 300_000);
