// The vital signs of a server: numbers that say whether it can bear the run's work.

export type VitalName =
  | 'answer'
  | 'connections'
  | 'runningStatements'
  | 'lockWaits'
  | 'logPressure'
  | 'replicaLag'
  | 'historyLength'
  | 'retainedLog';

export interface VitalForm {
  /** What stands behind its number. */
  readonly unit: '%' | 'ms' | '';
  /** In the middle of a sentence. */
  readonly label: string;
}

export const VITALS: Readonly<Record<VitalName, VitalForm>> = {
  answer: { unit: 'ms', label: 'time to answer' },
  connections: { unit: '%', label: 'connections in use' },
  runningStatements: { unit: '', label: 'running statements' },
  lockWaits: { unit: '', label: 'sessions that wait for a lock' },
  logPressure: { unit: '%', label: 'log since the last checkpoint' },
  replicaLag: { unit: 'ms', label: 'lag of its slowest replica' },
  historyLength: { unit: '', label: 'history list length' },
  retainedLog: { unit: '%', label: 'log kept for a replication slot' },
};
