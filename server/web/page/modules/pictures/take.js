// A file that the user gives, as a picture for a query.
import { binarySizeOf } from "../parts/numbers.js";
import { pictureKind } from "./kinds.js";
import { sha256 } from "./sha256.js";

const k_first_bytes = 512; // tell the kind of a picture

/**
 * Why a File or Blob is refused before it is sent, called `name` ("": this file); "" if it is not. Only its first bytes are read:
 * browsers cannot read gigabytes at once. Throws if they cannot be read.
 */
export async function refusalOf(file, name, maxBytes) {
  const what = name ? `“${name}”` : "This file";
  const kind = pictureKind(new Uint8Array(await file.slice(0, k_first_bytes).arrayBuffer()));
  const { size } = file;
  if (size === 0) return `${what} is empty.`;
  if (!kind) return `${what} is not a supported picture. Use a JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF file.`;
  if (!kind.readable) return `${what} is ${kind.name}. Save it as JPEG, PNG or WebP first.`;
  if (maxBytes && size > maxBytes) return `${what} has ${binarySizeOf(size)}; the limit is ${binarySizeOf(maxBytes)}. Make it smaller first: the models use only a few hundred pixels.`;
  return "";
}

/** Base64 of bytes, in pieces that fit the call stack. */
export function base64Of(bytes) {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

/**
 * {name, type, dataUrl, digest, blob} of a File or Blob. Throws an Error in words for the user.
 * limits: those of GET /v1/page ({image_bytes}).
 */
export async function takePicture(file, limits = {}) {
  let bytes, refusal;
  try {
    refusal = await refusalOf(file, file.name, limits.image_bytes);
    if (!refusal) bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Error(`“${file.name ?? "The file"}” cannot be read: it was moved or deleted, or is a folder.`);
  }
  if (refusal) throw new Error(refusal);
  const { type } = pictureKind(bytes);
  return {
    name: file.name ?? "picture", type, digest: await sha256(bytes),
    dataUrl: `data:${type};base64,${base64Of(bytes)}`, blob: new Blob([bytes], { type }),
  };
}

/** The files of a drop or a paste, or an Error in words for the user. */
export function filesOfTransfer(transfer) {
  const files = [...(transfer?.files ?? [])];
  if (files.length === 0 && [...(transfer?.types ?? [])].includes("text/uri-list")) {
    throw new Error("This is a link to a picture, not the picture. Save it first, then drop the file.");
  }
  return files;
}
