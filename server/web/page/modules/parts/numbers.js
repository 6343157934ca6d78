// Numbers as the page shows them.

/** 12,345.6, with so many decimals at most. */
export const grouped = (value, digits = 3) => value.toLocaleString("en", { maximumFractionDigits: digits });

export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`;

/** One of several shares: with a decimal only if it is small. */
export const roughPercent = (share) => percent(share, share > 0 && share < 0.0995 ? 1 : 0);

/** A number of bytes, in units of 1000. */
export function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999500) return `${(bytes / 1000).toPrecision(3)} kB`;
  return bytes < 999.5e6 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`;
}

/** The same in units of 1024, as limits are given. */
export const binarySizeOf = (bytes) => (bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} kB` : `${grouped(bytes / 2 ** 20, 1)} MB`);

export function timeOf(milliseconds) {
  if (milliseconds < 999.5) return `${milliseconds < 9.95 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toPrecision(3)} s`;
}
