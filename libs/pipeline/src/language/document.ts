/** Reads YAML into plain values and remembers where each stood, within bounds that hostile text cannot pass. */
import type { FieldError } from '@hybrid/contracts';
import { DEFINITION_MAX } from '@hybrid/contracts';
import {
  Composer,
  Lexer,
  LineCounter,
  Parser,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type CST,
  type Node,
  type Pair,
} from 'yaml';

/** Levels of nesting. The language needs eight; YAML's own reader dies of a few thousand. */
const MAX_DEPTH = 50;
/** Lexical pieces of the text: 500 steps of 20 lines have half as many. Bounds the time of reading. */
const MAX_PIECES = 150_000;
/** Values once aliases are expanded. Bounds a "billion laughs". */
const MAX_VALUES = 50_000;
/** Errors of syntax that are told; the later ones mostly follow from the first. */
const MAX_FAULTS = 20;

export interface Position {
  line: number;
  column: number;
}

export interface SourceDocument {
  value: unknown;
  /** Where the value with this JSON pointer begins; the place of the nearest enclosing one if it isn't there. */
  positionOf(pointer: string): Position;
  /** Where the key of the value with this JSON pointer begins. */
  positionOfKey(pointer: string): Position;
  /** The scalar as it was written: `1.10`, where the value is the number 1.1. */
  textOf(pointer: string): string | undefined;
}

class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/**
 * The text's only YAML document with the keys it repeats, or what keeps it from being read at all. `what` it is called in
 * messages, such as `definition`; `max` characters.
 */
export function readDocument(
  text: string,
  { what = 'definition', max = DEFINITION_MAX } = {},
): { document?: SourceDocument; errors: FieldError[] } {
  const lines = new LineCounter();
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (text.length > max) {
    const message = `the ${what} has ${text.length} characters, more than ${max}; split it`;
    return { errors: [{ path: '', message, line: 1, column: 1 }] };
  }
  try {
    const [document, second] = new Composer({ uniqueKeys: false }).compose(tokens(text, lines));
    if (second)
      throw new UnreadableError(`a ${what} is one YAML document; remove the second one`, second.range[0]);
    if (!document) throw new UnreadableError(`the ${what} is empty`, 0);
    const faults = withoutEchoes([...document.errors, ...document.warnings]);
    if (faults.length > 0) {
      return {
        errors: faults.slice(0, MAX_FAULTS).map(({ message, pos }) => ({
          path: '',
          message: `not YAML: ${message.slice(0, 300)}`,
          ...place(pos[0]),
        })),
      };
    }
    const reader = new ValueReader();
    const value = reader.read(document.contents, '', 0);
    const errors = reader.repeated.map(({ pointer, offset }) => {
      const path = pathOf(pointer);
      return { path, message: `\`${path}\` is there twice; remove one`, ...place(offset) };
    });
    return { document: { value, ...reader.index(place) }, errors };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { errors: [{ path: '', message: error.message, ...place(error.offset) }] };
  }
}

/** After one slip the rest of a file fits nowhere: that says nothing more. */
function withoutEchoes<T extends { code: string }>(faults: T[]): T[] {
  return faults.filter(({ code }, index) => index === 0 || code !== 'UNEXPECTED_TOKEN');
}

/** Syntax tokens, stopping at the bounds. The parser is iterative; the composer after it recurses, so depth ends here. */
function tokens(text: string, lines: LineCounter): CST.Token[] {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const found: CST.Token[] = [];
  let pieces = 0;
  for (const lexeme of new Lexer().lex(text)) {
    found.push(...parser.next(lexeme));
    // Two more than the limit on values: the document itself, and the scalar being read.
    if (parser.stack.length > MAX_DEPTH + 2) {
      throw new UnreadableError(`nested more than ${MAX_DEPTH} levels deep`, parser.offset);
    }
    if (++pieces > MAX_PIECES) throw new UnreadableError('too many values; split the file', parser.offset);
  }
  found.push(...parser.end());
  return found;
}

interface Place {
  value: number;
  key?: number;
  text?: string;
}

class ValueReader {
  readonly repeated: { pointer: string; offset: number }[] = [];
  private readonly anchors = new Map<string, Node>();
  private readonly places = new Map<string, Place>();
  private values = 0;

