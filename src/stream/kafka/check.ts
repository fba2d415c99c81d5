// What has to be so of the brokers before a run begins.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { toMigrateError } from '../../lib/errors.ts';
import type { Finding } from '../../model/finding.ts';
import { finding } from '../finding.ts';
import { withAdmin } from './client.ts';
import { isKafkaError, kafkaErrorType } from './errors.ts';
import { type TopicSpec, topicConfig } from './topic.ts';

export interface BrokersCheck {
  readonly findings: readonly Finding[];
  /** Undefined when no broker could be asked. */
  readonly clusterId: string | undefined;
}

/** Makes nothing: the brokers say whether they would make the topic. */
export async function checkBrokers(kafka: Kafka, topic: TopicSpec): Promise<BrokersCheck> {
  try {
    return await withAdmin(kafka, 'asking the brokers', async (admin) => {
      const { clusterId, brokers } = await admin.describeCluster();
      const findings = [
        await topicFinding(admin, topic, brokers.length),
        await groupFinding(admin, topic),
        replicationFinding(topic, brokers.length),
      ];
      return { clusterId, findings: findings.filter((found) => found !== undefined) };
    });
  } catch (error) {
    const { message, fix } = toMigrateError(error);
    return { clusterId: undefined, findings: [finding('error', 'KAFKA', 'stream.debezium.brokers', message, fix)] };
  }
}

async function topicFinding(admin: Admin, spec: TopicSpec, brokers: number): Promise<Finding | undefined> {
  const { name, replicationFactor } = spec;
  if (replicationFactor > brokers) {
    const message = `the topic of the run would have ${replicationFactor} copies, and there ${are(brokers)}`;
    const cure = `stream: { debezium: { replicationFactor: ${brokers} } }  # in the plan`;
    return finding('error', 'KAFKA_TOPIC', 'stream.debezium.replicationFactor', message, cure);
  }
  try {
    await admin.createTopics({ topics: [topicConfig(spec)], validateOnly: true, waitForLeaders: false });
    return undefined;
  } catch (error) {
    const type = kafkaErrorType(error);
    if (type === 'TOPIC_ALREADY_EXISTS') return undefined;
    const message = `the brokers would not make topic ${name}: ${type ?? toMigrateError(error).message}`;
    return finding('error', 'KAFKA_TOPIC', name, message, type?.endsWith('_AUTHORIZATION_FAILED') ? RIGHTS : undefined);
  }
}

const RIGHTS =
  'kafka-acls --add --allow-principal User:… --resource-pattern-type prefixed --topic migrate- ' +
  '--operation Create --operation Delete --operation Describe --operation DescribeConfigs --operation Read';
const GROUP_RIGHTS =
  'kafka-acls --add --allow-principal User:… --resource-pattern-type prefixed --group migrate- ' +
  '--operation Read --operation Delete';

const COORDINATOR_PAUSES_MS = [200, 500, 1_000, 2_000];

async function groupFinding(admin: Admin, { name }: TopicSpec): Promise<Finding | undefined> {
  try {
    await askGroup(admin, `${name}.check`);
    return undefined;
  } catch (error) {
    // The library does not always pass on why.
    const refused =
      kafkaErrorType(error) === 'GROUP_AUTHORIZATION_FAILED' || isKafkaError(error, 'KafkaJSGroupCoordinatorNotFound');
    if (!refused) throw error;
    const message = 'the brokers do not let the run have a consumer group of its own: most often a right is missing';
    return finding('error', 'KAFKA_GROUP', `${name}.check`, message, GROUP_RIGHTS);
  }
}

/** Brokers that have just come up do not know at once which of them looks after a group. */
async function askGroup(admin: Admin, groupId: string): Promise<void> {
  for (const pauseMs of COORDINATOR_PAUSES_MS) {
    try {
      await admin.fetchOffsets({ groupId, topics: [] });
      return;
    } catch (error) {
      if (!/COORDINATOR|LOAD_IN_PROGRESS/.test(kafkaErrorType(error) ?? '')) throw error;
      await sleep(pauseMs);
    }
  }
  await admin.fetchOffsets({ groupId, topics: [] });
}

function replicationFinding({ replicationFactor }: TopicSpec, brokers: number): Finding | undefined {
  if (replicationFactor > 1 || brokers === 1) return undefined;
  const message = `the topic of the run would be on one of ${brokers} brokers: while it is down nothing is read, and with its disk the run is lost`;
  const cure = `stream: { debezium: { replicationFactor: ${Math.min(brokers, 3)} } }  # in the plan`;
  return finding('warning', 'KAFKA_REPLICATION', 'stream.debezium.replicationFactor', message, cure);
}

function are(brokers: number): string {
  return brokers === 1 ? 'is one broker' : `are ${brokers} brokers`;
}
