// What the driver has no way to do: give up a login that gets no answer, cut a connection, hear that one was cut while nothing
// is under way on it.

import type { Socket } from 'node:net';
import type { Connection, ConnectionAttributes, Driver } from 'oracledb';

/** Rejects with NJS-510 when the server has not let us in after so many milliseconds. The driver waits for its socket alone. */
export async function connectWithin(
  timeoutMs: number,
  driver: Driver,
  options: ConnectionAttributes,
): Promise<Connection> {
  const opening = driver.getConnection(options);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `NJS-510: the server let nobody in within ${timeoutMs / 1_000} seconds`;
      reject(Object.assign(new Error(message), { code: 'NJS-510' }));
      // There is no way to its socket before.
      opening.then(cut, () => undefined);
    }, timeoutMs);
  });
  try {
    return await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Without a word to the server. Safe to call twice. */
export function cut(connection: Connection): void {
  const network = networkOf(connection);
  // Not the socket alone: a connection that thinks that it is open takes leave when it is collected, and throws.
  if (network?.ntAdapter?.stream) network.forceDisconnect?.();
}

export function whenCut(connection: Connection, heard: () => void): void {
  networkOf(connection)?.ntAdapter?.stream?.once('close', heard);
}

/** Bytes that came and went so far. */
export function trafficOf(connection: Connection): number {
  const stream = networkOf(connection)?.ntAdapter?.stream;
  return stream ? stream.bytesRead + stream.bytesWritten - stream.writableLength : 0;
}

function networkOf(connection: Connection): Network | undefined {
  return (connection as unknown as { readonly _impl?: { readonly nscon?: Network } })._impl?.nscon;
}

interface Network {
  readonly ntAdapter?: { readonly stream?: Socket | null } | null;
  forceDisconnect?(): void;
}
