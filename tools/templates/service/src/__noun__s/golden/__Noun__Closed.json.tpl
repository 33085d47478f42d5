{ "type": "__Noun__Closed", "data": { "at": "2030-01-02T03:05:05.000Z" } }
