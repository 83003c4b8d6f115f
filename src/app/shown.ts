/** A value in a message about it; of an object only the names, as what is inside may be secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value !== 'object' || value === null) return String(value);
  const names = Object.keys(value);
  if (names.length === 0) return '{}';
  return `{ ${names.length > 6 ? `${names.slice(0, 6).join(', ')}, …` : names.join(', ')} }`;
}
