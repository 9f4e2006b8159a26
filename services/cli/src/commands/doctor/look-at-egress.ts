import { DevBotError } from '@devbot/contracts'
import { doctorSettings, readSetting } from '../../config.ts'
import { askSocket } from './ask-socket.ts'
import { type Answer, missing } from './finding.ts'

/** Whether sandboxes have a way out, and to where. */
export async function lookAtEgress(): Promise<Answer> {
  const allowed = readSetting(doctorSettings.egressAllow)
  if (readSetting(doctorSettings.egressVolume) === undefined)
    return allowed.length === 0
      ? 'none: nothing leads out of a sandbox (EGRESS_VOLUME is not set)'
      : { weak: 'EGRESS_ALLOW has no effect: EGRESS_VOLUME is not set, so nothing leads out of a sandbox' }
  const socket = readSetting(doctorSettings.egressControlSocket)
  try {
    const { status } = await askSocket(socket, '/healthz')
    if (status !== 200) throw missing(`egress-proxy answers ${status}: docker compose logs egress-proxy`)
  } catch (error) {
    if (!(error instanceof DevBotError) || error.code !== 'socket-silent') throw error
    throw missing(`${error.message}; egress-proxy is not up: docker compose logs egress-proxy`, error)
  }
  return allowed.length === 0
    ? 'to nowhere: EGRESS_ALLOW is empty. A setup command that downloads packages needs its registry there'
    : `to ${allowed.join(', ')} and nowhere else`
}
