// Plan section `stream`: how changes made during the copy reach the target.

import { z } from 'zod';
import { optionFault } from './connector-options.ts';
import { count } from './units.ts';

const broker = z
  .string()
  .regex(/^[^\s:/,@[\]]+:\d{1,5}$/, { error: 'must be host:port, the host a name or an IPv4 address' });

const SSL = 'must be true, false or a section with `ca`';

const sslSchema = z
  .union([z.boolean(), z.strictObject({ ca: z.string().min(1) })], { error: SSL })
  .optional()
  .describe(
    'TLS to the brokers: false, true, or `{ ca: file }` with certificates of authorities in PEM that vouch for them. Their ' +
      'names are verified. Default: false when every broker is on a loopback address, else true.',
  );

const saslSchema = z
  .strictObject({
    mechanism: z
      .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
      .describe("Kafka's SASL mechanism. `plain` sends the password: only with TLS."),
    username: z.string().min(1).describe('The user of the brokers.'),
    password: z.string().describe('Its password. Keep it out of the file, with a reference to a variable or file.'),
  })
  .optional()
  .describe('How the runner logs in to the brokers. Without it: not at all.');

const sourceSchema = z
  .strictObject({
    host: z.string().min(1).optional().describe('Default: the host of source.url.'),
    port: z.int().min(1).max(65_535).optional().describe('Default: the port of source.url.'),
    user: z.string().min(1).optional().describe('Default: the user of source.url.'),
    password: z.string().optional().describe('Default: the password of source.url.'),
  })
  .prefault({})
  .describe('How the connector reaches the source, where that differs from source.url.');

const optionsSchema = z
  .record(z.string(), z.union([z.string(), z.int(), z.boolean()], { error: 'must be text, a number or true or false' }))
  .prefault({})
  .superRefine(
    (options, context) => {
      for (const name of Object.keys(options)) {
        const message = optionFault(name);
        if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message });
      }
    },
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  )
  .transform((options) =>
    Object.fromEntries(Object.entries(options).map(([name, value]): [string, string] => [name, String(value)])),
  );

function isConnectUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash } = new URL(text);
  // An unencoded `/`, `?` or `#` in a password moves the rest of it, with the `@`, behind the host.
  return /^https?:$/.test(protocol) && search === '' && hash === '' && !pathname.includes('@');
}

const debeziumSchema = z
  .strictObject({
    brokers: z.array(broker).min(1).describe('Brokers of the Kafka cluster to begin with, each as host:port.'),
    ssl: sslSchema,
    sasl: saslSchema,
    connect: z
      .string()
      .refine(isConnectUrl, {
        error: 'must be http://host:port or https://user:password@host:port, with special characters percent-encoded',
      })
      .describe(
        'The REST interface of Kafka Connect, https://user:password@host:port; a worker of that cluster must have the plugin ' +
          'of Debezium for the source. Authorities of your own that vouch for it: NODE_EXTRA_CA_CERTS.',
      ),
    replicationFactor: count({
      about: "Copies of the run's topic, each on another broker.",
      default: 3,
      min: 1,
      max: 32,
    }),
    converter: z
      .enum(['json', 'jsonWithSchemas'])
      .prefault('json')
      .describe(
        'The form of the messages. `jsonWithSchemas` is for others who read the topic and need it: it is several times as large.',
      ),
    source: sourceSchema,
    connectorOptions: optionsSchema.describe(
      "More options of the connector, such as `max.queue.size`, or `database.ssl.truststore` for the connector's way to the " +
        'source. What the run relies on cannot be set.',
    ),
  })
  .optional()
  .describe('Where Kafka and Kafka Connect are. Required with `via: debezium`, and only there.');

export const streamSchema = z
  .strictObject({
    via: z
      .enum(['native', 'debezium'])
      .prefault('native')
      .describe(
        "`native` reads the source's own log. `debezium` has a connector of Debezium read it into a topic of Kafka, with the " +
          'same result. Cannot change once the run has begun.',
      ),
    debezium: debeziumSchema,
  })
  .prefault({})
  .superRefine(({ via, debezium }, context) => {
    const wrong = (message: string): void => context.addIssue({ code: 'custom', path: ['debezium'], message });
    if (via === 'debezium' && debezium === undefined) {
      wrong('is missing; via: debezium needs at least `brokers` and `connect`');
    }
    if (via === 'native' && debezium !== undefined) wrong('is only for via: debezium');
  })
  .describe('How changes made during the copy reach the target.');

/** Options of a connector by name, as text. */
export type ConnectorOptions = Readonly<Record<string, string>>;
