// Pictures of queries, kept in this browser under their digest, so that a reload or the back button finds them again.
// The 20 newest are kept. Where the browser has no IndexedDB (private windows) they last as long as the page.

const k_database = "sightline";
const k_store = "query-pictures";
const k_most = 20;
const here = new Map();

function open() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(k_database, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(k_store, { keyPath: "digest" }).createIndex("time", "time");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** Keeps what takePicture gave. */
export async function keepPicture(picture) {
  here.set(picture.digest, picture);
  try {
    const database = await open();
    const transaction = database.transaction(k_store, "readwrite");
    const store = transaction.objectStore(k_store);
    store.put({ digest: picture.digest, name: picture.name, blob: picture.blob, time: Date.now() });
    const keys = store.index("time").getAllKeys();
    keys.onsuccess = () => keys.result.slice(0, -k_most).forEach((key) => store.delete(key));
    await finished(transaction);
    database.close();
  } catch { /* it is in `here` */ }
}

/** {name, blob} kept under a digest, or undefined. */
export async function keptPicture(digest) {
  if (here.has(digest)) return here.get(digest);
  try {
    const database = await open();
    const asked = database.transaction(k_store).objectStore(k_store).get(digest);
    const found = await new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    database.close();
    return found;
  } catch {
    return undefined;
  }
}
