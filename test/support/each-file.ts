/** Loaded by vitest before each test file. */

import { afterAll } from 'vitest'
import './reported.js'
import { removeTempDirs } from './temp.js'

afterAll(removeTempDirs)
