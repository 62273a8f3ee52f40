/**
 * Makes a PNG of a screen smaller: of its colors, which are few but for the rims of letters, the most frequent ones stay and
 * those that are far from them, and each other becomes the nearest. Knows what Chromium writes: 8 bits a channel, RGB or RGBA
 * without anything translucent, not interlaced.
 */
import assert from "node:assert/strict";
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const COLORS = 256;
/** As many stay for being frequent. */
const FREQUENT = 128;
const CHANNELS = { 2: 3, 6: 4 };

export function smaller(png) {
  const { width, height, channels, packed } = read(png);
  const pixels = unfiltered(inflateSync(packed), width, height, channels);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const kept = chosen(counts);
  const place = new Map(kept.map((pixel, at) => [pixel, at]));
  for (const pixel of counts.keys()) if (!place.has(pixel)) place.set(pixel, nearest(kept, pixel));
  const lines = Buffer.alloc(height * (width + 1)); // each begins with 0: unfiltered, which suits numbers of colors best
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) lines[y * (width + 1) + 1 + x] = place.get(pixels[y * width + x]);
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  const palette = Buffer.from(kept.flatMap(parts));
  return Buffer.concat([SIGNATURE, chunk("IHDR", head), chunk("PLTE", palette), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

/** The most frequent, then again and again the one by whose loss the picture would lose most. */
function chosen(counts) {
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  const kept = sorted.slice(0, FREQUENT).map(([pixel]) => pixel);
  const others = sorted.slice(FREQUENT).map(([pixel, count]) => ({ pixel, count, far: Math.min(...kept.map((one) => distance(one, pixel))) }));
  while (kept.length < COLORS && others.length > 0) {
    const worst = others.reduce((found, one, at) => (one.far * Math.sqrt(one.count) > others[found].far * Math.sqrt(others[found].count) ? at : found), 0);
    const [{ pixel }] = others.splice(worst, 1);
    kept.push(pixel);
    for (const one of others) one.far = Math.min(one.far, distance(pixel, one.pixel));
  }
  return kept;
}

function distance(one, other) {
  const [a, b] = [parts(one), parts(other)];
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}

const parts = (pixel) => [pixel >> 16, (pixel >> 8) & 255, pixel & 255];

function nearest(kept, pixel) {
  const far = kept.map((one) => distance(one, pixel));
  return far.indexOf(Math.min(...far));
}

function read(png) {
  assert.ok(png.subarray(0, 8).equals(SIGNATURE), "no PNG");
  const found = { packed: [] };
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const data = png.subarray(at + 8, at + 8 + length);
    const name = png.toString("latin1", at + 4, at + 8);
    if (name === "IDAT") found.packed.push(data);
    if (name === "IHDR") {
      assert.ok(data[8] === 8 && data[9] in CHANNELS && data[12] === 0, "a PNG of another kind");
      Object.assign(found, { width: data.readUInt32BE(0), height: data.readUInt32BE(4), channels: CHANNELS[data[9]] });
    }
    at += 12 + length;
  }
  return { ...found, packed: Buffer.concat(found.packed) };
}

/** Each pixel as one number. */
function unfiltered(raw, width, height, channels) {
  const pixels = new Uint32Array(width * height);
  const wide = width * channels;
  let above = Buffer.alloc(wide);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (wide + 1)];
    const line = Buffer.from(raw.subarray(y * (wide + 1) + 1, (y + 1) * (wide + 1)));
    for (let x = 0; x < wide; x++) {
      const [left, corner] = x < channels ? [0, 0] : [line[x - channels], above[x - channels]];
      line[x] += [0, left, above[x], (left + above[x]) >> 1, guess(left, above[x], corner)][filter];
    }
    for (let x = 0; x < width; x++) pixels[y * width + x] = line.readUIntBE(x * channels, 3);
    above = line;
  }
  return pixels;
}

/** Paeth's. */
function guess(left, above, corner) {
  const from = left + above - corner;
  const [a, b, c] = [Math.abs(from - left), Math.abs(from - above), Math.abs(from - corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
