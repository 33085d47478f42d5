import { describe, expect, it } from '@jest/globals';
import { locationOf, readStoreUrl } from './store-url.js';

describe('the URL of a store', () => {
  it('names a directory', () => {
    expect(readStoreUrl('file:///srv/arti%20facts/')).toEqual({ kind: 'directory', path: '/srv/arti facts' });
  });

  it('names a bucket, a prefix and how to reach it', () => {
    expect(
      readStoreUrl('s3://ci-data/team/artifacts/?region=eu-central-1&sse=aws:kms&kms-key=alias/ci'),
    ).toEqual({
      kind: 's3',
      bucket: 'ci-data',
      prefix: 'team/artifacts',
      region: 'eu-central-1',
      endpoint: undefined,
      pathStyle: false,
      sse: 'aws:kms',
      kmsKey: 'alias/ci',
    });
  });

  it('puts the bucket into the path where an endpoint is named, unless told', () => {
    const minio = 's3://builds?endpoint=https://minio.example.com:9000/';
    expect(readStoreUrl(minio)).toMatchObject({
      endpoint: 'https://minio.example.com:9000',
      pathStyle: true,
    });
    expect(readStoreUrl(`${minio}&path-style=false`)).toMatchObject({ pathStyle: false });
  });

  it('is shown without its options', () => {
    for (const url of ['s3://ci-data/a/b', 's3://ci-data', 'file:///srv/a'])
      expect(locationOf(readStoreUrl(url))).toBe(url);
    expect(locationOf(readStoreUrl('s3://ci-data?region=x'))).toBe('s3://ci-data');
  });

  it.each([
    ['/srv/artifacts', /like file:\/\/\/srv\/artifacts or s3:/],
    ['https://ci.s3.amazonaws.com', /like file:/],
    ['file://srv/artifacts', /absolute path: file:\/\/\/srv\/artifacts/],
    ['file:///srv/%zz', /cannot be read as a path/],
    ['file:///', /root directory/],
    ['file:///srv?region=x', /no options/],
    ['s3://', /name of a bucket/],
    ['s3://Ci_Data', /name of a bucket/],
    ['s3://ci-data/../x%2F..', /prefix/],
    ['s3://ci-data/%zz', /prefix/],
    ['s3://ci-data?regoin=x', /no option "regoin"/],
    ['s3://ci-data?region=', /once, with a value/],
    ['s3://ci-data?region=a&region=b', /once/],
    ['s3://ci-data?endpoint=minio:9000', /endpoint must be like/],
    ['s3://ci-data?endpoint=https://u:p@minio', /endpoint must be like/],
    ['s3://ci-data?sse=yes', /AES256 or aws:kms/],
    ['s3://ci-data?kms-key=k', /goes with sse=aws:kms/],
    ['s3://ci-data?path-style=1', /true or false/],
  ])('refuses %s', (url, message) => {
    expect(() => readStoreUrl(url)).toThrow(message);
  });

  it('takes no credentials, and does not repeat them', () => {
    const refused = () => readStoreUrl('s3://AKIDEXAMPLE:hunter2@ci-data');
    expect(refused).toThrow(/must hold no credentials/);
    expect(refused).not.toThrow(/hunter2/);
  });
});
