// A proxy that looks at what a client sends and says what becomes of it: for answers that are lost, and for stalls.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Meddling = (data: Buffer) => 'pass' | 'pass, then cut' | 'cut' | 'stall';

export interface MeddlingProxy {
  readonly port: number;
  close(): void;
}

/** `act` sees what the client sends and says what becomes of it. Only the first connection is meddled with. */
export async function openMeddlingProxy(targetPort: number, act: Meddling): Promise<MeddlingProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    const meddle = connections++ === 0;
    const upstream = connect(targetPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    let silent = false;
    upstream.on('data', (data: Buffer) => silent || client.write(data));
    client.on('data', (data: Buffer) => {
      const action = meddle ? act(data) : 'pass';
      if (action === 'stall') client.pause();
      else if (action === 'cut') client.destroy();
      else {
        silent = action === 'pass, then cut';
        // The server answers the COMMIT before its side is closed: the outcome is certain, only the answer is lost.
        if (silent) upstream.once('data', () => client.destroy());
        upstream.write(data);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
