# __service__

Owns __noun__s: one stream `__noun__-<id>` each.

| | |
|---|---|
| accepts | `cmd.__service__.__noun__.open`, `cmd.__service__.__noun__.close`, `qry.__service__.__noun__.list`, `qry.__service__.health.check` |
| publishes | `evt.<org>.__service__.__noun__.opened.<id>`, `….closed.<id>` |
| read models | `__service__.__noun__s` |
