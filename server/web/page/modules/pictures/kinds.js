// Kinds of picture files by their first bytes: those that Sightline reads, and some that people have and it does not.

const ascii = (bytes, from, to) => String.fromCharCode(...bytes.slice(from, to));

/**
 * {type: "image/jpeg", readable: true} of a file's first 16 bytes or more, {name, readable: false} of a kind that is
 * known and not read; undefined if it is no kind of picture known here.
 */
export function pictureKind(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return { type: "image/jpeg", readable: true };
  if (ascii(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return { type: "image/png", readable: true };
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return { type: "image/gif", readable: true };
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return { type: "image/webp", readable: true };
  if (ascii(bytes, 0, 2) === "BM") return { type: "image/bmp", readable: true };
  if (ascii(bytes, 4, 8) === "ftyp") {
    const brand = ascii(bytes, 8, 12);
    if (/^avi[fs]$/.test(brand)) return { type: "image/avif", readable: true };
    if (/^(he[iv][cxms]|m[is]f1)$/.test(brand)) {
      // "mif1" and "msf1" say only that it is HEIF; the brands after the version say of which kind.
      const isAvif = /^m/.test(brand) && /^(.{4})*?avi[fs]/s.test(ascii(bytes, 16, Math.min(bytes[2] * 256 + bytes[3], 512)));
      return { type: isAvif ? "image/avif" : "image/heic", readable: true };
    }
    return { name: "a video", readable: false };
  }
  if (/^(II\*\0|MM\0\*)$/.test(ascii(bytes, 0, 4))) return { name: "a TIFF picture", readable: false };
  if (ascii(bytes, 0, 5) === "%PDF-") return { name: "a PDF", readable: false };
  if (/^\s*<(\?xml|svg)/i.test(ascii(bytes, 0, 16))) return { name: "an SVG or XML file", readable: false };
  return undefined;
}
