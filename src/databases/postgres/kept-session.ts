// A kept session of PostgreSQL.

import { Kept } from '../kept.ts';
import type { PostgresServer, Session, SessionOptions } from './connection.ts';

export class KeptSession extends Kept<Session> {
  constructor(server: PostgresServer, options: SessionOptions) {
    super(() => server.session(options));
  }
}
