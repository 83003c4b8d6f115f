/** New values of a unit's lines by their names; null takes the lines away. */
export type UnitChanges = Readonly<Record<string, string | null>>;

/** A unit with other values; a paragraph that is left with comments alone goes too. */
export function changeUnit(unit: string, changes: UnitChanges): string {
  return paragraphs(unit)
    .map((lines) => {
      const kept = lines.flatMap((line) => {
        const name = nameOf(line);
        if (name === null || !Object.hasOwn(changes, name)) return [line];
        const value = changes[name];
        return value === null || value === undefined ? [] : [`${name}=${value}`];
      });
      return kept.some((line) => !line.startsWith('#')) || lines.every((line) => line.startsWith('#')) ? kept : [];
    })
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** What a user's own manager cannot do, or does not have. */
const SYSTEM_ONLY =
  /^# (What only the system's manager can do|Only hosts that are named can be reached|A password of Redis)/;
const SYSTEM_NAMES = { Wants: null, After: null, PartOf: null };

/** The unit for a user's own manager. */
export function forUser(unit: string): string {
  const rest = paragraphs(unit).filter((lines) => !SYSTEM_ONLY.test(lines[0] ?? ''));
  const text = rest.map((lines) => `${lines.join('\n')}\n`).join('\n');
  return changeUnit(text.replace(/^# What is done to tsrq\.target.*\n/m, ''), {
    ...SYSTEM_NAMES,
    WantedBy: 'default.target',
  })
    .replaceAll('systemctl ', 'systemctl --user ')
    .replace(' tsrq.target ', ' ');
}

const paragraphs = (unit: string): string[][] =>
  unit
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.split('\n'));

const nameOf = (line: string): string | null => /^([A-Za-z]+)=/.exec(line)?.[1] ?? null;

/** Words as a command line of a unit: in quotes where they need it, and with nothing in them that systemd would replace. */
export function unitWords(words: readonly string[]): string {
  return words.map(unitWord).join(' ');
}

function unitWord(word: string): string {
  const safe = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(safe)) return safe;
  return `"${safe.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`;
}
