// Drawing once for everything that has happened since the last frame.

/** What is returned asks for `draw` before the next frame; however often it is called until then, `draw` runs once. */
export function oncePerFrame(draw) {
  let frame = null;
  let timer = null;
  function run() {
    // A hidden page would gather the callbacks of its frames.
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = null;
    draw();
  }
  return () => {
    if (frame !== null) return;
    frame = requestAnimationFrame(run);
    // A page that is hidden has no frames, and its call goes on.
    timer = setTimeout(run, LATEST_MS);
  };
}

const LATEST_MS = 100;
