import { run } from 'cgiup'
import { nodeApp } from './apps.js'

run(nodeApp)
