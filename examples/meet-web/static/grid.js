// Where tiles go: pure arithmetic, no document.

/**
 * Rectangles `{x, y, width, height}` for `count` tiles in an area. `featured` is the index of one tile that gets
 * most of the area while the others share a strip; -1 for none.
 */
export function arrange({ width, height, count, gap, featured = -1 }) {
  if (count === 0 || width <= 0 || height <= 0) return [];
  if (featured < 0 || count === 1) return bestFit(count, { x: 0, y: 0, width, height }, gap);

  const { main, strip } = split(width, height, gap, count);
  const others = bestFit(count - 1, strip, gap);
  return Array.from({ length: count }, (_, index) => {
    if (index === featured) return main;
    return others[index < featured ? index : index - 1];
  });
}

/** The number of columns and the shape that cover most of the area. */
function bestFit(count, area, gap) {
  let best = { width: 0, height: 0, columns: 1 };
  for (const shape of shapesFor(area)) {
    for (let columns = 1; columns <= count; columns += 1) {
      const rows = Math.ceil(count / columns);
      const cellWidth = (area.width - gap * (columns - 1)) / columns;
      const cellHeight = (area.height - gap * (rows - 1)) / rows;
      const width = Math.max(0, Math.min(cellWidth, cellHeight * shape));
      const height = width / shape;
      if (width * height > best.width * best.height) best = { width, height, columns };
    }
  }
  return place(count, area, gap, best);
}

/** Rows centred in the area, the last one too when it is not full. */
function place(count, area, gap, { width, height, columns }) {
  const rows = Math.ceil(count / columns);
  const top = area.y + (area.height - rows * height - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = area.x + (area.width - inRow * width - (inRow - 1) * gap) / 2;
    return {
      x: left + (index % columns) * (width + gap),
      y: top + row * (height + gap),
      width,
      height,
    };
  });
}

function split(width, height, gap, count) {
  if (width >= height) {
    // A second column of small tiles once one would make them too flat to recognise anybody.
    const wish = count > 7 ? 0.3 : 0.2;
    const strip = clamp(width * wish, 120, 380);
    const main = { x: 0, y: 0, width: width - strip - gap, height };
    return { main, strip: { x: main.width + gap, y: 0, width: strip, height } };
  }
  const strip = clamp(height * (count > 7 ? 0.36 : 0.26), 90, 340);
  const main = { x: 0, y: 0, width, height: height - strip - gap };
  return { main, strip: { x: 0, y: main.height + gap, width, height: strip } };
}

function shapesFor({ width, height }) {
  return height > width ? TALL_AREA_SHAPES : WIDE_AREA_SHAPES;
}

function clamp(value, min, max) {
  return Math.min(max, Math.max(min, value));
}

const WIDE_AREA_SHAPES = [16 / 9];
/** On a phone held upright a little cropping at the sides buys much larger faces. */
const TALL_AREA_SHAPES = [16 / 9, 4 / 3, 1, 4 / 5];
