/** Where a key leads to from a row. */
export function stepped(at: number, name: string, height: number, length: number): number {
  switch (name) {
    case 'down':
    case 'j':
      return at + 1;
    case 'up':
    case 'k':
      return at - 1;
    case 'pagedown':
    case 'space':
      return at + height;
    case 'pageup':
      return at - height;
    case 'home':
      return 0;
    case 'end':
      return length - 1;
    default:
      return at;
  }
}
