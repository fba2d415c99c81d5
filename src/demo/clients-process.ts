// The process that the clients of the demo run in, so that their load does not slow the migration down more than
// real applications would. Takes options and questions from its parent, ends with it.

import { type ClientOptions, ShopClients } from './clients.ts';

export type ClientsRequest = { readonly kind: 'start'; readonly options: ClientOptions } | { readonly kind: 'stop' };

let clients: ShopClients | undefined;

function send(message: object): void {
  if (process.connected) process.send?.(message);
}

async function handle(request: ClientsRequest): Promise<void> {
  if (request.kind === 'start') {
    const started = new ShopClients(request.options);
    clients = started;
    started.start();
    setInterval(() => send({ acknowledged: started.acknowledged }), 50).unref();
  } else {
    await clients?.stop();
    const report = await clients?.report();
    await clients?.close();
    send({ report });
  }
}

// Ctrl-C reaches the whole terminal group: the parent decides what it means.
process.on('SIGINT', () => undefined);
process.on('message', (request) => {
  handle(request as ClientsRequest).catch((error: unknown) => {
    send({ error: error instanceof Error ? error.message : String(error) });
  });
});
// Without its parent the work of this process has no meaning; this also ends what is still in flight.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
