// A source's log that a connector of Debezium writes to a topic: the source's own pins, snapshots and markers, with the topic
// and the connector between the log and whoever reads it.

import { failpoint } from '../lib/failpoint.ts';
import type { Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import type { Connector, ConnectorOffset } from '../stream/connect/connector.ts';
import type { SourceLog, Start } from './source.ts';

export interface Topic {
  /** Does nothing when it is there. */
  make(): Promise<void>;
  /** With the groups of its readers. Does nothing when it is not there. */
  drop(): Promise<void>;
}

export interface TopicLogOptions {
  /** The source's own. */
  readonly native: SourceLog;
  readonly topic: Topic;
  /** The run's connector for these tables. */
  readonly connector: (tables: readonly Table[]) => Connector;
  /** The tables of the run so far; none before it began. */
  readonly tables: readonly Table[];
  /** Rejects when another runner has taken over. Connector and topic know no lease: it is looked at just before they are removed. */
  readonly prove: () => Promise<void>;
  /** A position at which no transaction is open, in the connector's words. */
  readonly offsetOf: (at: Position) => ConnectorOffset;
}

export class TopicLog implements SourceLog {
  readonly #options: TopicLogOptions;
  /** Those that the connector writes. */
  readonly #tables: Map<TableId, Table>;

  constructor(options: TopicLogOptions) {
    this.#options = options;
    this.#tables = new Map(options.tables.map((table) => [table.id, table]));
  }

  async pin(tables: readonly Table[]): Promise<Start> {
    const { native, topic, connector, prove, offsetOf } = this.#options;
    const made = connector(tables);
    await prove();
    // What a crash left would go on writing, and holds the log that is pinned anew.
    await made.remove();
    await topic.drop();
    const start = await native.pin(tables);
    try {
      await topic.make();
      await failpoint('kafka.topic_made');
      await made.create();
      await failpoint('connector.created');
      await made.setOffset(offsetOf(start.at));
      await failpoint('connector.offsets_set');
      await made.start();
      await failpoint('connector.resumed');
      return await this.#passed(start);
    } catch (error) {
      await start.close();
      throw error;
    }
  }

  async pair(): Promise<Start> {
    const start = await this.#options.native.pair();
    try {
      return await this.#passed(start);
    } catch (error) {
      await start.close();
      throw error;
    }
  }

  mark(content: string): Promise<void> {
    return this.#options.native.mark(content);
  }

  async head(): Promise<Position> {
    const head = await this.#options.native.head();
    await this.mark('');
    return head;
  }

  /**
   * A pair that is made later covers where the connector stands now, and from there on it writes the tables, too. What it wrote
   * of transactions before without them comes again with them, and is dropped.
   */
  async publish(tables: readonly Table[]): Promise<void> {
    const { native, connector, prove } = this.#options;
    await native.publish(tables);
    for (const table of tables) this.#tables.set(table.id, table);
    await prove();
    await connector([...this.#tables.values()]).change();
  }

  async release(): Promise<void> {
    const { native, topic, connector, prove } = this.#options;
    await prove();
    await connector([]).remove();
    await topic.drop();
    await native.release();
  }

  /** Nothing tells where an idle log ends: only a change that comes later shows that the topic is past it. */
  async #passed(start: Start): Promise<Start> {
    await this.mark('');
    return start;
  }
}
