// Visits every state a model can reach, breadth first, so that the trace to a violation is a shortest one.
// Deterministic: same model, same order, same result.

/** One thing that can happen in a state: it leads to another state or breaks a promise. */
export type Step<S> =
  | { readonly name: string; readonly state: S }
  | { readonly name: string; readonly violation: string };

export interface Model<S> {
  readonly initial: S;
  /** Equal exactly for equal states. */
  key(state: S): string;
  steps(state: S): readonly Step<S>[];
  /** What is wrong with going from one state to the next, if anything. */
  check(before: S, after: S): string | undefined;
  /** States of which at least one must stay reachable from everywhere. */
  goal(state: S): boolean;
}

export interface Exploration {
  readonly states: number;
  readonly violation: { readonly message: string; readonly trace: readonly string[] } | undefined;
}

/** Explores all states; throws when there are more than `maxStates`: a search that is cut short proves nothing. */
export function explore<S>(model: Model<S>, maxStates: number): Exploration {
  const seen = new Map<string, number>([[model.key(model.initial), 0]]);
  const graph = new Graph();
  const goals: number[] = [];
  let frontier: { readonly id: number; readonly state: S }[] = [{ id: 0, state: model.initial }];
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { id, state } of frontier) {
      if (model.goal(state)) goals.push(id);
      for (const step of model.steps(state)) {
        const message = 'violation' in step ? step.violation : model.check(state, step.state);
        if (message !== undefined) {
          return { states: seen.size, violation: { message, trace: [...graph.trace(id), step.name] } };
        }
        if ('violation' in step) continue;
        const key = model.key(step.state);
        const known = seen.get(key);
        const to = known ?? seen.size;
        graph.edge(id, to);
        if (known !== undefined) continue;
        if (to >= maxStates) throw new Error(`more than ${maxStates} states`);
        seen.set(key, to);
        graph.discovered(to, id, step.name);
        next.push({ id: to, state: step.state });
      }
    }
    frontier = next;
  }
  const stuck = graph.firstWithoutPathTo(goals, seen.size);
  const violation =
    stuck === undefined ? undefined : { message: 'stuck: the goal is out of reach', trace: graph.trace(stuck) };
  return { states: seen.size, violation };
}

/** Who was reached from whom. */
class Graph {
  readonly #parents: number[] = [-1];
  readonly #names: string[] = [''];
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  edge(from: number, to: number): void {
    this.#from.push(from);
    this.#to.push(to);
  }

  discovered(id: number, parent: number, name: string): void {
    this.#parents[id] = parent;
    this.#names[id] = name;
  }

  trace(id: number): readonly string[] {
    const names: string[] = [];
    for (let at = id; at > 0; at = this.#parents[at]!) names.push(this.#names[at]!);
    return names.toReversed();
  }

  /** The state closest to the start from which no goal can be reached any more. */
  firstWithoutPathTo(goals: readonly number[], states: number): number | undefined {
    // Edges grouped by where they lead, as one array with offsets.
    const offsets = new Int32Array(states + 1);
    for (const to of this.#to) offsets[to + 1]!++;
    for (let id = 0; id < states; id++) offsets[id + 1]! += offsets[id]!;
    const sources = new Int32Array(this.#from.length);
    const filled = offsets.slice();
    for (let edge = 0; edge < this.#from.length; edge++) sources[filled[this.#to[edge]!]!++] = this.#from[edge]!;
    const reaches = new Uint8Array(states);
    const open = [...goals];
    for (const id of open) reaches[id] = 1;
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (let at = offsets[id]!; at < offsets[id + 1]!; at++) {
        const from = sources[at]!;
        if (reaches[from] === 1) continue;
        reaches[from] = 1;
        open.push(from);
      }
    }
    const first = reaches.indexOf(0);
    return first === -1 ? undefined : first;
  }
}
