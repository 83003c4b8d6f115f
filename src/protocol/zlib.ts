// One zlib stream for many short texts: to make one takes as long as it then works on a kilobyte.
import { constants, createDeflate, createInflate, deflateSync, inflateSync, type Zlib } from 'node:zlib';

/**
 * Streams that are used again and again. Node documents no way to do that without its thread pool, so this is its inside, as it is
 * from 20 to 26; where it is not what is expected a stream is made for each text, as ever.
 */
export class Reused {
  readonly #make: () => Zlib;
  readonly #plain: (bytes: Buffer) => Buffer;
  /** Null: it cannot be done here. */
  #stream: Inside | null | undefined;
  #output = NOTHING;

  constructor(make: () => Zlib, plain: (bytes: Buffer) => Buffer) {
    this.#make = make;
    this.#plain = plain;
  }

  /** Null for what it cannot do: the caller must make a stream for it. */
  run(bytes: Buffer): Buffer | null {
    if (this.#stream === undefined) this.#stream = this.#tried();
    return this.#stream && this.#run(this.#stream, bytes);
  }

  #run({ _handle: handle, _writeState: left }: Inside, bytes: Buffer): Buffer | null {
    const output = this.#output;
    let failed = false;
    handle.onerror = () => {
      failed = true;
    };
    handle.reset();
    handle.writeSync(constants.Z_FINISH, bytes, 0, bytes.length, output, 0, output.length);
    // Too long, or with something behind its end.
    if (failed || left[0] === undefined || left[0] === 0 || left[1] !== 0) return null;
    return Buffer.from(output.subarray(0, output.length - left[0]));
  }

  #tried(): Inside | null {
    try {
      const stream = this.#make() as unknown as Inside;
      this.#output = Buffer.allocUnsafeSlow(LONGEST_OUTPUT);
      const sample = deflateSync('tsrq'.repeat(20));
      return this.#run(stream, sample)?.equals(this.#plain(sample)) === true ? stream : null;
    } catch {
      return null;
    }
  }
}

/** What is used of Node's class `ZlibBase`. */
interface Inside {
  readonly _handle: {
    onerror: () => void;
    reset(): void;
    writeSync(
      flush: number,
      input: Buffer,
      from: number,
      bytes: number,
      output: Buffer,
      at: number,
      room: number,
    ): void;
  };
  /** Room that is left in the output, and bytes of the input. */
  readonly _writeState: Uint32Array;
}

/** What is longer is worth a stream of its own. Bytes. */
const LONGEST_OUTPUT = 65_536;
const LONGEST_INPUT = 16_384;
const NOTHING = Buffer.alloc(0);
export const LEVEL = 3;

const deflater = new Reused(
  () => createDeflate({ level: LEVEL, chunkSize: 64 }),
  (bytes) => deflateSync(bytes, { level: LEVEL }),
);
const inflater = new Reused(
  () => createInflate({ chunkSize: 64 }),
  (bytes) => inflateSync(bytes),
);

/** A zlib stream of level 3; null where it cannot be made this way. */
export function deflateShort(bytes: Buffer): Buffer | null {
  return bytes.length <= LONGEST_INPUT ? deflater.run(bytes) : null;
}

/** What is in a zlib stream; null if that is long, or it is none, or it cannot be had this way: `inflateSync` does it, or says why it cannot. */
export function inflateShort(data: Buffer): Buffer | null {
  return data.length <= LONGEST_INPUT ? inflater.run(data) : null;
}
