/**
 * Keeps what V8 has compiled of the package for the next process (docs/performance.md). What reads it
 * again is the loader in scripts/core-script.mjs: before the package is there, it can import nothing.
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

/** What the loader knows of the cache. */
export interface CodePlace {
  /** Where the package is. */
  readonly directory: string
  /** Where its caches are. */
  readonly folder: string
  /** The one for this process. */
  readonly cache: string
  /** Mode of the code's file: whoever may read it may read what is made of it. */
  readonly mode: number
  /** Nobody can have written it who cannot write the code. */
  readonly trusted: (stat: Stats | undefined) => boolean
  /** `damaged`: it is not what was written. `refused`: it is, but V8 does not take it. */
  readonly found: 'nothing' | 'damaged' | 'refused'
}

/** A draft this old belongs to a process that was killed, in milliseconds. */
const staleMs = 60_000
/** How long nobody tries again after a write that failed, or one that V8 refused, in milliseconds. */
const retryMs = 600_000
/** Files that are kept for other versions of Node and other flags; beyond it the oldest goes. */
const maxFiles = 16

/** First word of each copy. */
const magic = 0x63676970
const headerBytes = 8
/** What a disk writes or loses at a time is a multiple of this. */
const sectorBytes = 512

/**
 * Called after a request, when what a request needs has been compiled. The file appears whole or not at
 * all. Nothing is reported: without a cache the next process compiles again, which is only slower.
 */
export function keepCode(script: { createCachedData(): Uint8Array }, place: CodePlace): void {
  try {
    keep(script, place)
  } catch {
    // Not ours to write, or no room.
  }
}

function keep(script: { createCachedData(): Uint8Array }, place: CodePlace): void {
  const { directory, folder, cache, found } = place
  accessSync(directory, constants.W_OK)
  // Flags that the app sets at run time make V8 refuse what others wrote: the two would replace each other's.
  if (found === 'refused' && Date.now() - statSync(cache).mtimeMs < retryMs) return
  // Not as umask has it: the web server's user reads what the owner of the files wrote.
  if (mkdirSync(folder, { recursive: true }) !== undefined)
    chmodSync(folder, statSync(directory).mode & 0o755)
  const stat = statSync(folder)
  if (!place.trusted(stat) || failedLately(stat)) return
  // First, as there may be no room for another.
  if (found === 'damaged') unlinkSync(cache)
  const draft = `${cache}.tmp`
  const fd = openDraft(draft)
  if (fd === null) return
  try {
    writeDraft(fd, cacheFile(script.createCachedData()), place.mode)
    renameSync(draft, cache)
  } catch (error) {
    unlinkSync(draft)
    // A mark that takes no room on a full disk: this date says that a write failed, ctime says when.
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

/** Flushed before it gets its name: a power cut would leave a file with holes in it. */
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
 * The data twice, each with a header: V8 checks nothing of it and crashes on a single wrong byte. Comparing two
 * copies takes a twentieth of the time of a checksum in JavaScript (docs/performance.md). No sector of one
 * copy is a sector of the other, so that holes of a pattern do not look alike in both.
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
