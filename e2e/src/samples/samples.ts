/** A small repository with one thing to mend, the plan for it, and what the replayed model does about it. */
export type Sample = {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  /** The file with the fault, and how it reads when it is mended. */
  readonly mended: readonly [path: string, content: string]
  /** What the agent runs once it has mended it, and what that has to say. */
  readonly tries: readonly [command: string, expect: string]
}

/** pytest, found by the worker itself. */
export function pythonSample(image: string): Sample {
  return {
    name: 'python',
    files: {
      '.devbot.yml': `image: ${image}\n`,
      'pyproject.toml':
        '[project]\nname = "slugs"\nversion = "1.0.0"\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
      'slugs.py': 'def slug(title):\n    return title.replace(" ", "-")\n',
      'tests/test_slugs.py':
        'import sys\n\nsys.path.insert(0, ".")\n\nfrom slugs import slug\n\n\ndef test_lower_case():\n    assert slug("Hello World") == "hello-world"\n\n\ndef test_one_word():\n    assert slug("hello") == "hello"\n',
    },
    mended: ['slugs.py', 'def slug(title):\n    return title.lower().replace(" ", "-")\n'],
    tries: ['python3 -m pytest -q', '2 passed'],
  }
}

/** `go test ./...`, found by the worker itself. */
export function goSample(image: string): Sample {
  return {
    name: 'go',
    files: {
      '.devbot.yml': `image: ${image}\n`,
      'go.mod': 'module example.com/wrap\n\ngo 1.19\n',
      'wrap.go':
        'package wrap\n\n// Words splits a line at its spaces.\nfunc Words(line string) []string {\n\treturn []string{line}\n}\n',
      'wrap_test.go':
        'package wrap\n\nimport "testing"\n\nfunc TestWords(t *testing.T) {\n\tif got := len(Words("one two")); got != 2 {\n\t\tt.Fatalf("got %d words, want 2", got)\n\t}\n}\n',
    },
    mended: [
      'wrap.go',
      'package wrap\n\nimport "strings"\n\n// Words splits a line at its spaces.\nfunc Words(line string) []string {\n\treturn strings.Fields(line)\n}\n',
    ],
    tries: ['go test ./...', 'ok\\s+example.com/wrap'],
  }
}

/** A script, in an image that has nothing but `sh` and busybox. */
export function busyboxSample(image: string): Sample {
  return {
    name: 'busybox',
    files: {
      '.devbot.yml': `image: ${image}\ntest: sh test.sh\n`,
      'count.sh': '# Prints how many lines of its input are not empty.\nwc -l\n',
      'test.sh':
        'set -e\ngot=$(printf "a\\n\\nb\\n" | sh count.sh | tr -d " ")\n[ "$got" = 2 ] || { echo "got $got, want 2"; exit 1; }\necho all well\n',
    },
    mended: ['count.sh', '# Prints how many lines of its input are not empty.\ngrep -c .\n'],
    tries: ['sh test.sh', 'all well'],
  }
}

/** Tests that need PostgreSQL and Redis beside them, both empty each time. */
export function servicesSample(images: {
  readonly python: string
  readonly postgres: string
  readonly redis: string
}): Sample {
  const start =
    'initdb -D /var/lib/postgresql/data -U postgres -A trust -N >/dev/null && exec postgres -D /var/lib/postgresql/data -c fsync=off'
  return {
    name: 'services',
    files: {
      '.devbot.yml': [
        `image: ${images.python}`,
        'test: python3 -m pytest -q -p no:cacheprovider',
        'services:',
        '  db:',
        `    image: ${images.postgres}`,
        '    port: 5432',
        `    command: [sh, -c, "${start}"]`,
        '    health: pg_isready -h 127.0.0.1 -U postgres',
        '  cache:',
        `    image: ${images.redis}`,
        '    port: 6379',
        '',
      ].join('\n'),
      'visits.py': [
        'import psycopg2',
        'import redis',
        '',
        '',
        'def connect():',
        '    return psycopg2.connect(host="127.0.0.1", user="postgres"), redis.Redis(host="127.0.0.1")',
        '',
        '',
        'def visit(db, cache, name):',
        '    with db, db.cursor() as cursor:',
        '        cursor.execute("insert into visits (name) values (%s)", (name,))',
        '    cache.set("visits", 1)',
        '',
      ].join('\n'),
      'test_visits.py': [
        'from visits import connect, visit',
        '',
        '',
        'def test_counts_in_both():',
        '    db, cache = connect()',
        '    assert cache.dbsize() == 0',
        '    with db, db.cursor() as cursor:',
        '        cursor.execute("create table visits (name text)")',
        '    visit(db, cache, "ada")',
        '    visit(db, cache, "ada")',
        '    with db.cursor() as cursor:',
        '        cursor.execute("select count(*) from visits")',
        '        assert cursor.fetchone() == (2,)',
        '    assert cache.get("visits") == b"2"',
        '',
      ].join('\n'),
    },
    mended: [
      'visits.py',
      [
        'import psycopg2',
        'import redis',
        '',
        '',
        'def connect():',
        '    return psycopg2.connect(host="127.0.0.1", user="postgres"), redis.Redis(host="127.0.0.1")',
        '',
        '',
        'def visit(db, cache, name):',
        '    with db, db.cursor() as cursor:',
        '        cursor.execute("insert into visits (name) values (%s)", (name,))',
        '    cache.incr("visits")',
        '',
      ].join('\n'),
    ],
    tries: ['python3 -m pytest -q', '1 passed'],
  }
}
