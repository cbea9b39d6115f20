// The view after a call, or after a failed rejoin.

import { byId } from './dom.js';
import { describeFailure } from './failures.js';

/** Fires `rejoin` when the person wants back in. */
export class Ended extends EventTarget {
  constructor() {
    super();
    byId('rejoin').addEventListener('click', () => this.dispatchEvent(new Event('rejoin')));
  }

  /** `error` is null after leaving on purpose. */
  show(error) {
    const { title, text, retry } = error === null ? LEFT : describeFailure(error);
    byId('ended-title').textContent = title;
    byId('ended-text').textContent = text;
    byId('rejoin').hidden = !retry;
    byId('rejoin').textContent = error === null ? 'Rejoin' : 'Try again';
    byId('go-home').classList.toggle('primary', !retry);
  }

  /** The address names no room; `problem` says why. */
  showImpossible(problem) {
    byId('ended-title').textContent = 'This is not the address of a meeting';
    byId('ended-text').textContent = problem;
    byId('rejoin').hidden = true;
    byId('go-home').textContent = 'Choose a meeting';
    byId('go-home').classList.add('primary');
  }

  setBusy(busy) {
    byId('rejoin').disabled = busy;
    byId('ended-status').textContent = busy ? 'Connecting to the meeting…' : '';
  }
}

const LEFT = { title: 'You left the meeting', text: 'Your camera and microphone are off.', retry: true };
