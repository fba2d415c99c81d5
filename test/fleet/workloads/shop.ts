// A shop: foreign keys, a composite key, unique e-mails that move, large unchanged texts, keys that change.

import { randomUUID } from 'node:crypto';
import { LEDGER, md5Uuid, numbersOf, removed, type Step, type Turn, type Workload, wrote } from './workload.ts';

const SCHEMA = `${LEDGER}
CREATE TYPE work.order_status AS ENUM ('new', 'paid', 'sent');
CREATE TABLE work.customers (
  id bigint PRIMARY KEY, email text UNIQUE, name text NOT NULL, balance numeric(14, 4) NOT NULL DEFAULT 0, token text
);
CREATE TABLE work.orders (
  id uuid PRIMARY KEY, customer_id bigint NOT NULL REFERENCES work.customers, status work.order_status NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT clock_timestamp(), attributes jsonb, token text
);
CREATE INDEX ON work.orders (customer_id);
CREATE TABLE work.order_lines (
  order_id uuid REFERENCES work.orders ON UPDATE CASCADE, line integer, sku text NOT NULL, quantity integer NOT NULL,
  token text, PRIMARY KEY (order_id, line)
);
CREATE TABLE work.documents (
  id uuid PRIMARY KEY, title text NOT NULL, body text, tags text[], version integer NOT NULL DEFAULT 0, token text
);
ALTER TABLE work.documents ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE work.events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, payload jsonb, token text
);`;

const [CUSTOMERS, ORDERS, LINES, DOCUMENTS, EVENTS] = ['customers', 'orders', 'order_lines', 'documents', 'events'].map(
  (name) => `work.${name}`,
) as [string, string, string, string, string];

// Above 2 kB, so that it is kept outside the row and an update that leaves it alone does not log it.
const BODY = `(SELECT string_agg(md5($2 || n), '') FROM generate_series(1, 200) n)`;

const addEvent = ({ token, count }: Turn): Step => ({
  text: `INSERT INTO work.events (kind, payload, token) VALUES ($1, $2, $3) RETURNING id::text AS key`,
  values: ['seen', JSON.stringify({ count }), token],
  writes: [],
  returnsKeyOf: EVENTS,
});

function addCustomer({ token, client, count }: Turn): readonly Step[] {
  const id = 1_000_000 * (client + 1) + count;
  const values = [id, `${client}.${count}@example.com`, `Kund "${count}" Ä`, token];
  const text = 'INSERT INTO work.customers (id, email, name, token) VALUES ($1, $2, $3, $4)';
  return [{ text, values, writes: [wrote(CUSTOMERS, id)] }];
}

function addOrder(turn: Turn): readonly Step[] {
  const customer = turn.pick(CUSTOMERS);
  if (customer === undefined) return addCustomer(turn);
  const id = randomUUID();
  const lines = Array.from({ length: 1 + turn.random(4) }, (_, index) => index + 1);
  return [
    {
      text: `INSERT INTO work.orders (id, customer_id, status, attributes, token) VALUES ($1, $2, 'new', $3, $4)`,
      values: [id, customer, JSON.stringify({ gift: turn.count % 2 === 0, note: 'a\\b\n"c"' }), turn.token],
      writes: [wrote(ORDERS, id)],
    },
    ...lines.map((line) => ({
      text: 'INSERT INTO work.order_lines VALUES ($1, $2, $3, $4, $5)',
      values: [id, line, `SKU-${turn.random(500)}`, 1 + turn.random(9), turn.token],
      writes: [wrote(LINES, `${id}|${line}`)],
    })),
    {
      text: 'UPDATE work.customers SET balance = balance + 1.0001, token = $2 WHERE id = $1',
      values: [customer, turn.token],
      writes: [wrote(CUSTOMERS, customer)],
    },
  ];
}

function changeLine(turn: Turn): readonly Step[] {
  const line = turn.pick(LINES);
  if (line === undefined) return [];
  const [order, number] = line.split('|');
  if (turn.random(3) === 0) {
    const text = 'DELETE FROM work.order_lines WHERE order_id = $1 AND line = $2';
    return [{ text, values: [order, number], writes: [removed(LINES, line)] }];
  }
  const text = 'UPDATE work.order_lines SET quantity = quantity + 1, token = $3 WHERE order_id = $1 AND line = $2';
  return [{ text, values: [order, number, turn.token], writes: [wrote(LINES, line)] }];
}

