{
  "name": "@hybrid/__service__",
  "version": "0.1.0",
  "private": true,
  "license": "Apache-2.0",
  "type": "module",
  "exports": { ".": "./src/app.module.ts" },
  "dependencies": {
    "@hybrid/contracts": "0.1.0",
    "@hybrid/decider": "0.1.0",
    "@hybrid/event-store": "0.1.0",
    "@hybrid/messaging": "0.1.0",
    "@hybrid/service": "0.1.0",
    "@nestjs/common": "12.1.1",
    "@nestjs/microservices": "12.1.1"
  },
  "nx": {
    "name": "__service__",
    "tags": ["scope:service"],
    "targets": {
      "build": {
        "command": "node tools/build.mjs __service__",
        "outputs": ["{workspaceRoot}/dist/__service__"]
      }
    }
  }
}
