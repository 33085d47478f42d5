/** Every way into the gateway, found in its controllers: what a route takes is what its handler's parameters say. */
import 'reflect-metadata';
import { fieldsOf, type FieldNote } from '@hybrid/contracts';
import { RequestMethod, type Type } from '@nestjs/common';
import {
  METHOD_METADATA,
  PARAMTYPES_METADATA,
  PATH_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import { GatewayModule } from '../app.module.js';
import { routeName } from '../identity/access-table.js';

export interface Taken {
  from: 'body' | 'query' | 'path' | 'header';
  /** Of one parameter or header alone. */
  name: string | undefined;
  /** Null: text, or whatever the handler reads itself. */
  type: (new () => object) | null;
}

export interface Route {
  /** As in the access table. */
  name: string;
  takes: Taken[];
}

const SOURCES = new Map<number, Taken['from']>([
  [RouteParamtypes.BODY, 'body'],
  [RouteParamtypes.QUERY, 'query'],
  [RouteParamtypes.PARAM, 'path'],
  [RouteParamtypes.HEADERS, 'header'],
]);

export function routesOfGateway(): Route[] {
  // Only to be listed: nothing of it is made.
  const nothing: Parameters<typeof GatewayModule.with> = [{}, {}, {}, {}, {}] as never;
  return (GatewayModule.with(...nothing).controllers ?? []).flatMap(routesOf);
}

function routesOf(controller: Type): Route[] {
  const prototype = controller.prototype as Record<string, object>;
  const base = Reflect.getMetadata(PATH_METADATA, controller) as string;
  return Object.getOwnPropertyNames(prototype).flatMap((handler) => {
    const method = Reflect.getMetadata(METHOD_METADATA, prototype[handler]!) as RequestMethod | undefined;
    if (method === undefined) return [];
    const path = Reflect.getMetadata(PATH_METADATA, prototype[handler]!) as string;
    const url = `/${[base, path]
      .map((part) => part.replaceAll(/^\/|\/$/g, ''))
      .filter(Boolean)
      .join('/')}`;
    return [{ name: routeName(RequestMethod[method], url), takes: takenBy(controller, handler) }];
  });
}

function takenBy(controller: Type, handler: string): Taken[] {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler) ?? {}) as Record<
    string,
    { index: number; data?: string }
  >;
  const types = Reflect.getMetadata(
    PARAMTYPES_METADATA,
    controller.prototype as object,
    handler,
  ) as unknown[];
  return Object.entries(args).flatMap(([key, { index, data }]) => {
    const from = SOURCES.get(Number(key.split(':')[0]));
    const type = types[index];
    const isText = type === undefined || type === String || type === Object;
    return from ? [{ from, name: data, type: isText ? null : (type as new () => object) }] : [];
  });
}

export interface FlatField {
  /** `report.scan.findings[].line` */
  path: string;
  /** Null: nobody said. */
  note: FieldNote | null;
}

/** With the fields of what is nested, in place of the object that holds them; but for lists of `apart`. */
export function flatFields(
  type: new () => object,
  prefix = '',
  apart: ReadonlySet<new () => object> = new Set(),
): FlatField[] {
  return fieldsOf(type).flatMap(({ name, note }) => {
    const list = note?.of && note.bounds !== 'object' ? '[]' : '';
    const path = `${prefix}${name}${list}`;
    if (!note?.of || (list && apart.has(note.of()))) return [{ path, note }];
    return flatFields(note.of(), `${path}.`, apart);
  });
}
