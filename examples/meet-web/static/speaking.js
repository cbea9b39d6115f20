// Who is speaking: looks at loudness a few times a second and smooths over the pauses between words.

/** `levels` returns a Map of key → 0..1; `onChange(key, speaking)` is called on changes only. */
export function watchSpeaking(levels, onChange, signal) {
  const lastLoud = new Map();
  const speaking = new Set();

  const timer = setInterval(() => {
    const now = performance.now();
    const current = levels();
    for (const [key, level] of current) {
      if (level > LOUD) lastLoud.set(key, now);
      const speaks = now - (lastLoud.get(key) ?? -Infinity) < HOLD_MS;
      if (speaks === speaking.has(key)) continue;
      if (speaks) speaking.add(key);
      else speaking.delete(key);
      onChange(key, speaks);
    }
    for (const key of [...lastLoud.keys()]) {
      if (current.has(key)) continue;
      lastLoud.delete(key);
      speaking.delete(key);
    }
  }, PERIOD_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

const PERIOD_MS = 150;
/** Above the hiss of a quiet room, below soft speech. */
const LOUD = 0.03;
const HOLD_MS = 700;
