// Removes what earlier processes left behind when they were killed: servers that still run, and their folders.

import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FOLDER_PREFIX } from './embedded.ts';

/** Looks only at folders of ours whose maker no longer lives. Returns the folders removed. */
export async function removeOrphans(parent = tmpdir()): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const name of await readdir(parent)) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    const folder = join(parent, name);
    const maker = Number(await readFile(join(folder, 'owner'), 'utf8').catch(() => Number.NaN));
    // No owner file: it is being made at this moment, or it is not ours to judge.
    if (!Number.isInteger(maker) || maker <= 0 || isAlive(maker)) continue;
    const { uid } = await lstat(join(folder, 'owner'));
    if (process.getuid !== undefined && uid !== process.getuid()) continue;
    await stopServer(join(folder, 'data'));
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    removed.push(folder);
  }
  return removed;
}

/** Ends the server of a data folder, if the process that its lock file names is still that server. */
async function stopServer(dataDirectory: string): Promise<void> {
  const [line] = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(line);
  if (!Number.isInteger(pid) || pid <= 0 || !(await runsOn(pid, dataDirectory))) return;
  process.kill(pid, 'SIGQUIT');
  for (let polls = 0; isAlive(pid) && polls < 200; polls++) await sleep(50);
}

/** Process ids are used again: only a server started on this very folder is ended. */
async function runsOn(pid: number, dataDirectory: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  // Without /proc the folder itself is the proof: a living server keeps its lock file there.
  return command === undefined ? process.platform === 'darwin' : command.split('\0').includes(dataDirectory);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
