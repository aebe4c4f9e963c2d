import { gateways } from './cases/gateways.js'
import { suite } from './cases/suite.js'

suite(gateways)
