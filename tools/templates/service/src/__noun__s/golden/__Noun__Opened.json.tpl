{ "type": "__Noun__Opened", "data": { "name": "first", "at": "2030-01-02T03:04:05.000Z" } }
