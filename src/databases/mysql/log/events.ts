// What stands in MySQL's binary log, as typed events. They say where their bytes lie instead of holding them.

/** What every event has. */
interface Place {
  /** Bytes in the log, head and checksum included. Counted in a compressed transaction for all events of it together. */
  readonly size: number;
  /** Where it ends in its file, modulo 2^32; 0 where the server made it up for the reader. */
  readonly end: number;
}

/** The log goes on in another file. `isMadeUp`: the server only tells where it begins to read. */
export interface Rotate extends Place {
  readonly kind: 'rotate';
  readonly file: string;
  readonly position: number;
  readonly isMadeUp: boolean;
}

/** Begins a file, and tells how its events are built. */
export interface Format extends Place {
  readonly kind: 'format';
  /** When the file was begun, in seconds. */
  readonly born: number;
  /** The number of the server that writes it. */
  readonly server: number;
  readonly isMadeUp: boolean;
}

/** Begins a transaction, or a statement that is one by itself, and numbers it. */
export interface Gtid extends Place {
  readonly kind: 'gtid';
  /** The server, and the tag if there is one: `uuid`, `uuid:tag`. With MariaDB the domain. Undefined when it has no number. */
  readonly source: string | undefined;
  /** Text of the number; with MariaDB `server-number`. */
  readonly number: string;
  /** MariaDB: no BEGIN follows, because this is one. */
  readonly begins: boolean;
  /** MariaDB: the name of the transaction, which ends with being prepared. */
  readonly xid?: string;
}

export interface Query extends Place {
  readonly kind: 'query';
  /** The database that names without one belong to. */
  readonly schema: string;
  readonly text: string;
}

/** A transaction was committed. */
export interface Xid extends Place {
  readonly kind: 'xid';
}

/** The first half of a commit in two phases; whole when `onePhase`. */
export interface XaPrepare extends Place {
  readonly kind: 'xa-prepare';
  readonly onePhase: boolean;
}

/** Describes the table that rows name by `id`, from `at` on; valid until the next event. */
export interface TableMap extends Place {
  readonly kind: 'table';
  readonly id: number;
  readonly bytes: Buffer;
  readonly at: number;
  readonly until: number;
}

/** Rows of one table, from `at` on; valid until the next event. */
export interface Rows extends Place {
  readonly kind: 'rows';
  readonly op: 'insert' | 'update' | 'delete';
  readonly id: number;
  readonly bytes: Buffer;
  readonly at: number;
  readonly until: number;
  /** MariaDB: the rows behind the head are compressed. */
  readonly compressed: boolean;
}

/** A change that cannot be followed, whatever table it concerns. */
export interface Unreadable extends Place {
  readonly kind: 'unreadable';
  /** What it is, and what makes the server write it. */
  readonly what: string;
  readonly fix: string;
}

/** Says nothing about data: the server is alive, which transactions came before, the text of a statement, padding. */
export interface Silent extends Place {
  readonly kind: 'silent';
}

export type BinlogEvent = Rotate | Format | Gtid | Query | Xid | XaPrepare | TableMap | Rows | Unreadable | Silent;
