"""Every chart of the page as a file for a paper: SVG, or PNG at 300 dots per inch.

The browser draws it once more, on white and in ink whatever the theme, with the Plotly that shows
it: nothing else is needed on the server. A chart's file has the name in its layout's `meta`, else
its title.
"""

# Turns an SVG file of the server's cache into a PNG file on the visitor's side.
PNG_OF_SVG = """async (path) => {
  if (!path) return;
  const folder = location.pathname.replace(/\\/?$/, '/');
  const text = await (await fetch(folder + 'gradio_api/file=' + encodeURI(path))).text();
  const url = URL.createObjectURL(new Blob([text], {type: 'image/svg+xml'}));
  const drawing = new Image();
  drawing.src = url;
  await drawing.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(drawing.naturalWidth * 300 / 96);
  canvas.height = Math.round(drawing.naturalHeight * 300 / 96);
  canvas.getContext('2d').drawImage(drawing, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  const png = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  const name = path.split('/').pop().replace(/svg$/, 'png');
  window.rrSaveChart.save(await window.rrSaveChart.withDensity(png), name);
}"""
# 300 dots per inch are 11,811 a meter, which PNG says in a chunk of its own behind the head; the
# sizes on the page are at 96. Text keeps its size: a chart of 600 pixels is 159 mm wide in print.
SCRIPT = """() => {
  const DPI = 300, HEAD = 33;
  const table = Uint32Array.from({length: 256}, (_, code) => {
    for (let bit = 0; bit < 8; bit++) code = code & 1 ? 0xEDB88320 ^ (code >>> 1) : code >>> 1;
    return code;
  });
  const sum = (bytes) => {
    let code = 0xFFFFFFFF;
    for (const byte of bytes) code = table[(code ^ byte) & 255] ^ (code >>> 8);
    return (code ^ 0xFFFFFFFF) >>> 0;
  };
  const withDensity = async (png) => {
    const bytes = new Uint8Array(await png.arrayBuffer());
    const chunk = new Uint8Array(21), view = new DataView(chunk.buffer);
    view.setUint32(0, 9);
    chunk.set([112, 72, 89, 115], 4);
    view.setUint32(8, Math.round(DPI / 0.0254));
    view.setUint32(12, Math.round(DPI / 0.0254));
    chunk[16] = 1;
    view.setUint32(17, sum(chunk.subarray(4, 17)));
    return new Blob([bytes.subarray(0, HEAD), chunk, bytes.subarray(HEAD)], {type: 'image/png'});
  };
  const save = (blob, name) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
    .slice(0, 60) || 'chart';
  const inked = (axis) => ({...axis, color: '#1a1f29', linecolor: '#1a1f29',
    gridcolor: '#d9dde4', zerolinecolor: '#9aa1ad'});
  const write = async (chart, kind, title) => {
    const layout = structuredClone(chart.layout);
    const size = {width: chart.offsetWidth, height: chart.offsetHeight};
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) layout[key] = inked(layout[key]);
    }
    Object.assign(layout, size, {paper_bgcolor: '#ffffff', plot_bgcolor: '#ffffff',
      font: {...layout.font, color: '#1a1f29'}});
    const figure = {data: chart.data, layout};
    const scale = kind === 'png' ? DPI / 96 : 1;
    const url = await window.Plotly.toImage(figure, {format: kind, ...size, scale});
    const drawn = await (await fetch(url)).blob();
    const name = slug(layout.meta?.file ?? title) + '.' + kind;
    save(kind === 'png' ? await withDensity(drawn) : drawn, name);
  };
  window.rrSaveChart = {withDensity, save};
  const offer = () => {
    for (const chart of document.querySelectorAll('.js-plotly-plot')) {
      const block = chart.closest('.rr-chart');
      if (!block) continue;
      const there = block.querySelector('.rr-chart-files');
      const bar = there ?? document.createElement('div');
      bar.hidden = !chart.data?.length;  // one that holds a sentence alone
      if (there) continue;
      bar.className = 'rr-chart-files';
      const title = block.querySelector('.rr-chart-title')?.textContent.trim() ?? 'chart';
      for (const kind of ['png', 'svg']) {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = kind.toUpperCase();
        button.title = 'Save as ' + kind.toUpperCase() + (kind === 'png' ? ', 300 dpi' : '');
        button.setAttribute('aria-label', button.title + ': ' + title);
        button.addEventListener('click', () => {
          const shown = block.querySelector('.js-plotly-plot');
          if (shown) write(shown, kind, title);
        });
        bar.append(button);
      }
      block.append(bar);
    }
  };
  new MutationObserver(offer).observe(document.body, {childList: true, subtree: true});
}"""
