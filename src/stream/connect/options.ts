// The options of a run's connector that do not depend on the source's kind, and those that the Connect cluster allows.

import type { ConnectorOptions } from '../../plan/stream.ts';
import type { DebeziumPlan } from '../kafka/client.ts';
import { MAX_MESSAGE_BYTES } from '../kafka/topic.ts';
import type { ConnectRest, OptionFault } from './rest.ts';

export interface ConnectorSpec {
  /** The connector's, and the first part of everything it is told to make: `migrate-orders-1a2b3c4d`. */
  readonly name: string;
  readonly className: string;
  /** Those of the source's kind: how to reach it, where to begin, which tables. */
  readonly source: ConnectorOptions;
  readonly plan: Pick<DebeziumPlan, 'converter' | 'connectorOptions'>;
  /** How often the connector writes something although nothing was changed. */
  readonly heartbeatMs: number;
}

const EXACTLY_ONCE = 'exactly.once.support';
const OVERRIDES = 'producer.override.';

/** The topic into which a connector writes everything. */
export function topicOf(name: string): string {
  return `${name}.log`;
}

/** Everything the connector is told, as it would be best. */
export function connectorOptions({ name, className, source, plan, heartbeatMs }: ConnectorSpec): ConnectorOptions {
  return {
    'connector.class': className,
    'tasks.max': '1',
    'topic.prefix': name,
    // Changes, transactions, truncates, messages, DDL and heartbeats in one order: that of the log.
    transforms: 'route',
    'transforms.route.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.route.regex': '.*',
    'transforms.route.replacement': topicOf(name),
    'provide.transaction.metadata': 'true',
    'tombstones.on.delete': 'false',
    'skipped.operations': 'none',
    'extended.headers.enabled': 'false',
    'time.precision.mode': 'microseconds',
    'decimal.handling.mode': 'string',
    'binary.handling.mode': 'base64',
    'heartbeat.interval.ms': String(heartbeatMs),
    ...converters(plan),
    // Much at a time, but no more than a small worker can hold.
    'poll.interval.ms': '10',
    'max.batch.size': '8192',
    'max.queue.size': '32768',
    'max.queue.size.in.bytes': '67108864',
    [`${OVERRIDES}linger.ms`]: '20',
    [`${OVERRIDES}batch.size`]: '524288',
    [`${OVERRIDES}compression.type`]: 'gzip',
    [`${OVERRIDES}max.request.size`]: String(MAX_MESSAGE_BYTES),
    [`${OVERRIDES}buffer.memory`]: String(MAX_MESSAGE_BYTES + (1 << 25)),
    [EXACTLY_ONCE]: 'required',
    ...source,
    ...plan.connectorOptions,
  };
}

function converters({ converter }: ConnectorSpec['plan']): ConnectorOptions {
  const schemas = String(converter === 'jsonWithSchemas');
  return Object.fromEntries(
    ['key', 'value'].flatMap((part) => [
      [`${part}.converter`, 'org.apache.kafka.connect.json.JsonConverter'],
      [`${part}.converter.schemas.enable`, schemas],
    ]),
  );
}

export interface AllowedOptions {
  readonly options: ConnectorOptions;
  /** True when the workers write each change exactly once. */
  readonly exactlyOnce: boolean;
  /** True when the connector may have producer settings of its own. */
  readonly overrides: boolean;
  /** What else the connector has against them; its database is only tried when there is nothing. */
  readonly faults: readonly OptionFault[];
}

/** Leaves out what the Connect cluster does not allow and the run can do without. */
export async function allowedOptions(
  rest: ConnectRest,
  wanted: ConnectorOptions,
  name: string,
): Promise<AllowedOptions> {
  const ask = (options: ConnectorOptions) => rest.validate(options['connector.class'] ?? '', { ...options, name });
  let options = wanted;
  let faults = await ask(options);
  const optional = (option: string): boolean => option === EXACTLY_ONCE || option.startsWith(OVERRIDES);
  if (faults.some(({ option }) => optional(option))) {
    const refused = new Set(faults.map(({ option }) => option).filter(optional));
    options = Object.fromEntries(Object.entries(wanted).filter(([option]) => !refused.has(option)));
    faults = await ask(options);
  }
  return {
    options,
    exactlyOnce: EXACTLY_ONCE in options,
    overrides: `${OVERRIDES}max.request.size` in options,
    faults,
  };
}
