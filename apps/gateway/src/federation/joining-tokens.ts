/**
 * What a workload gets for its platform's token: to register with, for minutes. Kept nowhere, but signed with a key that
 * is derived for this alone, for ourselves alone: nobody else's token can be taken for one, nor one for anybody else's.
 */
import { ORGANISATION_NAME } from '@hybrid/contracts';
import { Injectable } from '@nestjs/common';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { InstallationKeys } from '../identity/installation-keys.js';

/** Whoever may join, and by which rule. */
export interface Joining {
  org: string;
  rule_id: string;
  pool: string;
  /** As the platform calls the workload. */
  subject: string;
}

export const JOINING_SECONDS = 600;

const TYPE = 'hybrid-joining+jwt';
const OURSELVES = 'urn:hybrid:gateway';
const PURPOSE = 'joining-token';
const SHAPE = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;

@Injectable()
export class JoiningTokens {
  constructor(private readonly keys: InstallationKeys) {}

  make({ org, rule_id, pool, subject }: Joining): Promise<string> {
    const { current } = this.keys;
    return new SignJWT({ org, rule_id, pool })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE, kid: current })
      .setIssuer(OURSELVES)
      .setAudience(OURSELVES)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(`${JOINING_SECONDS} s`)
      .sign(this.keys.derive(current, PURPOSE));
  }

  /** Null for anything but one of ours that is valid still. */
  async read(token: string): Promise<Joining | null> {
    if (!SHAPE.test(token)) return null;
    try {
      const { kid = '' } = decodeProtectedHeader(token);
      if (!this.keys.has(kid)) return null;
      const { payload } = await jwtVerify(token, this.keys.derive(kid, PURPOSE), {
        algorithms: ['HS256'],
        typ: TYPE,
        issuer: OURSELVES,
        audience: OURSELVES,
        requiredClaims: ['exp', 'sub'],
      });
      const { org, rule_id, pool, sub: subject } = payload;
      const complete = [rule_id, pool, subject].every((text) => typeof text === 'string');
      if (typeof org !== 'string' || !ORGANISATION_NAME.test(org) || !complete) return null;
      return { org, rule_id, pool, subject } as Joining;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return null;
      throw error;
    }
  }
}
