// Dates and times as Debezium counts them, as PostgreSQL prints them.

import { partial } from './partial.ts';

const DAY_US = 86_400_000_000;
const SECOND_US = 1_000_000;
/** How Debezium writes the dates that are before and after all others. */
const DATE_INFINITY = 2_146_033_979;
const DATE_MINUS_INFINITY = -2_147_472_691;
const INFINITY = 2n ** 63n - 1n;
const MINUS_INFINITY = -(2n ** 63n);
/** The earliest moment that PostgreSQL has lies after this one: what is before is none that the source has. */
const EARLIEST = -220_000_000_000_000_000n;

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Days since 1970, in the Gregorian calendar of all times. */
export function dateText(days: number): string {
  if (days === DATE_INFINITY) return 'infinity';
  if (days === DATE_MINUS_INFINITY) return '-infinity';
  const { date, era } = dayOf(days);
  return date + era;
}

interface Day {
  readonly days: number;
  readonly date: string;
  readonly era: string;
}

// Moments in a log are nearly always of the same day as the one before.
let last: Day | undefined;

function dayOf(days: number): Day {
  if (last?.days !== days) last = computedDay(days);
  return last;
}

function computedDay(days: number): Day {
  // Years begin in March, so that the day of a leap year is the last one.
  const shifted = days + 719_468;
  const cycle = Math.floor(shifted / 146_097);
  const ofCycle = shifted - cycle * 146_097;
  const yearOfCycle = Math.floor(
    (ofCycle - Math.floor(ofCycle / 1_460) + Math.floor(ofCycle / 36_524) - Math.floor(ofCycle / 146_096)) / 365,
  );
  const ofYear = ofCycle - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100));
  const fifths = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * fifths + 2) / 5) + 1;
  const month = fifths < 10 ? fifths + 3 : fifths - 9;
  const year = yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0);
  const shown = year > 0 ? year : 1 - year;
  return { days, date: `${padded(shown, 4)}-${two(month)}-${two(day)}`, era: year > 0 ? '' : ' BC' };
}

/** Microseconds since midnight. */
export function timeText(microseconds: number): string {
  const seconds = Math.floor(microseconds / SECOND_US);
  const [hour, minute] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return `${two(hour)}:${two(minute)}:${two(seconds % 60)}${fraction(microseconds % SECOND_US)}`;
}

/** Without the zeros at its end. */
function fraction(microseconds: number): string {
  if (microseconds === 0) return '';
  let [value, digits] = [microseconds, 6];
  for (; value % 10 === 0; value /= 10) digits--;
  return `.${padded(value, digits)}`;
}

/** Microseconds since 1970, in digits. */
export function timestampText(digits: string): string {
  const microseconds = Number(digits);
  // What a number holds exactly goes without bigints: that is until the year 2255.
  if (Number.isSafeInteger(microseconds)) {
    const days = Math.floor(microseconds / DAY_US);
    return momentText(days, microseconds - days * DAY_US);
  }
  return farTimestampText(BigInt(digits));
}

function farTimestampText(microseconds: bigint): string {
  if (microseconds === INFINITY) return 'infinity';
  if (microseconds === MINUS_INFINITY) return '-infinity';
  // Debezium counts in 64 bits, which end there.
  if (microseconds < EARLIEST) throw partial('a moment after the year 294246 as another one');
  const day = BigInt(DAY_US);
  const rest = ((microseconds % day) + day) % day;
  return momentText(Number((microseconds - rest) / day), Number(rest));
}

function momentText(days: number, microseconds: number): string {
  const { date, era } = dayOf(days);
  return `${date} ${timeText(microseconds)}${era}`;
}

/** `2024-01-01T00:00:00.000001Z`; the year 0 is the one before 1. */
export function timestamptzText(text: string): string {
  const match = /^([+-]?\d+)(-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/.exec(text);
  // Infinity, as the server prints it.
  if (match === null) return text;
  const [, year = '', day = '', time = '', rest = ''] = match;
  const number = Number(year);
  const shown = padded(number > 0 ? number : 1 - number, 4);
  return `${shown}${day} ${time}${rest.replace(/\.?0+$/, '')}+00${number > 0 ? '' : ' BC'}`;
}
