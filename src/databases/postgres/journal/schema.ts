// The tables of schema `migrate` on the target, besides the lease. Every statement is idempotent.

/** On the target. Keys and bounds are JSON arrays of texts. */
export const JOURNAL_SCHEMA = `
CREATE TABLE IF NOT EXISTS migrate.run (
  name text PRIMARY KEY,
  id text NOT NULL,
  format int NOT NULL,
  plan_hash text NOT NULL,
  plan_fields jsonb NOT NULL,
  source_identity text NOT NULL,
  source_lineage text NOT NULL DEFAULT '',
  target_identity text NOT NULL,
  start_position text,
  settled text,
  catalog jsonb NOT NULL,
  fingerprint text NOT NULL,
  added jsonb NOT NULL DEFAULT '[]',
  joining jsonb NOT NULL DEFAULT '[]',
  lanes int NOT NULL,
  -- What an operator holds: run, snapshot, apply, with commas between them.
  held text NOT NULL DEFAULT '',
  -- How fast an operator lets it be; NULL: as the plan says.
  throttle jsonb,
  outcome text NOT NULL DEFAULT 'running',
  created_at timestamptz NOT NULL DEFAULT now(),
  -- How the last attempt ended; NULL while one is at work, and after one that was killed.
  ended jsonb
);
CREATE TABLE IF NOT EXISTS migrate.stage (
  run text NOT NULL REFERENCES migrate.run ON DELETE CASCADE,
  stage text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  result jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (run, stage)
);
CREATE TABLE IF NOT EXISTS migrate.tables (
  run text NOT NULL REFERENCES migrate.run ON DELETE CASCADE,
  table_id text NOT NULL,
  lane int NOT NULL,
  spread boolean NOT NULL,
  bounds jsonb,
  PRIMARY KEY (run, table_id)
);
CREATE TABLE IF NOT EXISTS migrate.chunk (
  run text NOT NULL,
  table_id text NOT NULL,
  ordinal int NOT NULL,
  at text,
  rows bigint NOT NULL DEFAULT 0,
  done_at timestamptz,
  -- Whom it was given to: a worker, or NULL for whoever leads. Void when the run's epoch is a later one.
  claim_epoch bigint,
  claimed_by int,
  PRIMARY KEY (run, table_id, ordinal),
  FOREIGN KEY (run, table_id) REFERENCES migrate.tables ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS migrate.key_chunk (
  run text NOT NULL,
  table_id text NOT NULL,
  key jsonb NOT NULL,
  at text NOT NULL,
  PRIMARY KEY (run, table_id, key),
  FOREIGN KEY (run, table_id) REFERENCES migrate.tables ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS migrate.checkpoint (
  run text NOT NULL REFERENCES migrate.run ON DELETE CASCADE,
  direction text NOT NULL,
  lane int NOT NULL,
  position text NOT NULL,
  changes bigint NOT NULL DEFAULT 0,
  -- Transactions of the source that were committed in parts; counted by lane 0.
  splits bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run, direction, lane)
);
CREATE TABLE IF NOT EXISTS migrate.cutover (
  run text NOT NULL REFERENCES migrate.run ON DELETE CASCADE,
  attempt int NOT NULL,
  phase text NOT NULL,
  detail jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run, attempt)
);
-- What was asked for single tables; the others are carried.
CREATE TABLE IF NOT EXISTS migrate.table_state (
  run text NOT NULL,
  table_id text NOT NULL,
  state text NOT NULL,
  by text,
  reason text,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run, table_id),
  FOREIGN KEY (run, table_id) REFERENCES migrate.tables ON DELETE CASCADE
);
-- Row changes that the target refused, with those that follow them on the same keys. Keys and rows are JSON arrays: a text,
-- null, {} for a value that the log did not carry.
CREATE TABLE IF NOT EXISTS migrate.dead_letter (
  run text NOT NULL REFERENCES migrate.run ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  table_id text NOT NULL,
  key jsonb NOT NULL,
  new_key jsonb,
  position text NOT NULL,
  op text NOT NULL,
  payload jsonb,
  sqlstate text,
  "constraint" text,
  "column" text,
  state text NOT NULL DEFAULT 'open',
  by text,
  reason text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  settled_at timestamptz,
  PRIMARY KEY (run, id)
);
-- The further processes that work on a run.
CREATE TABLE IF NOT EXISTS migrate.worker (
  run text NOT NULL REFERENCES migrate.run ON DELETE CASCADE,
  id int GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL,
  joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  doing text NOT NULL DEFAULT '',
  changes bigint NOT NULL DEFAULT 0,
  epoch bigint,
  lanes jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (run, id)
);
-- Of runs that cannot switch triggers off: what their sessions show to the fence of the target.
CREATE TABLE IF NOT EXISTS migrate.pass (
  run text PRIMARY KEY REFERENCES migrate.run ON DELETE CASCADE,
  secret text NOT NULL
);
CREATE TABLE IF NOT EXISTS migrate.audit (
  run text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  command text NOT NULL,
  detail text NOT NULL
);
-- A schema that an earlier version made for another run.
ALTER TABLE migrate.run ADD COLUMN IF NOT EXISTS added jsonb NOT NULL DEFAULT '[]';
ALTER TABLE migrate.run ADD COLUMN IF NOT EXISTS joining jsonb NOT NULL DEFAULT '[]';
ALTER TABLE migrate.run ADD COLUMN IF NOT EXISTS ended jsonb;
ALTER TABLE migrate.run ADD COLUMN IF NOT EXISTS settled text;
ALTER TABLE migrate.run ADD COLUMN IF NOT EXISTS held text NOT NULL DEFAULT '';
ALTER TABLE migrate.run ADD COLUMN IF NOT EXISTS throttle jsonb;
ALTER TABLE migrate.tables ADD COLUMN IF NOT EXISTS spread boolean NOT NULL DEFAULT false;
ALTER TABLE migrate.chunk ADD COLUMN IF NOT EXISTS claim_epoch bigint;
ALTER TABLE migrate.chunk ADD COLUMN IF NOT EXISTS claimed_by int;
ALTER TABLE migrate.checkpoint ADD COLUMN IF NOT EXISTS splits bigint NOT NULL DEFAULT 0`;
