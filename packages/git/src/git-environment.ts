import { join } from 'node:path'

/** Where the git binary is looked for; the worker's own PATH is not inherited. */
export const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin'

/**
 * The whole environment of every git process, built from nothing: no configuration of the machine or of a user, no
 * prompt, no helper program, no transport but HTTP, and the repository named outright instead of searched for.
 */
export function gitEnvironmentFor(directory: string): Record<string, string> {
  return {
    PATH: SEARCH_PATH,
    HOME: join(directory, 'empty-home'),
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_DIR: directory,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'http:https',
    GIT_NO_REPLACE_OBJECTS: '1',
    // Paths given to git are names, never patterns.
    GIT_LITERAL_PATHSPECS: '1',
  }
}

/**
 * The store's configuration file, written anew at every open. It holds no secret and no address.
 * `fetch.fsckObjects` stays off: nothing that was fetched is checked out or interpreted here, and old repositories with
 * harmless faults must stay usable. What we add ourselves is checked strictly before a push.
 */
export const STORE_CONFIG = `[core]
\trepositoryformatversion = 0
\tbare = true
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tfsmonitor = false
\tlogAllRefUpdates = false
\tprotectHFS = true
\tprotectNTFS = true
\tquotePath = false
\tfilesRefLockTimeout = 5000
\tpackedRefsTimeout = 5000
[gc]
\tauto = 0
[maintenance]
\tauto = false
[credential]
\thelper =
[http]
\tfollowRedirects = false
[fetch]
\trecurseSubmodules = false
[push]
\trecurseSubmodules = no
\tgpgSign = false
\tfollowTags = false
[tar]
\tumask = 0022
[log]
\tmailmap = false
`

/**
 * `info/attributes` outranks every `.gitattributes` in a tree. `!name` means "as if nobody had said anything", so
 * `git archive` gives raw blobs and leaves nothing out, whatever the tree says.
 */
export const STORE_ATTRIBUTES =
  '* !export-ignore !export-subst -text !crlf !eol !ident !filter !working-tree-encoding !diff\n'
