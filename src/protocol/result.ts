export const UNSERIALIZABLE = 'Unserializable return value';
