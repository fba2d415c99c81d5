// A disk of a few megabytes, to be filled: a file system in memory, mounted for one test.

import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SmallDisk {
  readonly directory: string;
  /** Makes it as large as what is on it and this much more. */
  leaveFree(megabytes: number): Promise<void>;
  /** After everything that has a file open on it has ended. */
  close(): Promise<void>;
}

/** Needs root on Linux; rejects elsewhere. */
export async function openSmallDisk(megabytes: number): Promise<SmallDisk> {
  const directory = await mkdtemp(join(tmpdir(), 'migrate-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
    await chmod(directory, 0o755);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw new Error('no small disk can be made here: root on Linux is needed', { cause: error });
  }
  return {
    directory,
    leaveFree: async (free) => {
      const { blocks, bfree, bsize } = await statfs(directory);
      const size = (blocks - bfree) * bsize + free * 1024 * 1024;
      await run('mount', ['-o', `remount,size=${size}`, directory]);
    },
    close: async () => {
      await run('umount', [directory]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
