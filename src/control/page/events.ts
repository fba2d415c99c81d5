// Server-sent events out of a stream of text, as the HTML standard writes them.

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

export class EventParser {
  #text = '';

  /** The events that are whole with this part. */
  push(part: string): readonly ServerEvent[] {
    const blocks = (this.#text + part).split('\n\n');
    this.#text = blocks.pop() ?? '';
    return blocks.map(eventOf).filter(({ data }) => data !== '');
  }
}

function eventOf(block: string): ServerEvent {
  let [name, data] = ['message', ''];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    if (line.startsWith('data: ')) data += line.slice(6);
  }
  return { name, data };
}
