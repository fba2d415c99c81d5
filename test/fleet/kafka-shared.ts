// The broker and the Connect worker that the tests of one run share. What kills one of them starts its own.

import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    kafka: SharedKafka;
  }
}

export interface SharedKafka {
  /** `127.0.0.1:port`. */
  readonly broker: string;
  /** The url of a worker that lets connectors write exactly once. */
  readonly connect: string;
}

/** Only in tests of the project `kafka`. */
export function sharedKafka(): SharedKafka {
  return inject('kafka');
}
