/** Under the same name as the Python module of the interoperability tests. */
export { note } from './count.js';
