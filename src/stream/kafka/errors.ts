// What kafkajs throws, as errors of ours. Nothing of a message's content is in them.

import { MigrateError, toMigrateError } from '../../lib/errors.ts';

interface Thrown {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly retriable?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  /** Of those that stand for several. */
  readonly errors?: unknown;
}

/** The error itself with those that it wraps, outermost first. */
function chain(thrown: unknown): readonly Thrown[] {
  const found: Thrown[] = [];
  let next = thrown;
  while (typeof next === 'object' && next !== null && found.length < 10) {
    const error: Thrown = next;
    found.push(error);
    next = error.cause ?? (Array.isArray(error.errors) ? error.errors[0] : undefined);
  }
  return found;
}

/** Kafka's own name of what went wrong, such as TOPIC_AUTHORIZATION_FAILED; undefined for anything else. */
export function kafkaErrorType(thrown: unknown): string | undefined {
  return chain(thrown)
    .map(({ type }) => type)
    .find((type): type is string => typeof type === 'string');
}

/** True for an error of the library's class of that name. */
export function isKafkaError(thrown: unknown, name: string): boolean {
  return chain(thrown).some((error) => error.name === name);
}

const REFUSED =
  /_AUTHORIZATION_FAILED$|^(POLICY_VIOLATION|SECURITY_DISABLED|TOPIC_DELETION_DISABLED|GROUP_MAX_SIZE_REACHED|INVALID_)/;
const LOGIN = /^(SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE)$/;
const TLS = /certificate|self.signed|EPROTO|SSL routines|altnames|ERR_TLS/i;

/** KAFKA.* for what a broker or the way to it did, INTERNAL.BUG for the rest. `doing`: `making topic x`. */
export function kafkaError(thrown: unknown, doing: string): MigrateError {
  if (thrown instanceof MigrateError) return thrown;
  const errors = chain(thrown);
  if (!errors.some(({ name }) => typeof name === 'string' && name.startsWith('KafkaJS'))) return toMigrateError(thrown);
  const type = kafkaErrorType(thrown);
  const text = String(errors.at(-1)?.message ?? '');
  const message = `${doing}: ${type === undefined ? text : `${type} (${text})`}`;
  const login = isKafkaError(thrown, 'KafkaJSSASLAuthenticationError') || LOGIN.test(type ?? '');
  if (login) return new MigrateError('KAFKA.AUTHENTICATION', message, { cause: thrown });
  if (TLS.test(text)) {
    const fix = 'Correct stream.debezium.ssl: whether the brokers speak TLS, and which authority vouches for them.';
    return new MigrateError('KAFKA.AUTHENTICATION', message, { cause: thrown, fix });
  }
  if (type !== undefined && REFUSED.test(type)) return new MigrateError('KAFKA.REFUSED', message, { cause: thrown });
  return new MigrateError('KAFKA.UNREACHABLE', message, { cause: thrown });
}
