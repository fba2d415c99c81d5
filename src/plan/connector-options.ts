// The options of a connector that a plan may not set: which rows arrive, in which order and in what form hangs on them.

interface Refusal {
  readonly options: RegExp;
  /** Stands after `cannot be set: `. */
  readonly reason: string;
}

// Names as Kafka Connect and Debezium have them; the first that matches gives the reason.
const REFUSALS: readonly Refusal[] = [
  { options: /^(name|connector\.class|tasks\.max)$/, reason: 'the run names its connector, which has one task' },
  {
    options: /^database\.(hostname|port|user|password|dbname|names|server\.id|server\.name)$/,
    reason: 'it comes from source.url, and stream.debezium.source says what differs for the connector',
  },
  {
    options: /^snapshot\./,
    reason: 'the run copies the rows itself, and the connector has to begin where the copy ends',
  },
  {
    options: /^(topic|transforms|predicates|transaction|message\.key|record\.processing)(\.|$)/,
    reason: 'the run reads all changes from one topic, in the order and with the transactions of the source',
  },
  { options: /^provide\.transaction\.metadata/, reason: 'without it nobody could tell where a transaction ends' },
  {
    options:
      /^(table|column|database|schema|collection)\.(include|exclude|whitelist|blacklist|mask|truncate|propagate)/,
    reason: 'tables.include and tables.exclude say what moves, and every column has to come as it is',
  },
  {
    options: /^(skipped\.operations|tombstones\.on\.delete|gtid\.source\.|binlog\.|event\.|inconsistent\.)/,
    reason: 'it could leave changes out without a word',
  },
  {
    options: /^(errors\.(tolerance|deadletter)|producer\.override\.(acks|enable\.idem|max\.in\.flight|transactional))/,
    reason: 'a change could be lost or overtaken on its way into the topic',
  },
  {
    options: /^producer\.override\.(compression|max\.request\.size|buffer\.memory)/,
    reason: 'the run sets what it can read, up to the largest message that a broker takes',
  },
  {
    options: /^producer\.override\.bootstrap\.servers$/,
    reason: 'the run reads from the cluster of stream.debezium.brokers',
  },
  {
    options: /(\.handling\.mode|^time\.precision\.mode|\.adjustment\.mode)$/,
    reason: 'it changes how values are written, and some could not be read as what they were',
  },
  {
    options: /^(key|value|header)\.converter(\.|$)/,
    reason: 'the run reads JSON; stream.debezium.converter says whether with schemas',
  },
  {
    options:
      /^(converters|post\.processors|include\.|unavailable\.value|extended\.headers|sourceinfo\.|source\.struct|custom\.|internal\.)/,
    reason: 'the run relies on the form of the messages',
  },
  {
    options: /^(driver\.|database\.initial\.statements|enable\.time\.adjuster)/,
    reason: 'it can change how the source writes its values',
  },
  {
    options:
      /^(slot\.(name|drop)|publication\.|plugin\.name|replica\.identity|lsn\.|flush\.lsn|xmin\.|offset\.mismatch)/,
    reason: 'the run makes the slot and the publication itself, and says when the log may be discarded',
  },
  { options: /^schema\.history\./, reason: 'the connector reads the schema anew at each start' },
  {
    options: /^(heartbeat\.|signal\.|notification\.|incremental\.|read\.only)/,
    reason: 'the run sets it or does without',
  },
  {
    options: /^(exactly\.once\.support|offsets\.storage\.topic|transaction\.boundary)/,
    reason: 'the run switches exactly-once on where the worker allows it',
  },
];

/** What is wrong with setting an option; undefined when a plan may set it. */
export function optionFault(name: string): string | undefined {
  const key = name.trim().toLowerCase();
  if (key !== name) return 'is not the name of an option: it must be lower case without blanks';
  const reason = REFUSALS.find(({ options }) => options.test(key))?.reason;
  return reason === undefined ? undefined : `cannot be set: ${reason}`;
}
