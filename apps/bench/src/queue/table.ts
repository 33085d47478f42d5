const FIGURE = /^[\d.,-]+( ?(ms|%|×|\/s))?$/;

/** Columns as wide as they need to be; those of figures to the right. The first row is the head. */
export function table(title: string, rows: string[][]): string {
  const columns = rows[0]!.map((_, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    const width = Math.max(...cells.map(({ length }) => length));
    const figures = cells.slice(1).every((cell) => cell === '' || FIGURE.test(cell));
    return (cell = '') => (figures ? cell.padStart(width) : cell.padEnd(width));
  });
  const lines = rows.map((row) => columns.map((align, column) => align(row[column])).join('  '));
  return [title, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n');
}

/** With as many digits as say something. */
export function number(value: number): string {
  if (value >= 100) return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
