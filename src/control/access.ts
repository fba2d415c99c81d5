// Port and token of a run's status page: a file beside the control socket that only its owner can read. A process that takes
// the run up again takes both, so that a page that is open finds it.

import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const accessSchema = z.object({ port: z.int().min(1).max(65_535), token: z.string().min(32).max(200) });

export type Access = Readonly<z.output<typeof accessSchema>>;

/** Where it is, for the control socket at `socket`. */
export function accessPath(socket: string): string {
  return socket.replace(/\.sock$/, '.http');
}

/** Undefined when there is none, or when somebody else could have read or written it. */
export function readAccess(path: string): Access | undefined {
  try {
    const found = lstatSync(path);
    if (!found.isFile() || (found.mode & 0o077) !== 0 || found.uid !== process.getuid?.()) return undefined;
    return accessSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

export function writeAccess(path: string, access: Access): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(access), { mode: 0o600 });
  renameSync(draft, path);
}

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What opens the page. The part after # stays in the browser: no log of requests has it. */
export function pageUrl({ port, token }: Access): string {
  return `${pageAddress({ port })}#${token}`;
}

/** Where the page is, without what opens it. */
export function pageAddress({ port }: Pick<Access, 'port'>): string {
  return `http://127.0.0.1:${port}/`;
}
