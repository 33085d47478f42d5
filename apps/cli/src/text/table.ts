/** Columns as wide as their widest cell, two spaces apart; the last one is not padded. `paint` colours a padded cell. */
export function table(
  head: string[],
  rows: string[][],
  paint: (cell: string, column: number, row: number) => string = (cell) => cell,
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: string[], row: number) =>
    cells
      .map((cell, column) =>
        paint(column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0), column, row),
      )
      .join('  ')
      .trimEnd();
  return [line(head, -1), ...rows.map((cells, row) => line(cells, row))].join('\n');
}
