// The network of a page that needs no server: convolutions with bias and ReLU, an average pool, a linear layer.
// Batch normalization is folded into the weights before.
"use strict";

function unpack(text) {
  return new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

function pad({ channels, height, width, data }, by) {
  const wide = width + 2 * by, high = height + 2 * by, padded = new Float32Array(channels * high * wide);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      padded.set(data.subarray((c * height + y) * width, (c * height + y + 1) * width),
        (c * high + y + by) * wide + by);
  return { channels, height: high, width: wide, data: padded };
}

function convolve(image, { kernel, stride, out, weights, bias }) {
  const from = pad(image, kernel >> 1), n = kernel * kernel;
  const height = Math.floor((from.height - kernel) / stride) + 1;
  const width = Math.floor((from.width - kernel) / stride) + 1;
  const data = new Float32Array(out * height * width);
  for (let o = 0; o < out; o++) {
    const base = o * height * width;
    data.fill(bias[o], base, base + height * width);
    for (let i = 0; i < from.channels; i++)
      for (let k = 0; k < n; k++) {
        const weight = weights[(o * from.channels + i) * n + k];
        const dy = Math.floor(k / kernel), dx = k % kernel;
        for (let y = 0; y < height; y++) {
          const row = (i * from.height + y * stride + dy) * from.width + dx, to = base + y * width;
          for (let x = 0; x < width; x++) data[to + x] += weight * from.data[row + x * stride];
        }
      }
    for (let k = base; k < base + height * width; k++) if (data[k] < 0) data[k] = 0;
  }
  return { channels: out, height, width, data };
}

function pool({ channels, height, width, data }, { kernel, stride }) {
  const high = Math.floor((height - kernel[0]) / stride[0]) + 1;
  const wide = Math.floor((width - kernel[1]) / stride[1]) + 1, pooled = new Float32Array(channels * high * wide);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < high; y++)
      for (let x = 0; x < wide; x++) {
        let sum = 0;
        for (let j = 0; j < kernel[0]; j++)
          for (let k = 0; k < kernel[1]; k++)
            sum += data[(c * height + y * stride[0] + j) * width + x * stride[1] + k];
        pooled[(c * high + y) * wide + x] = sum / (kernel[0] * kernel[1]);
      }
  return pooled;
}

// Box of the ink of a square drawing, ink 255, scaled by area to its share of the frame and centered.
function frame(ink, side, { height, width, ink_share }) {
  let top = side, bottom = 0, left = side, right = 0;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      if (ink[y * side + x] >= 64) {
        top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
        left = Math.min(left, x); right = Math.max(right, x + 1);
      }
  if (bottom <= top) return null;
  const scale = ink_share * Math.min(height / (bottom - top), width / (right - left));
  const high = Math.max(1, Math.min(height, Math.round((bottom - top) * scale)));
  const wide = Math.max(1, Math.min(width, Math.round((right - left) * scale)));
  const framed = new Float32Array(height * width), up = (height - high) >> 1, in_ = (width - wide) >> 1;
  const step_y = (bottom - top) / high, step_x = (right - left) / wide;
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) {
      let sum = 0;
      const y0 = top + y * step_y, y1 = y0 + step_y, x0 = left + x * step_x, x1 = x0 + step_x;
      for (let j = Math.floor(y0); j < Math.min(y1, bottom); j++)
        for (let k = Math.floor(x0); k < Math.min(x1, right); k++)
          sum += ink[j * side + k] * (Math.min(j + 1, y1) - Math.max(j, y0)) * (Math.min(k + 1, x1) - Math.max(k, x0));
      framed[(up + y) * width + in_ + x] = Math.round(sum / (step_y * step_x));
    }
  return framed;
}

const network = JSON.parse(document.getElementById("network").content.textContent);
for (const layer of [...network.blocks, network.head]) {
  layer.weights = unpack(layer.weights);
  layer.bias = unpack(layer.bias);
}

// Logits of an image, ink 1 on 0.
function findLogits(data) {
  let image = { channels: 1, height: network.height, width: network.width, data };
  for (const block of network.blocks) image = convolve(image, block);
  const features = pool(image, network.pool), { weights, bias } = network.head;
  return bias.map((start, k) => features.reduce((sum, f, j) => sum + f * weights[k * features.length + j], start));
}

function readOffline(path, question) {
  if (path === "/about")
    return { name: network.name, n_classes: network.labels.length, side: network.side, collecting: null };
  const ink = Uint8Array.from(atob(question.pixels), (c) => 255 - c.charCodeAt(0));
  const framed = frame(ink, network.side, network);
  if (!framed) return { guesses: [], problem: "no ink, expected a character" };
  const logits = findLogits(framed.map((level) => level / 255)), most = Math.max(...logits);
  const shares = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = shares.reduce((a, b) => a + b);
  const best = shares.map((share, k) => ({ label: network.labels[k], probability: share / sum }))
    .sort((a, b) => b.probability - a.probability).slice(0, 5);
  return { guesses: best, size: [network.height, network.width], ink: btoa(String.fromCharCode(...framed)) };
}