/** Two customers exchange their unique e-mails, in one transaction. */
function swapEmails(turn: Turn): readonly Step[] {
  const [left, right] = [turn.pick(CUSTOMERS), turn.pick(CUSTOMERS)];
  if (left === undefined || right === undefined) return addCustomer(turn);
  const update = (id: string, email: string, other: string): Step => ({
    text: `UPDATE work.customers c SET email = ${email}, token = $3 FROM work.customers o WHERE c.id = $1 AND o.id = $2`,
    values: [id, other, turn.token],
    writes: [wrote(CUSTOMERS, id)],
  });
  return [
    update(left, `coalesce(c.email, $3) || ' ' || coalesce(o.email, $3 || 'o')`, right),
    update(right, `split_part(o.email, ' ', 1)`, left),
    update(left, `split_part(c.email, ' ', 2)`, right),
  ];
}

function addDocument({ token }: Turn, id = randomUUID() as string): readonly Step[] {
  const text = `INSERT INTO work.documents (id, title, body, tags, token) VALUES ($1, 'new', ${BODY}, '{a,"b c",NULL}', $3)`;
  return [{ text, values: [id, id, token], writes: [wrote(DOCUMENTS, id)] }];
}

function changeDocument(turn: Turn): readonly Step[] {
  const id = turn.pick(DOCUMENTS);
  if (id === undefined) return addDocument(turn);
  const { token } = turn;
  const remove: Step = {
    text: 'DELETE FROM work.documents WHERE id = $1',
    values: [id],
    writes: [removed(DOCUMENTS, id)],
  };
  switch (turn.random(6)) {
    case 0:
      return [remove];
    case 1:
      return [remove, ...addDocument(turn, id)];
    case 2: {
      // The key changes and the body, unchanged, is not logged.
      const fresh = randomUUID();
      const text = 'UPDATE work.documents SET id = $2, token = $3 WHERE id = $1';
      return [{ text, values: [id, fresh, token], writes: [removed(DOCUMENTS, id), wrote(DOCUMENTS, fresh)] }];
    }
    case 3: {
      const text = `UPDATE work.documents SET body = ${BODY}, token = $3 WHERE id = $1`;
      return [{ text, values: [id, token, token], writes: [wrote(DOCUMENTS, id)] }];
    }
    default: {
      const text = `UPDATE work.documents SET version = version + 1, title = $2, token = $3 WHERE id = $1`;
      return [{ text, values: [id, `titled ${turn.count}`, token], writes: [wrote(DOCUMENTS, id)] }];
    }
  }
}

export const shop: Workload = {
  schema: SCHEMA,
  seed: (rows) => [
    `INSERT INTO work.customers SELECT n, 'seed' || n || '@example.com', 'Seed ' || n, n / 7.0 FROM generate_series(1, ${rows}) n`,
    `INSERT INTO work.orders SELECT md5('o' || n)::uuid, n, 'paid', now(), '{"seed": true}' FROM generate_series(1, ${rows}) n`,
    `INSERT INTO work.order_lines SELECT md5('o' || n)::uuid, 1, 'SKU-1', 1 FROM generate_series(1, ${rows}) n`,
    `INSERT INTO work.documents SELECT md5('d' || n)::uuid, 'seed',
       (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 100) m) FROM generate_series(1, ${Math.ceil(rows / 20)}) n`,
  ],
  owned: (share) => [
    ...numbersOf(share, share.rows).flatMap((n) => [wrote(CUSTOMERS, n), wrote(LINES, `${md5Uuid(`o${n}`)}|1`)]),
    ...numbersOf(share, Math.ceil(share.rows / 20)).map((n) => wrote(DOCUMENTS, md5Uuid(`d${n}`))),
  ],
  transaction: (turn) => {
    switch (turn.random(8)) {
      case 0:
        return addCustomer(turn);
      case 1:
      case 2:
        return addOrder(turn);
      case 3:
        return changeLine(turn);
      case 4:
        return swapEmails(turn);
      case 5:
        return Array.from({ length: 12 }, () => addEvent(turn));
      default:
        return [...changeDocument(turn), addEvent(turn)];
    }
  },
};
