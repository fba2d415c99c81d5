// A run of the command that follows a source through Debezium for as long as a benchmark wants.

import { readFileSync } from 'node:fs';
import { openWorkspace, runMigrate, startMigrate } from '../../test/fleet/runner.ts';
import type { BenchKafka } from './kafka.ts';

interface FollowerOptions {
  /** Of the run, which is part of the names of its connector and topic. */
  readonly name: string;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly kafka: BenchKafka;
  readonly converter?: 'json' | 'jsonWithSchemas';
  /** Sections of the plan besides. */
  readonly plan: Readonly<Record<string, unknown>>;
}

export interface Follower {
  /** Into which its connector writes everything. */
  readonly topic: string;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Starts a worker; resolves when it has joined. It ends with the run. */
  join(): Promise<void>;
  /** The most memory that the process has had, in MB; 0 where there is no /proc. */
  peakMegabytes(): number;
  close(): Promise<void>;
}

const LIMIT_MS = 3_600_000;
/** It ends with the benchmark, however that ends. */
const JOINED = /joined the run/;
const WITH_THIS = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** Resolves when what was there is copied and compared, and the changes are followed. */
export async function follow(options: FollowerOptions): Promise<Follower> {
  const { name, sourceUrl, targetUrl, kafka, converter = 'json', plan: sections } = options;
  const workspace = await openWorkspace();
  const { broker, connect } = kafka;
  const debezium = { brokers: [broker], connect, replicationFactor: 1, converter };
  const plan = await workspace.writePlan({
    ...{ name, sourceUrl, targetUrl, ...sections },
    cutover: { when: 'never', reverse: 'off' },
    stream: { via: 'debezium', debezium },
  });
  const running = startMigrate(['run', plan, '--json'], { limitMs: LIMIT_MS, prefix: WITH_THIS });
  const workers: (typeof running)[] = [];
  const close = async (): Promise<void> => {
    for (const one of [...workers, running]) {
      one.kill();
      await one.exited;
    }
    await workspace.close();
  };
  const command = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMigrate([...args, plan, '--json']);
    if (code !== 0) throw new Error(`migrate ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };
  try {
    await running.waitFor(/"stage":"cutover".*"stage begins"/, { stream: 'stderr' });
    return {
      topic: await kafka.findTopic(`migrate-${name}-`),
      pause: async () => void (await command('pause')),
      resume: async () => void (await command('resume')),
      join: async () => {
        const worker = startMigrate(['worker', plan, '--json'], { limitMs: LIMIT_MS, prefix: WITH_THIS });
        workers.push(worker);
        await worker.waitFor(JOINED, { stream: 'stderr' });
      },
      peakMegabytes: () => peakMegabytes(running.pid),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The kernel's own high-water mark. */
function peakMegabytes(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
