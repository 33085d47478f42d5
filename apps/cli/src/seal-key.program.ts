/** Names and options of `hybrid seal-key` and `hybrid artifact`. */
import type { Command } from 'commander';
import { downloadArtifact } from './artifact.command.js';
import { does, doesHere } from './does.js';

export function sealKeyCommands(program: Command): void {
  const key = program
    .command('seal-key')
    .description('keys of your own, for which agents encrypt logs and artifacts');
  key
    .command('create <file>')
    .description('make one: the key into the file, what agents need to the output')
    .action(doesHere(async () => (await import('./seal-key.command.js')).createSealKey, 1));
  key
    .command('show <file>')
    .description('what agents need of it')
    .action(doesHere(async () => (await import('./seal-key.command.js')).showSealKey, 1));
}

export function artifactCommands(program: Command): void {
  const artifact = program.command('artifact').description('files that runs have left');
  artifact
    .command('download <run> <key>')
    .description('its bytes, checked and, with --key-file, decrypted')
    .option('--to <file>', 'where to; its key in this folder unless told')
    .action(does(downloadArtifact));
}
