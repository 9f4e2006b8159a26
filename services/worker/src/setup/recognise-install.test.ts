import { describe, expect, it } from 'vitest'
import { recogniseInstall } from './recognise-install.ts'

describe('recogniseInstall', () => {
  it.each([
    'npm ci',
    'npm install --no-audit --no-fund',
    'CI=true pnpm install --frozen-lockfile --prefer-offline',
    'npm_config_registry=https://registry.example/npm/ npx --yes pnpm@12.21.0 install --frozen-lockfile',
    'corepack enable && yarn install --immutable',
    'yarn',
    'go mod download && npm ci',
    'cargo fetch --locked',
  ])('knows what is read by: %s', (command) => {
    expect(recogniseInstall(command)).toMatchObject({ namedFiles: [] })
  })

  it.each([
    'make setup',
    './setup.sh',
    'npm ci && npm run build',
    'npm run bootstrap',
    'npm ci; ./build.sh',
    'npm ci & ./build.sh',
    'npm ci || true',
    'npm ci > log.txt',
    'npm ci $(cat options.txt)',
    'npm ci\n./build.sh',
    'npm install ./packages/local',
    'npm install left-pad',
    'npm ci --prefix=tools',
    'npm ci --userconfig=tools/npmrc',
    'NODE_OPTIONS=--require=./hook.js npm ci',
    'npm_config_userconfig=tools/npmrc npm ci',
    'pip install .',
    'pip install -e .',
    'pip install -r requirements.txt .',
    'python3 -m pip install -r requirements.txt',
    'cargo build',
    'bundle install',
    'poetry install',
    'uv sync',
    'tools/npm ci',
    '',
  ])('does not claim to know what is read by: %s', (command) => {
    expect(recogniseInstall(command)).toBeUndefined()
  })

  it('tells which files a command names, and whether scripts of the repository run', () => {
    expect(recogniseInstall('pip install -q -r deps/base.txt --requirement dev.txt')).toEqual({
      runsScripts: false,
      namedFiles: ['deps/base.txt', 'dev.txt'],
    })
    expect(recogniseInstall('npm ci')?.runsScripts).toBe(true)
    expect(recogniseInstall('npm ci --ignore-scripts')?.runsScripts).toBe(false)
    expect(recogniseInstall('npm ci --ignore-scripts && yarn')?.runsScripts).toBe(true)
  })
})
