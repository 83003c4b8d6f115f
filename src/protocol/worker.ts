export function birthFields(b: { birth: string; lastHeartbeat: string; queues: readonly string[]; pid: number; hostname: string; ipAddress: string; version: string; pythonVersion: string; state: string }): [string, string | number][] {
  return [['birth', b.birth], ['last_heartbeat', b.lastHeartbeat], ['queues', b.queues.join(',')], ['pid', b.pid], ['hostname', b.hostname], ['ip_address', b.ipAddress], ['version', b.version], ['python_version', b.pythonVersion], ['state', b.state]];
}
