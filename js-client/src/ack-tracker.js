// Which frames of the server were handled, and which of them are not acknowledged.

/** Counts the sequenced frames of the server (`docs/protocol.md`, section 5). */
export class AckTracker {
  #received = 0;
  #unacknowledged = { frames: 0, size: 0 };

  /** How many were handled. */
  get received() {
    return this.#received;
  }

  /** Whether an acknowledgement is due. */
  get isDue() {
    return this.#unacknowledged.frames >= ACK_FRAMES || this.#unacknowledged.size >= ACK_SIZE;
  }

  /** @param {number} size of a frame, in UTF-16 code units */
  count(size) {
    this.#received += 1;
    this.#unacknowledged.frames += 1;
    this.#unacknowledged.size += size;
  }

  /** All handled frames are acknowledged. */
  acknowledged() {
    this.#unacknowledged = { frames: 0, size: 0 };
  }

  /** Counts from 0 again. */
  restart() {
    this.#received = 0;
    this.acknowledged();
  }
}

/** The largest number of frames without an acknowledgement. */
const ACK_FRAMES = 32;

/** The same for 32 KiB, in UTF-16 code units of up to three bytes each. */
const ACK_SIZE = 10_000;
