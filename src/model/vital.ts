// The vital signs of a server: numbers that say whether it can bear the run's work.

export type VitalName =
  | 'answer'
  | 'connections'
  | 'runningStatements'
  | 'lockWaits'
  | 'logPressure'
  | 'replicaLag'
  | 'dataSize'
  | 'historyLength'
  | 'retainedLog'
  | 'hostLoad'
  | 'redoWaits'
  | 'commitTime'
  | 'bufferWaits'
  | 'indexWaits'
  | 'undo'
  | 'tablespace'
  | 'recoveryArea';

export interface VitalForm {
  /** What stands behind its number. */
  readonly unit: '%' | 'ms' | 'bytes' | '';
  /** In the middle of a sentence. */
  readonly label: string;
  /** What a person can do who does not want to wait. */
  readonly cure: string;
}

export const VITALS: Readonly<Record<VitalName, VitalForm>> = {
  answer: { unit: 'ms', label: 'time to answer', cure: 'See that the server is up and can be reached.' },
  connections: {
    unit: '%',
    label: 'connections in use',
    cure: 'End sessions that nobody needs, or let the server have more (max_connections, processes).',
  },
  runningStatements: { unit: '', label: 'running statements', cure: 'Look for what keeps the server busy.' },
  lockWaits: { unit: '', label: 'sessions that wait for a lock', cure: 'Look for the session that holds it.' },
  logPressure: {
    unit: '%',
    label: 'log since the last checkpoint',
    cure: 'Give the log more room (max_wal_size, innodb_redo_log_capacity), or slow the run down with `migrate throttle`.',
  },
  replicaLag: {
    unit: 'ms',
    label: 'lag of its slowest replica',
    cure: 'Look at the replica, or slow the run down with `migrate throttle`.',
  },
  dataSize: { unit: 'bytes', label: 'data on its disks', cure: 'Make room, or give it more and raise the limit.' },
  historyLength: { unit: '', label: 'history list length', cure: 'Look for transactions that stay open.' },
  retainedLog: {
    unit: '%',
    label: 'log kept for a replication slot',
    cure: 'Look for a slot that nobody reads, or raise max_slot_wal_keep_size.',
  },
  hostLoad: { unit: '%', label: 'load of the host', cure: 'Look for what else runs there.' },
  redoWaits: {
    unit: '',
    label: 'sessions that wait for the redo log',
    cure: 'Give redo faster disks or larger logs, or slow the run down with `migrate throttle`.',
  },
  commitTime: {
    unit: 'ms',
    label: 'time of a commit',
    cure: 'Give redo faster disks, or slow the run down with `migrate throttle`.',
  },
  bufferWaits: {
    unit: '',
    label: 'sessions that wait for the buffer cache',
    cure: 'Give it more memory, or slow the run down with `migrate throttle`.',
  },
  indexWaits: {
    unit: '',
    label: 'sessions that wait for a block of an index',
    cure: 'Take fewer lanes, or slow the run down with `migrate throttle`.',
  },
  undo: {
    unit: '%',
    label: 'undo of open transactions',
    cure: 'Look for transactions that stay open, or enlarge the undo tablespace.',
  },
  tablespace: { unit: '%', label: 'fullest tablespace', cure: 'Add a data file to it.' },
  recoveryArea: { unit: '%', label: 'recovery area in use', cure: 'Back up and delete archived logs, or enlarge it.' },
};