  read(node: Node | null, pointer: string, depth: number, key?: number): unknown {
    const offset = node?.range?.[0] ?? key ?? 0;
    if (++this.values > MAX_VALUES) {
      throw new UnreadableError(`more than ${MAX_VALUES} values once aliases are expanded`, offset);
    }
    if (depth > MAX_DEPTH) throw new UnreadableError(`nested more than ${MAX_DEPTH} levels deep`, offset);
    this.places.set(pointer, { value: offset, key });
    if (node === null) return null;
    const target = this.resolve(node);
    if (isMap(target)) return this.readMap(target.items, pointer, depth, offset);
    if (isSeq(target)) {
      return target.items.map((item, index) =>
        this.read(item as Node | null, `${pointer}/${index}`, depth + 1),
      );
    }
    if (!isScalar(target)) throw new UnreadableError('not a value', offset);
    const { value, source } = target;
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new UnreadableError(`${source} is not a finite number`, offset);
    this.places.set(pointer, { value: offset, key, text: source });
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'boolean'
    )
      return value;
    throw new UnreadableError('only texts, numbers, true, false, lists and maps are values here', offset);
  }

  private readMap(
    items: readonly Pair[],
    pointer: string,
    depth: number,
    offset: number,
  ): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    const own = new Set<string>();
    const merged: Pair[] = [];
    for (const pair of items) {
      const { name, at } = this.keyOf(pair, offset);
      if (name === '<<') {
        merged.push(...this.mergedPairs(pair.value as Node | null, at));
        continue;
      }
      if (own.has(name)) {
        this.repeated.push({ pointer: child(pointer, name), offset: at });
        continue;
      }
      own.add(name);
      value[name] = this.read(pair.value as Node | null, child(pointer, name), depth + 1, at);
    }
    for (const pair of merged) {
      const { name, at } = this.keyOf(pair, offset);
      if (own.has(name)) continue;
      own.add(name);
      value[name] = this.read(pair.value as Node | null, child(pointer, name), depth + 1, at);
    }
    return value;
  }

  /** Pairs that `<<: *alias` or `<<: [*a, *b]` brings in; keys of the map itself go before them. */
  private mergedPairs(node: Node | null, at: number): Pair[] {
    const target = node && this.resolve(node);
    const sources = isSeq(target) ? target.items.map((item) => this.resolve(item as Node)) : [target];
    return sources.flatMap((source) => {
      if (!isMap(source)) throw new UnreadableError('`<<` takes an alias of a map, or a list of them', at);
      if ((this.values += source.items.length) > MAX_VALUES) {
        throw new UnreadableError(`more than ${MAX_VALUES} values once aliases are expanded`, at);
      }
      return source.items.filter((pair) => !(isScalar(pair.key) && pair.key.value === '<<'));
    });
  }

  private keyOf(pair: Pair, offset: number): { name: string; at: number } {
    const { key } = pair;
    const at = (key as Node | null)?.range?.[0] ?? offset;
    if (!isPair(pair) || !isScalar(key)) throw new UnreadableError('a key must be a text', at);
    const name = key.source ?? String(key.value);
    // Would set the prototype of the map instead of a key in it.
    if (name === '__proto__') throw new UnreadableError('`__proto__` cannot be a key', at);
    if (key.anchor) this.anchors.set(key.anchor, key);
    return { name, at };
  }

  /** Follows an alias. An anchor is known from the moment it is met, so one that holds itself ends at the depth limit. */
  private resolve(node: Node): Node {
    if (!isAlias(node)) {
      if (node.anchor) this.anchors.set(node.anchor, node);
      return node;
    }
    const target = this.anchors.get(node.source);
    if (!target)
      throw new UnreadableError(
        `no anchor \`&${node.source}\` stands before this alias`,
        node.range?.[0] ?? 0,
      );
    return target;
  }

  index(place: (offset: number) => Position): Omit<SourceDocument, 'value'> {
    const nearest = (pointer: string): Place => {
      for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
        const found = this.places.get(at);
        if (found) return found;
      }
      return this.places.get('') ?? { value: 0 };
    };
    return {
      positionOf: (pointer) => place(nearest(pointer).value),
      positionOfKey: (pointer) => {
        const found = nearest(pointer);
        return place(found.key ?? found.value);
      },
      textOf: (pointer) => this.places.get(pointer)?.text,
    };
  }
}

/** Appends a key to a JSON pointer (RFC 6901). */
export function child(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A JSON pointer as people write it: `steps[0].config.commands`. */
export function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path ? `${path}.${part}` : part), '');
}
