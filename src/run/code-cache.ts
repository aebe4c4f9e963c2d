/**
 * Stores the package's compiled code, so that the next process need not compile it (docs/performance.md). The
 * loader in scripts/core-script.mjs reads the cache; it runs before the package is loaded, so it can import
 * nothing.
 */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'

/** What the loader knows about the cache. */
export interface CodePlace {
  /** Directory of the package. */
  readonly directory: string
  /** Directory of its caches. */
  readonly folder: string
  /** Path of the cache for this process. */
  readonly cache: string
  /** File mode of the code: the cache must not be readable by more users. */
  readonly mode: number
  /** True when only users who can write the code can have written the file. */
  readonly trusted: (stat: Stats | undefined) => boolean
  /** `damaged`: the content is not what was written. `refused`: it is, but V8 rejects it. */
  readonly found: 'nothing' | 'damaged' | 'refused'
}

/** A draft of this age, in milliseconds, was left by a process that was killed. */
const staleMs = 60_000
/** Pause after a failed write, or after a cache that V8 rejected, in milliseconds. */
const retryMs = 600_000
/**
 * Maximum number of caches kept for other versions of Node and other flags; beyond that the oldest is
 * removed.
 */
const maxFiles = 16

/** First word of each copy. */
const magic = 0x63676970
const headerBytes = 8
/** Disks write and lose data in multiples of this. */
const sectorBytes = 512

/**
 * Called after a request, when the code it needs has been compiled. The file appears complete or not at all.
 * Errors are not reported: without a cache the next process compiles again, which is only slower.
 */
export function keepCode(script: { createCachedData(): Uint8Array }, place: CodePlace): void {
  try {
    keep(script, place)
  } catch {
    // No permission, or no space.
  }
}

function keep(script: { createCachedData(): Uint8Array }, place: CodePlace): void {
  const { directory, folder, cache, found } = place
  accessSync(directory, constants.W_OK)
  // V8 rejects a cache that was written under other V8 flags, and an app can set flags at run time: without this
  // pause, two such apps would keep replacing each other's cache.
  if (found === 'refused' && Date.now() - statSync(cache).mtimeMs < retryMs) return
  // Ignores the umask: the web server's user must be able to read what the files' owner writes.
  if (mkdirSync(folder, { recursive: true }) !== undefined)
    chmodSync(folder, statSync(directory).mode & 0o755)
  const stat = statSync(folder)
  if (!place.trusted(stat) || failedLately(stat)) return
  // Removed first, because there may be no space for another one.
  if (found === 'damaged') unlinkSync(cache)
  const draft = `${cache}.tmp`
  const fd = openDraft(draft)
  if (fd === null) return
  try {
    writeDraft(fd, cacheFile(script.createCachedData()), place.mode)
    renameSync(draft, cache)
  } catch (error) {
    unlinkSync(draft)
    // A marker that takes no space on a full disk: this date means that a write failed, and ctime says when.
    utimesSync(folder, 0, 0)
    throw error
  }
  removeOldest(folder)
}

function failedLately({ mtimeMs, ctimeMs }: Stats): boolean {
  return mtimeMs === 0 && Date.now() - ctimeMs < retryMs
}

/** Null while another process writes. */
function openDraft(draft: string): number | null {
  try {
    return openSync(draft, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (Date.now() - statSync(draft).mtimeMs < staleMs) return null
  unlinkSync(draft)
  return openSync(draft, 'wx', 0o600)
}

/** Flushed before it is renamed: a power failure could otherwise leave a file with holes. */
function writeDraft(fd: number, bytes: Uint8Array, mode: number): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fchmodSync(fd, mode & 0o644)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * The data twice, each with a header: V8 does not verify its content, and crashes on a single wrong byte.
 * Comparing two copies is far cheaper than a checksum in JavaScript (docs/performance.md). The copies are
 * aligned differently to disk sectors, so that a lost sector never looks alike in both.
 */
function cacheFile(data: Uint8Array): Uint8Array {
  let length = headerBytes + Math.ceil(data.length / 8) * 8
  if (length % sectorBytes === 0) length += 8
  const bytes = Buffer.alloc(2 * length)
  for (const at of [0, length]) {
    bytes.writeUInt32LE(magic, at)
    bytes.writeUInt32LE(data.length, at + 4)
    bytes.set(data, at + headerBytes)
  }
  return bytes
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => `${folder}/${name}`)
  if (files.length <= maxFiles) return
  const byAge = files.map((file) => ({ file, time: statSync(file).mtimeMs })).sort((a, b) => a.time - b.time)
  for (const { file } of byAge.slice(0, files.length - maxFiles)) unlinkSync(file)
}
