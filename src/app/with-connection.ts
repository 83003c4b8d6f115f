import { popConnections, pushConnections, runWithConnections } from '../jobs/connections.js';
import { asConnections, type ConnectionLike } from './connections.js';

/**
 * Runs `work` with this connection: queues made in it, and in all it awaits, use it, and keep it afterwards. Nests. Closes
 * nothing.
 */
export const withConnection = <T>(connection: ConnectionLike, work: () => T): T =>
  runWithConnections(asConnections(connection), work);

/** Makes this the connection of the whole process until `popConnection()`, where none is nearer: for setting up tests. */
export const pushConnection = (connection: ConnectionLike): void => pushConnections(asConnections(connection));

/** Takes back what was pushed last; false if nothing was. */
export const popConnection = (): boolean => popConnections() !== null;
