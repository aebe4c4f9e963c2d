import { describe, expect, it } from 'vitest'
import { bodyCases } from './body-cases.js'
import { headersCases } from './headers-cases.js'
import { lightWeb, outcome, platformWeb } from './observe.js'
import { requestCases } from './request-cases.js'
import { responseCases } from './response-cases.js'

describe.each([
  ['Headers', headersCases],
  ['Response', responseCases],
  ['body', bodyCases],
  ['Request', requestCases],
] as const)('light %s behaves like that of the platform', (_, cases) => {
  it.each(cases)('%s', async (_name, run) => {
    const wanted = await outcome(run, platformWeb)
    expect(await outcome(run, lightWeb)).toEqual(wanted)
  })
})
