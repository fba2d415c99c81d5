// The topic of a run: one partition, into which a connector writes everything in the order of the source's log.

import type { Admin, Kafka } from 'kafkajs';
import { MigrateError } from '../../lib/errors.ts';
import { withAdmin } from './client.ts';
import { kafkaErrorType } from './errors.ts';

/** The largest message, in bytes: a broker takes no request of more than 100 MiB. */
export const MAX_MESSAGE_BYTES = 100_000_000;

export interface TopicSpec {
  readonly name: string;
  /** Copies, each on another broker. */
  readonly replicationFactor: number;
}

/** The log is removed when the run has ended, and never by time or size. */
export const TOPIC_SETTINGS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'max.message.bytes': String(MAX_MESSAGE_BYTES),
  // What the connector wrote: the reader does not know every compression.
  'compression.type': 'producer',
  // A broker that lags behind must not become the one that is read.
  'unclean.leader.election.enable': 'false',
};

/** As `createTopics` takes it. */
export function topicConfig({ name, replicationFactor }: TopicSpec) {
  const settings = { ...TOPIC_SETTINGS, 'min.insync.replicas': replicationFactor > 2 ? '2' : '1' };
  return {
    topic: name,
    numPartitions: 1,
    replicationFactor,
    configEntries: Object.entries(settings).map(([entry, value]) => ({ name: entry, value })),
  };
}

/** Makes it if it is not there. Rejects with KAFKA.*, also when there is one that a run cannot use. */
export async function makeTopic(kafka: Kafka, spec: TopicSpec): Promise<void> {
  await withAdmin(kafka, `making topic ${spec.name}`, async (admin) => {
    try {
      await admin.createTopics({ topics: [topicConfig(spec)], waitForLeaders: true });
    } catch (error) {
      if (kafkaErrorType(error) !== 'TOPIC_ALREADY_EXISTS') throw error;
    }
    await checkTopic(admin, spec.name);
  });
}

async function checkTopic(admin: Admin, name: string): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
  const partitions = topics.find((topic) => topic.name === name)?.partitions.length ?? 0;
  if (partitions !== 1) {
    const fix = 'Delete the topic, then run the same command again.';
    throw new MigrateError('KAFKA.REFUSED', `topic ${name} has ${partitions} partitions instead of one`, { fix });
  }
}

/** Removes it if it is there. */
export async function dropTopic(kafka: Kafka, name: string): Promise<void> {
  await withAdmin(kafka, `deleting topic ${name}`, async (admin) => {
    try {
      await admin.deleteTopics({ topics: [name] });
    } catch (error) {
      if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    }
  });
}

/** Removes the consumer group of a run if it is there; one that somebody uses stays. */
export async function dropGroups(kafka: Kafka, prefix: string): Promise<void> {
  await withAdmin(kafka, `deleting the groups of ${prefix}`, async (admin) => {
    const { groups } = await admin.listGroups();
    const ours = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(`${prefix}.`));
    // Nothing is lost with one that stays: it ends by itself when nobody has used it for a while.
    if (ours.length > 0) await admin.deleteGroups(ours).catch(() => undefined);
  });
}
