// What has to be so of Kafka Connect before a run begins.

import { toMigrateError } from '../../lib/errors.ts';
import type { Finding } from '../../model/finding.ts';
import type { ConnectorOptions } from '../../plan/stream.ts';
import { finding } from '../finding.ts';
import { allowedOptions } from './options.ts';
import type { ConnectRest } from './rest.ts';

export interface ConnectSubject {
  readonly rest: ConnectRest;
  /** The connector's, as they would be posted. */
  readonly options: ConnectorOptions;
  readonly name: string;
  /** Of the Kafka cluster that the run reads; undefined when it could not be asked. */
  readonly clusterId: string | undefined;
}

const SUBJECT = 'stream.debezium.connect';

/** Makes nothing. */
export async function checkConnect({ rest, options, name, clusterId }: ConnectSubject): Promise<readonly Finding[]> {
  try {
    const info = await rest.info();
    const found = [...versionFindings(info.version), ...clusterFindings(rest.url, info.clusterId, clusterId)];
    const className = options['connector.class'] ?? '';
    const plugin = (await rest.plugins()).filter((each) => each.className === className).map(({ version }) => version);
    if (plugin.length === 0) {
      const message = `the worker at ${rest.url} has no plugin ${className}`;
      const cure = 'Unpack the connector of Debezium in plugin.path of every worker, and restart them.';
      return [...found, finding('error', 'CONNECT_PLUGIN', className, message, cure)];
    }
    return [
      ...found,
      ...pluginFindings(className, plugin, info.version),
      ...(await optionFindings(rest, options, name)),
    ];
  } catch (error) {
    const { message, fix } = toMigrateError(error);
    return [finding('error', 'CONNECT', SUBJECT, message, fix)];
  }
}

/** `[major, minor]` of `3.6.1.Final`. */
function parts(version: string): readonly [number, number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

function versionFindings(version: string): readonly Finding[] {
  const [major, minor] = parts(version);
  // A connector cannot be made stopped before.
  if (major > 3 || (major === 3 && minor >= 7)) return [];
  const message = `Kafka Connect is of version ${version}, and the run needs 3.7 or later`;
  return [finding('error', 'CONNECT_VERSION', SUBJECT, message, 'Update Kafka Connect.')];
}

function pluginFindings(className: string, versions: readonly string[], connect: string): readonly Finding[] {
  const oldest = versions.toSorted((a, b) => order(parts(a), parts(b)))[0] ?? '';
  const [major, minor] = parts(oldest);
  const cure = 'Install Debezium 3.5 or later in plugin.path of every worker.';
  if (major < 3) {
    const clash = parts(connect)[0] >= 4 ? `, which does not work with Kafka Connect ${connect}` : '';
    return [finding('error', 'CONNECT_VERSION', className, `the plugin is of version ${oldest}${clash}`, cure)];
  }
  if (major === 3 && minor >= 5) return [];
  const message = `the plugin is of version ${oldest}, with which the run was never tried`;
  return [finding('warning', 'CONNECT_VERSION', className, message, cure)];
}

function order([major, minor]: readonly [number, number], [otherMajor, otherMinor]: readonly [number, number]): number {
  return major - otherMajor || minor - otherMinor;
}

function clusterFindings(url: string, writes: string, reads: string | undefined): readonly Finding[] {
  if (reads === undefined || writes === reads) return [];
  const message = `Kafka Connect at ${url} writes to cluster ${writes}, and stream.debezium.brokers are of cluster ${reads}`;
  const cure = 'Name the brokers of the cluster that Kafka Connect uses.';
  return [finding('error', 'CONNECT_CLUSTER', SUBJECT, message, cure)];
}

async function optionFindings(rest: ConnectRest, wanted: ConnectorOptions, name: string): Promise<readonly Finding[]> {
  const { exactlyOnce, overrides, faults } = await allowedOptions(rest, wanted, name);
  const found = faults.map(({ option, message }) =>
    finding(
      'error',
      'CONNECT_CONFIG',
      option,
      message,
      'Correct stream.debezium.source, its rights or connectorOptions.',
    ),
  );
  if (!exactlyOnce) {
    const message =
      'the workers do not write each change exactly once: after a crash of one, some come again, and the run drops them';
    const cure = 'exactly.once.source.support=enabled  # on every worker; not needed';
    found.push(finding('warning', 'CONNECT_EXACTLY_ONCE', SUBJECT, message, cure));
  }
  if (!overrides) {
    const message =
      "the workers let no connector have producer settings of its own: with Kafka's default, a change of more than 1 MB stops " +
      'the run, and the topic must be written without compression or with gzip';
    const cure = 'connector.client.config.override.policy=All  # on every worker';
    found.push(finding('warning', 'CONNECT_OVERRIDES', SUBJECT, message, cure));
  }
  return found;
}
