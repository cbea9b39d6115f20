// Drawing once for everything that has happened since the last frame.

/** What is returned asks for `draw` before the next frame; however often it is called until then, `draw` runs once. */
export function oncePerFrame(draw) {
  let asked = false;
  function run() {
    if (!asked) return;
    asked = false;
    draw();
  }
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(run);
    // A page that is hidden has no frames, and its call goes on.
    setTimeout(run, LATEST_MS);
  };
}

const LATEST_MS = 100;
