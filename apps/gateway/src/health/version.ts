declare const HYBRID_VERSION: string;

/** Of this build. */
export const version = typeof HYBRID_VERSION === 'string' ? HYBRID_VERSION : 'development';
