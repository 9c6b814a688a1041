// SPDX-License-Identifier: Apache-2.0
// Horizontal bars, readable on a light and on a dark page.
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

// bars: [name, number]
export function barChart(title, bars) {
  const [line, names, width] = [26, 330, 420];
  const most = Math.max(...bars.map(([, value]) => value));
  const rows = bars.map(([name, value], i) => {
    const y = 44 + i * line;
    const length = Math.max(1, Math.round((value / most) * width));
    const colour = name.startsWith('bounced') ? '#2a7d4f' : '#8a8f98';
    return `<text x="${names - 8}" y="${y + 13}" text-anchor="end">${escape(name)}</text>` +
      `<rect x="${names}" y="${y}" width="${length}" height="18" rx="2" fill="${colour}"/>` +
      `<text x="${names + length + 6}" y="${y + 13}">${value}</text>`;
  });
  const height = 44 + bars.length * line + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${names + width + 80} ${height}" ` +
    `font-family="sans-serif" font-size="13" fill="#6e7681">\n<title>${escape(title)}</title>\n` +
    `<text x="8" y="22" font-size="15">${escape(title)}</text>\n${rows.join('\n')}\n</svg>\n`;
}
