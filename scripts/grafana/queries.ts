// What several dashboards ask for.

/** The run that the reader chose. */
export const RUN = '{migration="$migration"}';
/** Its tables that the reader chose. */
export const TABLES = '{migration="$migration", table=~"$table"}';

export const STAGE = `migrate_stage${RUN} == 1`;
export const PAUSE = `migrate_cutover_write_pause_seconds${RUN}`;

/** A counter's increase for each second. */
export function rate(counter: string, labels = RUN): string {
  return `rate(${counter}${labels}[$__rate_interval])`;
}
