// Dates and times as Debezium counts them, as MySQL prints them.

const DAY_US = 86_400_000_000n;
const SECOND_US = 1_000_000;
const MICRO = 6;

/** Days since 1970. */
export function dateText(days: number): string {
  // The Gregorian calendar of all times, which the server has too; years have four digits.
  return new Date(days * 86_400_000).toISOString().slice(0, 10);
}

/** Microseconds, as many digits of the fraction as the column has. */
export function timeText(microseconds: number, digits: number): string {
  const value = Math.abs(microseconds);
  return `${microseconds < 0 ? '-' : ''}${clock(value)}${fraction(value % SECOND_US, digits)}`;
}

/** Microseconds since 1970. */
export function datetimeText(microseconds: bigint, digits: number): string {
  const ofDay = ((microseconds % DAY_US) + DAY_US) % DAY_US;
  const date = dateText(Number((microseconds - ofDay) / DAY_US));
  return `${date} ${timeText(Number(ofDay), digits)}`;
}

/** `2024-02-29T23:59:59.5Z`: zeros at the end of the fraction may be missing. */
export function timestampText(text: string, digits: number): string {
  const [seconds = '', rest = ''] = text.replace(/Z$/, '').split('.');
  return `${seconds.replace('T', ' ')}${digits === 0 ? '' : `.${rest.padEnd(digits, '0').slice(0, digits)}`}`;
}

function clock(microseconds: number): string {
  const seconds = Math.floor(microseconds / SECOND_US);
  return [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

function fraction(microseconds: number, digits: number): string {
  return digits === 0 ? '' : `.${String(microseconds).padStart(MICRO, '0').slice(0, digits)}`;
}
