import { run } from 'cgiup'
import { fetchApp } from './apps.js'

run(fetchApp)
