// Draws at most once for each frame.

/** Returns a function that schedules `draw` before the next frame. `draw` runs once for any number of calls. */
export function oncePerFrame(draw) {
  let frame = null;
  let timer = null;
  function run() {
    // A hidden page would accumulate frame callbacks.
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = null;
    draw();
  }
  return () => {
    if (frame !== null) return;
    frame = requestAnimationFrame(run);
    // A hidden page has no frames, but its call goes on.
    timer = setTimeout(run, LATEST_MS);
  };
}

const LATEST_MS = 100;
