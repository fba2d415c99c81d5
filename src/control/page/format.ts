// Numbers as people read them. What is not known is a dash.

export const UNKNOWN = '–';

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Large numbers in three digits: `1.24 M`. */
export function short(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let [size, unit] = [Math.abs(value), 0];
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000;
    unit++;
  }
  if (unit === 0) return count(value);
  return `${value < 0 ? '-' : ''}${size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)}${units[unit]}`;
}

/** At an axis: without zeros that say nothing. */
export function tick(value: number): string {
  return value < 10
    ? String(Number(value.toPrecision(2)))
    : short(value)
        .replace(/(\.\d*?)0+(?= )/, '$1')
        .replace('. ', ' ');
}

export function bytes(value: number): string {
  return value < 1_000 ? `${Math.round(value)} B` : `${short(value)}B`;
}

/** In the two largest units: `3 h 20 min`, `45 s`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, 'min', Math.floor(seconds % 60), 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return pair(hours, 'h', minutes % 60, 'min');
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

export function lagText(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 2 : 1)} s` : duration(seconds);
}

/** Of a whole, from 0 to 100, and 100 only when it is all: estimates may be too low. */
export function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(100, Math.floor((part / whole) * 100));
}

/** The time of a day, with the day where it is another. */
export function moment(ms: number): string {
  const date = new Date(ms);
  const day = date.toDateString() === new Date().toDateString() ? '' : `${date.toLocaleDateString()} `;
  return `${day}${clock(ms)}`;
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
}
