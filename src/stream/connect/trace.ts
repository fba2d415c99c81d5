// Why a connector failed, out of the trace that Connect keeps. A trace may quote rows: of most failures only the names of Java's
// exceptions are told.

import { MigrateError } from '../../lib/errors.ts';
import { MAX_MESSAGE_BYTES } from '../kafka/topic.ts';
import type { OptionFault } from './rest.ts';

/** What was thrown, and by what it was caused, outermost first. */
interface Thrown {
  readonly name: string;
  readonly message: string;
}

const CAUSE = /^(?:Caused by: )?((?:[a-z][\w$]*\.)+[A-Z][\w$]*)(?:: (.*))?$/;

// Quotes nothing but names of servers and users.
const LOGIN = /Access denied for user|password authentication failed|no pg_hba\.conf entry|role "[^"]*" does not exist/;
const GONE =
  /no longer available on the server|Could not find first log file|purged (?:required )?binary logs|can no longer get changes from replication slot/;
// The connector knows the table with another number of columns than a row has. Quotes nothing but the table's name and numbers.
const UNLIKE = /Error processing row in \S+, internal schema size \d+, but row size \d+/;
// A server or network that is away, or goes away: waiting helps.
const AWAY =
  /Communications link failure|Connection refused|connection attempt failed|Connection reset|Connection to .* refused|terminating connection|database system is (?:starting up|shutting down)|(?:unexpected|premature) end of stream|Broken pipe|I\/O error|Failed to connect|Unable to connect|Server shutdown|connection (?:has been|was|is) closed|Lost connection|EOF|timed? ?out/i;
const AWAY_NAMES =
  /\.(?:ConnectException|SocketException|SocketTimeoutException|EOFException|UnknownHostException|CommunicationsException|TimeoutException|NetworkException|DisconnectException|NotEnoughReplicas\w*Exception|NotLeader\w*Exception|ProducerFencedException|InvalidProducerEpochException|CoordinatorNotAvailableException)$/;

function thrownIn(trace: string): readonly Thrown[] {
  return trace.split('\n').flatMap((line) => {
    const [, name, message = ''] = CAUSE.exec(line.trimEnd()) ?? [];
    return name === undefined ? [] : [{ name, message }];
  });
}

/**
 * STREAM.GONE when the source has no longer what the connector needs, STREAM.FORMAT for rows that are not whole; else
 * CONNECT.FAILED, to be tried again where the source or the brokers were away.
 */
export function failureOf(connector: string, trace = ''): MigrateError {
  const thrown = thrownIn(trace);
  const last = thrown.at(-1);
  if (thrown.some(({ message }) => GONE.test(message))) {
    return new MigrateError(
      'STREAM.GONE',
      `connector ${connector} finds the log that it needs no longer on the source`,
    );
  }
  const login = thrown.find(({ message }) => LOGIN.test(message));
  if (login !== undefined) {
    const fix = 'Correct the user and password in stream.debezium.source or source.url.';
    const [words = ''] = LOGIN.exec(login.message) ?? [];
    return new MigrateError('CONNECT.FAILED', `connector ${connector} was refused by the source: ${words}`, { fix });
  }
  const unlike = thrown.find(({ message }) => UNLIKE.test(message));
  if (unlike !== undefined) {
    const [words = ''] = UNLIKE.exec(unlike.message) ?? [];
    return new MigrateError('STREAM.FORMAT', `connector ${connector} cannot read a row: ${words}`, {
      fix: 'A session logs rows in parts (SET GLOBAL binlog_row_image = FULL, and let it reconnect), or the table was altered while the connector stood still: then abort with --drop and start again.',
    });
  }
  if (thrown.some(({ name }) => name.endsWith('RecordTooLargeException'))) {
    return new MigrateError(
      'CONNECT.FAILED',
      `connector ${connector} failed: a change is larger than a message may be`,
      {
        fix: `The topic takes ${MAX_MESSAGE_BYTES / 1_000_000} MB. Up to that: connector.client.config.override.policy=All on every worker (or producer.max.request.size there), and message.max.bytes and replica.fetch.max.bytes of the brokers; then the same command again. A larger change cannot pass: abort with --drop and use stream.via: native.`,
      },
    );
  }
  const away = thrown.some(
    // Connect has a ConnectException for whatever went wrong.
    ({ name, message }) =>
      AWAY.test(message) || (AWAY_NAMES.test(name) && !name.startsWith('org.apache.kafka.connect.')),
  );
  const names = [...new Set(thrown.map(({ name }) => name.replace(/^.*\./, '')))].slice(-3).join(', caused by ');
  const what = names === '' ? 'it gives no reason' : names;
  const message = `connector ${connector} failed: ${what}${last === undefined ? '' : hint(last.name)}`;
  return new MigrateError('CONNECT.FAILED', message, {
    ...(away
      ? { disposition: 'retry' as const, fix: 'See that the connector can reach the source and the brokers.' }
      : {}),
  });
}

/** What a connector has against an option, which may be that its database does not answer. */
export function refusalOf(connector: string, { option, message }: OptionFault): MigrateError {
  const away = option.startsWith('database.') && AWAY.test(message);
  return new MigrateError('CONNECT.REFUSED', `connector ${connector} does not take ${option}: ${message}`, {
    ...(away ? { disposition: 'retry' as const, fix: 'See that the workers of Connect can reach the source.' } : {}),
  });
}

function hint(name: string): string {
  if (name.endsWith('AuthorizationException'))
    return ': its user of Kafka has no right to write to the topic of the run';
  return '';
}
