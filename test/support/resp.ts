/** Cuts a stream of RESP into its top-level items: a client's commands, or a server's replies. */
export class RespItems {
  private rest = Buffer.alloc(0);

  /** How many bytes of an unfinished item have come. */
  get unfinished(): number {
    return this.rest.length;
  }

  /** The items that this chunk completes, in order. */
  push(chunk: Buffer): Buffer[] {
    this.rest = Buffer.concat([this.rest, chunk]);
    const items: Buffer[] = [];
    for (let start = 0; ;) {
      const end = itemEnd(this.rest, start);
      if (end === null) {
        this.rest = this.rest.subarray(start);
        return items;
      }
      items.push(this.rest.subarray(start, end));
      start = end;
    }
  }
}

function itemEnd(buffer: Buffer, start: number): number | null {
  const line = buffer.indexOf('\r\n', start);
  if (line < 0) return null;
  const next = line + 2;
  const length = Number(buffer.toString('latin1', start + 1, line));
  switch (String.fromCharCode(buffer[start] ?? 0)) {
    case '$':
    case '=':
    case '!': {
      const end = length < 0 ? next : next + length + 2;
      return end <= buffer.length ? end : null;
    }
    case '*':
    case '~':
    case '>':
      return itemsEnd(buffer, next, length);
    case '%':
      return itemsEnd(buffer, next, 2 * length);
    default:
      return next;
  }
}

function itemsEnd(buffer: Buffer, start: number, count: number): number | null {
  let end: number | null = start;
  for (let i = 0; i < count && end !== null; i++) end = itemEnd(buffer, end);
  return end;
}
