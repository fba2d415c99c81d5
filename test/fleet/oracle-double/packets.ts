// The packets that requests and answers travel in, as a server of Oracle Net sees them.

import type { Socket } from 'node:net';

export const PACKET = { connect: 1, accept: 2, refuse: 4, data: 6, marker: 12 } as const;
const HEAD = 8;
const DATA_HEAD = 10;
const END_OF_REQUEST = 0x8_00;
const END_OF_FILE = 0x40;
const PIECE = 8_000;
const RESET = 2;

/** What is asked of whoever takes the requests. */
export interface Requests {
  /** Sends of the connection. Called once, before any request. */
  connected(): void;
  request(bytes: Buffer): void;
  /** The client takes back what is under way, and waits for an answer to that. */
  interrupted(): void;
}

export class Packets {
  readonly #socket: Socket;
  readonly #requests: Requests;
  /** Lengths have four bytes from the accept on. */
  #isAccepted = false;
  /** Where the connect packet has no room, its data follow. */
  #awaitsConnectData = false;
  #received: Buffer[] = [];
  #size = 0;
  #request: Buffer[] = [];
  /** Requests of logging in say not where they end: each is one packet. */
  endsAreSaid = false;

  constructor(socket: Socket, requests: Requests) {
    this.#socket = socket;
    this.#requests = requests;
    socket.on('data', (bytes) => this.#take(bytes));
  }

  accept(): void {
    const body = Buffer.alloc(37);
    // Version, how long packets may be, and no encryption or checksums of Oracle's own.
    for (const [at, value] of [
      [0, 315],
      [4, 8_192],
      [6, 65_535],
      [8, 1],
      [12, 45],
    ] as const)
      body.writeUInt16BE(value, at);
    body.set([4, 8], 14);
    body.writeUInt32BE(8_192, 24);
    body.writeUInt32BE(1 << 21, 28);
    this.#send(PACKET.accept, body);
    this.#isAccepted = true;
  }

  /** As a listener does. */
  refuse(code: number): void {
    const reason = Buffer.from(
      `(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=${code})(ERROR_STACK=(ERROR=(CODE=${code})(EMFI=4))))`,
    );
    const body = Buffer.alloc(4 + reason.length);
    body.writeUInt16BE(reason.length, 2);
    body.set(reason, 4);
    this.#send(PACKET.refuse, body);
    this.#socket.end();
  }

  answer(bytes: Buffer): void {
    this.#socket.write(this.#inPackets(bytes));
  }

  /** Half of an answer, and then nothing more. */
  break(bytes: Buffer): void {
    const all = this.#inPackets(bytes);
    this.#socket.end(all.subarray(0, Math.ceil(all.length / 2)), () => this.#socket.destroy());
  }

  reset(): void {
    this.#send(PACKET.marker, Buffer.of(1, 0, RESET));
  }

  #inPackets(bytes: Buffer): Buffer {
    const packets: Buffer[] = [];
    for (let at = 0; at === 0 || at < bytes.length; at += PIECE) {
      packets.push(this.#packet(PACKET.data, Buffer.concat([Buffer.alloc(2), bytes.subarray(at, at + PIECE)])));
    }
    return Buffer.concat(packets);
  }

  #send(type: number, body: Buffer): void {
    this.#socket.write(this.#packet(type, body));
  }

  #packet(type: number, body: Buffer): Buffer {
    const packet = Buffer.alloc(HEAD + body.length);
    if (this.#isAccepted) packet.writeUInt32BE(packet.length);
    else packet.writeUInt16BE(packet.length);
    packet[4] = type;
    packet.set(body, HEAD);
    return packet;
  }

  #take(bytes: Buffer): void {
    this.#received.push(bytes);
    this.#size += bytes.length;
    if (this.#size < HEAD) return;
    let all = this.#received.length === 1 ? bytes : Buffer.concat(this.#received);
    while (all.length >= HEAD) {
      const length = this.#isAccepted ? all.readUInt32BE() : all.readUInt16BE();
      if (all.length < length) break;
      this.#packetCame(all.subarray(0, length));
      all = all.subarray(length);
    }
    this.#received = all.length > 0 ? [all] : [];
    this.#size = all.length;
  }

  #packetCame(packet: Buffer): void {
    if (packet[4] === PACKET.connect) {
      this.#awaitsConnectData = packet.length <= packet.readUInt16BE(26);
      if (!this.#awaitsConnectData) this.#requests.connected();
    } else if (packet[4] === PACKET.marker) {
      if (packet[10] === RESET) this.#requests.interrupted();
    } else if (packet[4] === PACKET.data) this.#dataCame(packet);
  }

  #dataCame(packet: Buffer): void {
    if (this.#awaitsConnectData) {
      this.#awaitsConnectData = false;
      this.#requests.connected();
      return;
    }
    const flags = packet.readUInt16BE(HEAD);
    if ((flags & END_OF_FILE) !== 0) {
      this.#socket.end();
      return;
    }
    this.#request.push(packet.subarray(DATA_HEAD));
    if (this.endsAreSaid && (flags & END_OF_REQUEST) === 0) return;
    const request = Buffer.concat(this.#request);
    this.#request = [];
    this.#requests.request(request);
  }
}
