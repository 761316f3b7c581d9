/** Where tests find the real talosctl: $TALOSCTL, or the one that lab/talos/build.sh made. Undefined: those tests are skipped. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const candidates = [process.env['TALOSCTL'], join(homedir(), '.cache/skerry-lab/talos/bin/talosctl')]
export const talosctl: string | undefined = candidates.find((path) => path !== undefined && existsSync(path))
