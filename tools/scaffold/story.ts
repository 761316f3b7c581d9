/** The beginning of a story, in the shape of e2e/cycles. */
export const storyFiles = (name: string): Readonly<Record<string, string>> => ({
  [`e2e/${name}/README.md`]: `# ${name}

A cluster comes and goes.

\`node e2e/${name}/story.ts [--json]\`

1. A server of its own starts; the cloud is empty.
2. A cluster is made and becomes Ready.
3. It is deleted, and the cloud is empty.
`,
  [`e2e/${name}/story.ts`]: `/** A cluster comes and goes. Usage: node e2e/${name}/story.ts [--json] */
import { complaint, createCluster, deleteCluster, goneWithin, readyWithin } from '../clusters.ts'
import { settle } from '../inventory.ts'
import { isMain, makeReport, readFlags } from '../report.ts'
import { startServer } from '../server.ts'

export const run = async (o: { readonly json: boolean }): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const server = await startServer()
  try {
    await createCluster(server, 'shop')
    report.check('the cluster is Ready', (await readyWithin(server, 'shop', 120_000)) !== undefined, await complaint(server, 'shop'))
    await deleteCluster(server, 'shop')
    report.check('the cluster is gone', (await goneWithin(server, 'shop', 120_000)) !== undefined)
    const after = await settle(server, {}, 30_000)
    report.check('the cloud is empty', after.wrong === '', after.wrong)
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally { await server.stop() }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({}))
`,
})
