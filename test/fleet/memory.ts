// A cap on the memory of one process, kept by the kernel: who goes over it is killed, as on a machine that has no more.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';

export interface MemoryCap {
  /** What to put before a command so that it runs, from its first byte on, under the cap. */
  readonly prefix: readonly string[];
  /** After the processes in it have ended. */
  close(): Promise<void>;
}

/** Needs root and a memory control group of either version; rejects where they are missing. */
export async function capMemory(megabytes: number): Promise<MemoryCap> {
  const bytes = String(megabytes * 1024 * 1024);
  const isV1 = existsSync(join(V1, 'memory.limit_in_bytes')) || existsSync(join(V1, 'cgroup.procs'));
  const group = join(isV1 ? V1 : V2, `migrate-test-${randomBytes(4).toString('hex')}`);
  try {
    if (!isV1) await writeFile(join(V2, 'cgroup.subtree_control'), '+memory');
    await mkdir(group);
    await writeFile(join(group, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), bytes);
    // Swap would only make the process slow.
    await writeFile(join(group, isV1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max'), isV1 ? bytes : '0').catch(
      () => undefined,
    );
  } catch (error) {
    throw new Error('the memory of a process cannot be capped here: root and a memory control group are needed', {
      cause: error,
    });
  }
  return {
    prefix: ['/bin/sh', '-c', `echo $$ > ${join(group, 'cgroup.procs')} && exec "$@"`, 'sh'],
    close: () => rmdir(group).catch(() => undefined),
  };
}

/** The most memory the process has held so far, in megabytes. */
export async function peakMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (peak === undefined) throw new Error('the system does not tell the peak of a process');
  return Number(peak) / 1024;
}
