// The part of the catalogue of error codes that is about Kafka and Kafka Connect. Sorted by code.

import { type CodeEntry, entry } from './code-entry.ts';

export const CONNECT_CODES = {
  'CONNECT.AUTHENTICATION': entry(
    2,
    'operator',
    'Kafka Connect refused the user or the password.',
    'Correct the user and password in stream.debezium.connect.',
  ),
  'CONNECT.CHANGED': entry(
    2,
    'operator',
    'Somebody changed, stopped, paused or deleted the connector of the run while it was in use.',
    'Leave the connector alone and run the same command again: it is put back and goes on where it was.',
  ),
  'CONNECT.FAILED': entry(
    2,
    'operator',
    'The connector of the run failed.',
    'The message says what failed; Connect gives the whole story at /connectors/NAME/status. Cure it, then run the same command again.',
  ),
  'CONNECT.REFUSED': entry(
    2,
    'operator',
    'Kafka Connect refused a request.',
    'The message says what it did not accept. Cure it, then run the same command again.',
  ),
  'CONNECT.STUCK': entry(
    2,
    'retry',
    'The connector of the run has no task at work.',
    'See that a worker of Connect is up and has room for a task. The run tries again.',
  ),
  'CONNECT.UNREACHABLE': entry(
    2,
    'retry',
    'Kafka Connect does not answer, or could not do it now.',
    'Check stream.debezium.connect, the network and that a worker is up. A run at work goes on by itself when it is back; else run the same command again.',
  ),
} as const satisfies Record<string, CodeEntry>;

export const KAFKA_CODES = {
  'KAFKA.AUTHENTICATION': entry(
    2,
    'operator',
    'The brokers of Kafka refused the user or the password, or TLS to them failed.',
    'Correct stream.debezium.sasl or stream.debezium.ssl.',
  ),
  'KAFKA.REFUSED': entry(
    2,
    'operator',
    'The brokers of Kafka refused a request.',
    'The message says which. Most often a right is missing: `migrate check` names it.',
  ),
  'KAFKA.UNREACHABLE': entry(
    2,
    'retry',
    'No broker of Kafka answers, or none could do it now.',
    'Check stream.debezium.brokers and ssl, the network and that the brokers are up. A run at work goes on by itself when they are back; else run the same command again.',
  ),
} as const satisfies Record<string, CodeEntry>;
