// Which of the server's frames were handled, and which of them it does not know of yet.

/** Counts what is sequenced from the server (`docs/protocol.md`, section 5). */
export class Receipts {
  #received = 0;
  #unacknowledged = { frames: 0, size: 0 };

  /** How many were handled. */
  get received() {
    return this.#received;
  }

  /** Whether it is time to acknowledge. */
  get isDue() {
    return this.#unacknowledged.frames >= ACK_FRAMES || this.#unacknowledged.size >= ACK_SIZE;
  }

  /** @param {number} size of a frame, in UTF-16 code units */
  count(size) {
    this.#received += 1;
    this.#unacknowledged.frames += 1;
    this.#unacknowledged.size += size;
  }

  /** The server knows of all that were handled. */
  acknowledged() {
    this.#unacknowledged = { frames: 0, size: 0 };
  }

  /** Counting starts anew. */
  restart() {
    this.#received = 0;
    this.acknowledged();
  }
}

/** At the latest after this many frames the server learns that they have arrived. */
const ACK_FRAMES = 32;

/** Likewise for 32 KiB, in UTF-16 code units, of which one is up to three bytes. */
const ACK_SIZE = 10_000;
