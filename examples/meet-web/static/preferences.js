// What the browser remembers from one meeting to the next. Storage may be refused; then nothing is remembered.

export function remembered(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private windows and blocked cookies: the page works without.
  }
}

const PREFIX = 'meet.';
