import type { Grant, VouchedUser } from '@hybrid/contracts';

export const vouched = (name: string): VouchedUser => ({
  provider: 'google',
  issuer: 'https://accounts.example.com',
  subject: name,
  name,
  email: `${name}@example.com`,
});

export const admin: Grant = { role: 'admin' };
export const viewer: Grant = { role: 'viewer' };
