// Seconds of CPU: on a machine that is shared they say more than the clock does.

import { readdirSync, readFileSync } from 'node:fs';

const TICKS = 100;

/** Of this process and of all that it has started, servers included, whether or not they have ended; 0 where /proc is missing. */
export function cpuSeconds(): number {
  const all = readProcesses();
  const sum = (pid: number): number =>
    [...all].reduce((rest, [child, { parent }]) => rest + (parent === pid ? sum(child) : 0), all.get(pid)?.ticks ?? 0);
  return sum(process.pid) / TICKS;
}

interface Process {
  readonly parent: number;
  /** With those of its children that have ended. */
  readonly ticks: number;
}

function readProcesses(): ReadonlyMap<number, Process> {
  const found = new Map<number, Process>();
  for (const name of listed()) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      // The name of the program may have blanks and brackets in it.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
      found.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function listed(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
